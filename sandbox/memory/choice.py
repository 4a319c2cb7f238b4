"""Choosing a region: the best implementation that works in this process.

The only module that knows which platform this is; whatever works on Linux alone is
imported here, when it is wanted.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from sandbox.memory.copying import CopyingRegion
from sandbox.memory.errors import RegionRefused
from sandbox.memory.sparse_image import SparseImage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sandbox.memory.parts import FilePart
    from sandbox.memory.region import Region

RegionKind: TypeAlias = Literal["auto", "copy-on-write", "copying"]


@dataclass(frozen=True, slots=True)
class Capability:
    """One thing the platform may offer to canister memories.

    detail: what it is good for, or why it is missing.
    """

    name: str
    active: bool
    detail: str


def new_region(size_bytes: int, *, kind: RegionKind = "auto") -> Region:
    """Return a memory of zeros.

    kind: ``"auto"`` is copy-on-write where that works, else copying.

    Raises: RegionMisused (the size), RegionRefused (copy-on-write was demanded and does
        not work here).
    """
    if kind != "copying":
        try:
            return _copy_on_write(size_bytes)
        except RegionRefused:
            if kind == "copy-on-write":
                raise
    return CopyingRegion(SparseImage(), size_bytes)


def mapped_region(
    parts: Sequence[FilePart], size_bytes: int, *, kind: RegionKind = "auto"
) -> Region:
    """Return a memory that begins as parts of files, which are mapped, not copied nor written.

    parts: ascending, none over another, of whole OS pages; their files must stay as they are.
        Zeros stand between them.

    Raises: RegionRefused (where copy-on-write does not work, or too many are mapped already:
        copy them).
    """
    if kind == "copying" or sys.platform != "linux":
        raise RegionRefused("files are mapped by copy-on-write memories only")
    from sandbox.memory.copy_on_write import CopyOnWriteRegion
    from sandbox.memory.layered_image import LayeredImage, SharedBase
    from sandbox.memory.mapped_files import MappedFiles
    from sandbox.memory.rehearsal import best_tracker

    tracker = best_tracker()
    image = LayeredImage(SharedBase(MappedFiles(parts)))
    image.lengthen(size_bytes)
    return CopyOnWriteRegion(image, size_bytes, tracker)


def diagnose() -> tuple[Capability, ...]:
    """Return what canister memories can use in this process, most important first."""
    if sys.platform != "linux":
        return (Capability("copy-on-write memory", active=False, detail="needs Linux"),)
    from sandbox.memory import dirty_pages, kernel, rehearsal

    trials: tuple[tuple[str, str, Callable[[], object]], ...] = (
        # name                  what it is good for                           the trial
        ("copy-on-write memory", "costs follow the pages touched", rehearsal.best_tracker),
        ("PAGEMAP_SCAN", "changed pages of 1 GiB in 0.1 ms",
         lambda: rehearsal.rehearse(dirty_pages.ScanTracker)),
        ("pagemap", "changed pages of 1 GiB in 11 ms (if PAGEMAP_SCAN is missing)",
         lambda: rehearsal.rehearse(dirty_pages.PagemapTracker)),
        ("500 GiB reservation", "stable memory of any size at no cost", rehearsal.reserve),
        ("process_madvise", "many runs of pages discarded in one call", kernel.try_process_madvise),
    )  # fmt: skip
    return tuple(_tried(*trial) for trial in trials)


def _tried(name: str, detail: str, trial: Callable[[], object]) -> Capability:
    try:
        trial()
    except RegionRefused as refusal:
        return Capability(name, active=False, detail=str(refusal))
    return Capability(name, active=True, detail=detail)


def _copy_on_write(size_bytes: int) -> Region:
    if sys.platform != "linux":
        raise RegionRefused("copy-on-write memories need Linux")
    from sandbox.memory.copy_on_write import CopyOnWriteRegion
    from sandbox.memory.file_image import FileImage
    from sandbox.memory.rehearsal import best_tracker

    tracker = best_tracker()
    return CopyOnWriteRegion(FileImage(), size_bytes, tracker)
