"""Canister memories: committed content with marks to rewind to, and views for live instances.

``new_region`` makes one; ``Region`` says what it can do; ``diagnose`` says what this
platform offers. Imports neither wasmtime nor anything platform-specific.
"""

from sandbox.memory.choice import Capability, RegionKind, diagnose, new_region
from sandbox.memory.errors import (
    MarkUnknown,
    RegionMisused,
    RegionPoisoned,
    RegionRefused,
    UsedAfterFork,
)
from sandbox.memory.region import PreparedCommit, Region
from sandbox.memory.runs import OS_PAGE, WASM_PAGE, Run, Window
from sandbox.memory.undo import Mark

__all__ = [
    "OS_PAGE",
    "WASM_PAGE",
    "Capability",
    "Mark",
    "MarkUnknown",
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
    "new_region",
]
