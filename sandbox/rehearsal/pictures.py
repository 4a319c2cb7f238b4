"""Pictures of what an upgrade changed in the two memories, for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.rehearsal import Picture
from snapshot.insight import cells

if TYPE_CHECKING:
    from sandbox.execution.canister import Capture, Held
    from sandbox.rehearsal.upgrading import UpgradeRun
    from snapshot.insight import MemoryDiff

# Small enough for a phone, fine enough to see where the changes are.
_CELLS: Final = 512


def pictures(before: Capture, after: Capture, run: UpgradeRun) -> tuple[Picture, ...]:
    """Draw stable memory, and the heap where the upgrade has kept it."""
    if run.failure is not None:
        return ()
    drawn = [_picture("stable memory", after.stable, run.stable)] if after.stable else []
    if run.heap is not None and before.heap.region is after.heap.region:
        drawn.append(_picture("heap", after.heap, run.heap))
    return tuple(drawn)


def _picture(name: str, memory: Held, found: MemoryDiff) -> Picture:
    size = max(found.size_before, found.size_after)
    filled = memory.region.extents(at=memory.mark)
    drawn = cells(size, filled, found.pages, count=_CELLS)
    return Picture(name, found.size_before, found.size_after, found.pages_changed, drawn)
