"""A canister's memory as users read it: like bytes, without a copy of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.memory import Region


class CanisterMemory:
    """The committed content of a heap or stable memory.

    ``len(m)``, ``m[7]``, ``m[16:32]`` (only that part is read), ``bytes(m)`` (all of it).
    It always shows the present state, never a message half done.
    """

    __slots__ = ("_region",)

    def __init__(self, region: Callable[[], Region]) -> None:
        self._region = region

    def __len__(self) -> int:
        return self._region().size_bytes

    @overload
    def __getitem__(self, key: int) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> bytes: ...
    def __getitem__(self, key: int | slice) -> int | bytes:
        region = self._region()
        if isinstance(key, int):
            at = key + region.size_bytes if key < 0 else key
            if not 0 <= at < region.size_bytes:
                raise IndexError(f"byte {key} of {region.size_bytes}")
            return region.read(at, 1)[0]
        start, stop, step = key.indices(region.size_bytes)
        if step != 1:
            raise ValueError("a canister's memory is read in one piece: step must be 1")
        return region.read(start, max(0, stop - start))

    def __bytes__(self) -> bytes:
        return self[:]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, bytes | bytearray | memoryview):
            return len(self) == len(other) and self[:] == other
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # its content changes

    def __repr__(self) -> str:
        return f"<{len(self):,} bytes of canister memory>"
