"""Looking into states: overview, difference, search, change, pictures.

Functions from ``Content`` (``snapshot.content``) to plain values; nothing is printed.
"""

from snapshot.insight.diff import (
    Change,
    Difference,
    FieldChange,
    GlobalChange,
    MemoryDiff,
    diff,
    diff_memories,
)
from snapshot.insight.find import Hit, find, needle
from snapshot.insight.hexdump import change_dump, hexdump
from snapshot.insight.patch import GlobalPatch, HeapPatch, Patch, StablePatch, patched
from snapshot.insight.picture import Cell, cells, svg, text
from snapshot.insight.show import HeapRange, NamedGlobal, Overview, Use, overview
from snapshot.insight.stable import Part, StableLayout, recognise

__all__ = [
    "Cell",
    "Change",
    "Difference",
    "FieldChange",
    "GlobalChange",
    "GlobalPatch",
    "HeapPatch",
    "HeapRange",
    "Hit",
    "MemoryDiff",
    "NamedGlobal",
    "Overview",
    "Part",
    "Patch",
    "StableLayout",
    "StablePatch",
    "Use",
    "cells",
    "change_dump",
    "diff",
    "diff_memories",
    "find",
    "hexdump",
    "needle",
    "overview",
    "patched",
    "recognise",
    "svg",
    "text",
]
