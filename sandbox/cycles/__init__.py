"""Cycles: what things cost, who pays, and that none get lost."""

from __future__ import annotations

from sandbox.cycles.bank import MOST_CYCLES, Bank, CyclesReport, SavedBank, checked_cycles
from sandbox.cycles.prices import FREE, MAINNET_13_NODES, Prices
from sandbox.cycles.uses import Use

__all__ = [
    "FREE",
    "MAINNET_13_NODES",
    "MOST_CYCLES",
    "Bank",
    "CyclesReport",
    "Prices",
    "SavedBank",
    "Use",
    "checked_cycles",
]
