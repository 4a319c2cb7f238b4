"""Finding out by doing whether copy-on-write regions work in this process (Linux).

A container may forbid what its kernel can do (``/proc/self/pagemap`` unreadable, memfd
filtered), and an emulated kernel may lack what its version promises. So nothing here looks
at version numbers: a small region does once all that regions do.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Final

from sandbox.memory.copy_on_write import CopyOnWriteRegion
from sandbox.memory.dirty_pages import PagemapTracker, ScanTracker
from sandbox.memory.errors import RegionPoisoned, RegionRefused
from sandbox.memory.file_image import FileImage
from sandbox.memory.kernel import map_anonymous
from sandbox.memory.runs import OS_PAGE, WASM_PAGE

if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable

    from sandbox.memory.dirty_pages import DirtyTracker

STABLE_RESERVATION: Final = 500 << 30  # the IC's largest stable memory


@cache
def best_tracker() -> Callable[[], DirtyTracker]:
    """Return the fastest tracker that a region works with.

    Raises: RegionRefused, with the reason for each.
    """
    reasons = []
    for tracker in (ScanTracker, PagemapTracker):
        try:
            rehearse(tracker)
        except RegionRefused as refusal:
            reasons.append(f"{tracker.__name__}: {refusal}")
        else:
            return tracker
    raise RegionRefused("; ".join(reasons))


def rehearse(new_tracker: Callable[[], DirtyTracker]) -> None:
    """Write, commit, write, roll back; see that memory and content are right each time.

    Raises: RegionRefused.
    """
    with (
        map_anonymous(WASM_PAGE) as area,
        CopyOnWriteRegion(FileImage(), WASM_PAGE, new_tracker) as region,
    ):
        region.attach(address_of(area), WASM_PAGE)
        area[0] = 1
        try:
            region.commit(WASM_PAGE)
        except RegionPoisoned as failure:
            raise RegionRefused(str(failure)) from failure
        area[0] = area[OS_PAGE] = 2
        region.roll_back()
        if (area[0], area[OS_PAGE], region.read(0, 1)) != (1, 0, b"\1"):
            raise RegionRefused("the kernel does not keep private file views as Linux does")


def reserve() -> None:
    """Attach a view as long as the largest stable memory.

    Raises: RegionRefused.
    """
    with (
        map_anonymous(STABLE_RESERVATION) as area,
        CopyOnWriteRegion(FileImage(), WASM_PAGE, best_tracker()) as region,
    ):
        region.attach(address_of(area), STABLE_RESERVATION)


def address_of(area: mmap.mmap) -> int:
    """Return where the memory starts."""
    return ctypes.addressof(ctypes.c_char.from_buffer(area))
