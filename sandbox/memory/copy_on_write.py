"""A region whose view is a private mapping of the committed file (Linux).

The kernel does the copying: a page the instance writes becomes anonymous, and discarding
it shows the file again. Committing stores the written pages in the file and discards them;
rolling back discards only. Costs follow the pages touched, never the size.

A fault costs as much as copying some ten pages, and a heap is written in the same places
(stack, allocator, counters) by every message. So a heap's private pages stay where they are
few: after a commit they equal the file, and in a rollback they are filled from it.

What a commit finds private is compared with the file before it counts as changed, so that
how much a message changed depends on the message alone, and is the same everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.memory.errors import RegionRefused
from sandbox.memory.file_image import FileImage
from sandbox.memory.kernel import differing_pages, discard
from sandbox.memory.layered_image import LayeredImage, SharedBase
from sandbox.memory.region import PreparedCommit, Region
from sandbox.memory.runs import OS_PAGE, clipped, joined, page_window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sandbox.memory.dirty_pages import DirtyTracker
    from sandbox.memory.runs import Run, Window
    from sandbox.memory.undo import Mark
    from sandbox.memory.view import View

# Discarding clean pages between two dirty ones costs less than another range: the kernel
# maps up to 16 pages around a read fault at once, so few faults bring them back.
_NEAR_BYTES: Final = 16 * OS_PAGE

# Read pages stay mapped from message to message: a canister that reads 200 scattered pages
# in each runs four times as fast. But PAGEMAP_SCAN walks them (36 ns each) and the tables
# they leave (13 us for a GiB), so one that read 1 GiB once would pay 9 ms ever after. To
# map everything anew costs some seven scans; doing so now and then bounds both losses. A view
# of many mappings is discarded instead, which leaves the tables.
_REMAP_EVERY: Final = 16
_FEW_MAPPINGS: Final = 64

_COMPARED_BYTES: Final = 1 << 20  # at once: large enough to hide the calls, small in memory

# Pages of a heap that may stay private. Measured on a ledger that writes 17 pages in a
# transfer: a transfer took 313 us instead of 381, a query 101 instead of 162.
_KEPT_BYTES: Final = 64 * OS_PAGE

# Copying so much takes 3 ms, once; sharing makes commits of 32 pages 1.7 times as dear, since
# runs that become own are mapped one by one, for as long as the memory lives.
_WORTH_SHARING: Final = 8 << 20


class CopyOnWriteRegion(Region):
    """The ``Region`` of Linux. Windows are ignored where scanning is cheap."""

    def __init__(
        self,
        image: FileImage | LayeredImage,
        size_bytes: int,
        new_tracker: Callable[[], DirtyTracker],
    ) -> None:
        super().__init__(image, size_bytes)
        self._file = image
        self._new_tracker = new_tracker
        self._tracker = new_tracker()
        self._messages = 0
        self._private: list[Run] = []  # when last looked at: written, or kept

    def _show(self, view: View, *, fresh: bool) -> None:  # noqa: ARG002
        self._file.lengthen(view.capacity_bytes)
        self._map(view, 0)

    def _dirty(self, view: View, reach: int, window: Window | None) -> list[Run]:
        if self._tracker.follows_touched:
            window = None
        try:
            return self._tracker.find(view.address, page_window(window, reach))
        except OSError as refusal:
            raise RegionRefused(f"the kernel does not say which pages changed: {refusal}") from (
                refusal
            )

    def _changed(self, view: View, reach: int, window: Window | None) -> list[Run]:
        self._private = self._dirty(view, reach, window)
        different = (
            run for part in self._private for run in self._differences(view.address, *part)
        )
        return list(joined(different))

    def _settle(self, view: View, prepared: PreparedCommit) -> None:
        self._map(prepared.view, view.capacity_bytes)
        self._file.show(view.address, view.capacity_bytes)
        self._keep_or_drop(view, list(clipped(self._private, view.capacity_bytes)))

    def _restore(self, view: View, reach: int, window: Window | None) -> None:
        if self._tracker.follows_touched:
            private = self._dirty(view, reach, window)
        else:
            private = [(0, reach)] if reach else []
        for offset, length in self._keep_or_drop(view, private):
            view.memory[offset : offset + length] = self._file.read(offset, length)

    def _refresh(self, view: View, runs: Sequence[Run]) -> None:
        self._file.show(view.address, view.capacity_bytes)
        discard(view.address, list(joined(runs)))

    def _fork(self, at: Mark | None) -> CopyOnWriteRegion:
        image: FileImage | LayeredImage
        if self._file.allocated_bytes < _WORTH_SHARING and isinstance(self._file, FileImage):
            image = FileImage()
            size_bytes = self._content.copy_to(image, at)
        else:
            image = self._shared()
            size_bytes = self._content.adapt(image, at)
        return CopyOnWriteRegion(image, size_bytes, self._new_tracker)

    def _shared(self) -> LayeredImage:
        """Return an image that shares today's pages; what changes here from now on is apart."""
        if isinstance(self._file, FileImage):
            base = SharedBase(self._file)
            # The view maps the base already, and nothing is own yet.
            self._file = self._image = LayeredImage(base)
            self._content.replace_image(self._file)
            self._file.lengthen(base.file.length)
        return self._file.fork()

    def _map(self, view: View, start: int) -> None:
        self._file.map_into(view.address, start, view.capacity_bytes)

    def _differences(self, address: int, offset: int, length: int) -> Iterator[Run]:
        """Yield the OS pages of a run of the view at ``address`` that differ from the file."""
        for start in range(offset, offset + length, _COMPARED_BYTES):
            part = min(_COMPARED_BYTES, offset + length - start)
            stored = self._file.read(start, part)
            for at in differing_pages(address + start, stored):
                yield start + at, OS_PAGE

    def _keep_or_drop(self, view: View, private: list[Run]) -> list[Run]:
        """Drop the private pages, or return them when they stay.

        Some may lie behind the view, where the memory grew.
        """
        self._messages += 1
        behind = [run for run in private if sum(run) > view.capacity_bytes]
        if self._messages % _REMAP_EVERY == 0 and self._file.mappings <= _FEW_MAPPINGS:
            self._map(view, 0)
            private = behind
        elif self._messages % _REMAP_EVERY == 0:
            private = [(0, view.capacity_bytes), *behind]
        elif self._is_rewritten and not behind and _length(private) <= _KEPT_BYTES:
            return private
        discard(view.address, list(joined(private, _NEAR_BYTES)))
        return []


def _length(runs: Sequence[Run]) -> int:
    return sum(length for _, length in runs)
