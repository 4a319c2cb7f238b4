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
from snapshot.insight.export import export
from snapshot.insight.find import Hit, find, needle
from snapshot.insight.hexdump import change_dump, hexdump
from snapshot.insight.page import html
from snapshot.insight.parts import PartChange, changes_by_part, part_names
from snapshot.insight.patch import GlobalPatch, HeapPatch, Patch, StablePatch, patched
from snapshot.insight.picture import Cell, cells, svg, text
from snapshot.insight.show import HeapRange, NamedGlobal, Overview, Use, overview
from snapshot.insight.stable import Part, StableLayout, recognise
from snapshot.insight.values import ABSENT, ValueChange, diff_values

__all__ = [
    "ABSENT",
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
    "PartChange",
    "Patch",
    "StableLayout",
    "StablePatch",
    "Use",
    "ValueChange",
    "cells",
    "change_dump",
    "changes_by_part",
    "diff",
    "diff_memories",
    "diff_values",
    "export",
    "find",
    "hexdump",
    "html",
    "needle",
    "overview",
    "part_names",
    "patched",
    "recognise",
    "svg",
    "text",
]
