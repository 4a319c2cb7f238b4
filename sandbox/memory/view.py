"""A view: the memory of a live instance, at a raw address that Wasm code reads and writes.

The memory belongs to the engine. A ``View`` must not be touched once the instance is gone.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from sandbox.memory.errors import RegionMisused
from sandbox.memory.runs import OS_PAGE


@dataclass(frozen=True, slots=True)
class View:
    """Readable and writable memory at ``[address, address + capacity_bytes)``.

    memory: the same range as bytes.
    """

    address: int
    capacity_bytes: int
    memory: memoryview

    @classmethod
    def at(cls, address: int, capacity_bytes: int) -> View:
        """Return the view of a range.

        Raises: RegionMisused.
        """
        if address % OS_PAGE:
            raise RegionMisused(f"address {address:#x} is not at the start of an OS page")
        raw = (ctypes.c_ubyte * capacity_bytes).from_address(address)
        return cls(address, capacity_bytes, memoryview(raw).cast("B"))

    def reaching(self, end: int) -> View:
        """Return the view that covers at least ``[0, end)``: the memory grew in place."""
        return self if end <= self.capacity_bytes else View.at(self.address, end)
