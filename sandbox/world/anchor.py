"""What ``World.save`` remembers and ``World.rewind`` brings back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.cycles import SavedBank
    from sandbox.execution.canister import CanisterRuntime, Capture
    from sandbox.principal import Principal
    from sandbox.state import LogRecord
    from sandbox.world.mocks import SavedMocks
    from sandbox.world.outcalls import SavedOutcalls
    from sandbox.world.traffic import Traffic
    from snapshot.shelf import Saved


@dataclass(frozen=True, slots=True)
class SavedCanister:
    """One canister as it was."""

    runtime: CanisterRuntime
    capture: Capture
    log: tuple[tuple[LogRecord, ...], int]


@dataclass(frozen=True, slots=True)
class SavedWorld:
    """A whole sandbox as it was.

    counters: bytes drawn for canisters and for the order, and until when canisters have paid.
    """

    canisters: dict[Principal, SavedCanister]
    traffic: Traffic
    snapshots: Saved
    now_ns: int
    next_canister: int
    bank: SavedBank
    mocks: SavedMocks
    outcalls: SavedOutcalls
    stopping: frozenset[Principal]
    counters: tuple[int, int, int]
