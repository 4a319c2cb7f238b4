"""What tests of snapshots share: contents made of plain bytes, and what they are again."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, Final

from sandbox.execution.canister import Held
from sandbox.memory import Region, new_region
from sandbox.principal import Principal
from snapshot.content import Content, GlobalValue
from snapshot.ids import SnapshotId
from snapshot.record import Origin, Snapshot, Source
from snapshot.store.files import Disk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from snapshot.tree import Buffer

PAGE: Final = 65_536
CANISTER: Final = Principal.from_index(7)
MODULE: Final = b"\0asm\1\0\0\0"


def region_of(pages: Mapping[int, bytes], size_pages: int) -> Region:
    """Return a memory with these bytes at the start of these Wasm pages."""
    region = new_region(size_pages * PAGE)
    for page, data in pages.items():
        region.write(page * PAGE, data)
    return region


def snapshot_of(
    heap: Region,
    stable: Region | None = None,
    *,
    number: int = 0,
    label: str = "",
    canister: Principal = CANISTER,
    **changes: Any,
) -> Snapshot:
    """Return a snapshot of what these memories hold now."""
    small: dict[str, Any] = {
        "module": MODULE,
        "globals": (GlobalValue("i32", 7), GlobalValue("f64", 0x7FF8_0000_0000_0001)),
        "certified_data": b"certified",
        "timer_ns": 5,
        "low_memory_hook": "ready",
        "chunks": {},
    } | changes
    content = Content(heap=Held(heap), stable=Held(stable or new_region(0)), **small)
    return Snapshot(
        SnapshotId.of(canister, number),
        1_000 + number,
        label,
        Origin(Source.TAKEN, 3),
        lambda: content,
    )


def everything(snapshot: Snapshot) -> tuple[object, ...]:
    """Return all that a snapshot keeps, as plain values to compare."""
    content = snapshot.content
    memories = [
        held.region.read(0, held.mark.size_bytes, at=held.mark)
        for held in (content.heap, content.stable)
    ]
    return (
        *memories,
        content.module,
        content.globals,
        content.certified_data,
        content.timer_ns,
        content.low_memory_hook,
        dict(content.chunks),
    )


class Fault(OSError):
    """What the faulty disk raises."""


class FaultyDisk(Disk):
    """A disk whose n-th operation fails; every write before it is cut short."""

    def __init__(self, fails_at: int, code: int = errno.ENOSPC) -> None:
        self.left = fails_at
        self.code = code

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Fault(self.code, "the disk refuses")

    def create(self, path: Path) -> int:
        self._step()
        return super().create(path)

    def write(self, descriptor: int, pieces: Sequence[Buffer]) -> int:
        short = [memoryview(pieces[0])[: max(1, len(pieces[0]) * 2 // 3)]]
        try:
            self._step()
        except Fault:
            super().write(descriptor, short)  # a full disk takes what still fits
            raise
        return super().write(descriptor, short)

    def sync(self, descriptor: int) -> None:
        self._step()
        super().sync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        self._step()
        super().rename(source, target)

    def sync_directory(self, path: Path) -> None:
        self._step()
        super().sync_directory(path)

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)


class PowerLossDisk(Disk):
    """A disk that knows what would survive a power cut, and can be cut.

    Bytes survive once their file was synced, names once their directory was: until then the
    renames of a directory are undone, and files lose what was not synced.
    """

    def __init__(self) -> None:
        self._unsynced: dict[int, Path] = {}
        self._paths: dict[int, Path] = {}
        self._synced_length: dict[Path, int] = {}
        self._renamed: list[tuple[Path, Path]] = []

    def create(self, path: Path) -> int:
        descriptor = super().create(path)
        self._paths[descriptor] = path
        self._synced_length[path] = 0
        return descriptor

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        path = self._paths[descriptor]
        self._synced_length[path] = path.stat().st_size

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        self._synced_length[target] = self._synced_length.pop(source)
        self._renamed.append((source, target))

    def sync_directory(self, path: Path) -> None:
        super().sync_directory(path)
        self._renamed = [pair for pair in self._renamed if pair[1].parent != path]

    def cut_power(self) -> None:
        for source, target in reversed(self._renamed):
            target.rename(source)
            self._synced_length[source] = self._synced_length.pop(target)
        for path, length in self._synced_length.items():
            if path.exists():
                with path.open("r+b") as file:
                    file.truncate(length)
