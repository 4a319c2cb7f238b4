"""What tests of canister memories share: memory that stands in for wasmtime's."""

from __future__ import annotations

import ctypes
import mmap
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sandbox.memory import RegionKind, diagnose, new_region

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from sandbox.memory import Region

COPY_ON_WRITE_WORKS: Final = diagnose()[0].active
KINDS: Final[tuple[RegionKind, ...]] = (
    ("copy-on-write", "copying") if COPY_ON_WRITE_WORKS else ("copying",)
)
_MAP_NORESERVE = 0x4000


class Arena:
    """Private anonymous memory, as wasmtime maps it for an instance; indexed like bytes."""

    def __init__(self, length: int) -> None:
        self.length = length
        if sys.platform == "linux":
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE
            self.map = mmap.mmap(-1, max(length, mmap.PAGESIZE), flags=flags)
        else:
            self.map = mmap.mmap(-1, max(length, mmap.PAGESIZE))
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.map))

    def write(self, offset: int, data: bytes) -> None:
        """Write as Wasm code does: without telling anybody."""
        assert offset + len(data) <= self.length
        ctypes.memmove(self.address + offset, data, len(data))

    def read(self, offset: int, length: int) -> bytes:
        return ctypes.string_at(self.address + offset, length)

    def close(self) -> None:
        self.map.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _fault: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def attached(
    kind: RegionKind, size_bytes: int, *, reserve: int = 0, is_rewritten: bool = False
) -> Iterator[tuple[Region, Arena]]:
    """Yield a region of zeros and the memory it shows, which may grow to ``reserve`` bytes."""
    with new_region(size_bytes, kind=kind) as region, Arena(max(size_bytes, reserve)) as arena:
        region.attach(arena.address, size_bytes, is_rewritten=is_rewritten)
        yield region, arena
        region.detach()
