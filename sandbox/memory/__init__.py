"""Canister memories: committed content with marks to rewind to, and views for live instances.

``new_region`` makes one, ``mapped_region`` one that begins as parts of files; ``Region`` says
what it can do; ``diagnose`` says what this platform offers. Imports neither wasmtime nor anything
platform-specific.
"""

from sandbox.memory.choice import Capability, RegionKind, diagnose, mapped_region, new_region
from sandbox.memory.errors import (
    MarkUnknown,
    RegionMisused,
    RegionPoisoned,
    RegionRefused,
    UsedAfterFork,
)
from sandbox.memory.parts import FilePart, OpenFile
from sandbox.memory.region import PreparedCommit, Region
from sandbox.memory.runs import OS_PAGE, WASM_PAGE, Run, Window
from sandbox.memory.undo import Mark

__all__ = [
    "OS_PAGE",
    "WASM_PAGE",
    "Capability",
    "FilePart",
    "Mark",
    "MarkUnknown",
    "OpenFile",
    "PreparedCommit",
    "Region",
    "RegionKind",
    "RegionMisused",
    "RegionPoisoned",
    "RegionRefused",
    "Run",
    "UsedAfterFork",
    "Window",
    "diagnose",
    "mapped_region",
    "new_region",
]
