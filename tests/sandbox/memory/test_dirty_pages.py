"""The two ways to find written pages, asked about the same memory."""

from __future__ import annotations

import mmap
import os
import sys
from typing import TYPE_CHECKING

import pytest

from memory_arena import COPY_ON_WRITE_WORKS, Arena
from sandbox.memory import OS_PAGE, WASM_PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

if not COPY_ON_WRITE_WORKS or sys.platform != "linux":
    pytest.skip("needs copy-on-write regions", allow_module_level=True)

from sandbox.memory.dirty_pages import DirtyTracker, PagemapTracker, ScanTracker
from sandbox.memory.errors import RegionRefused
from sandbox.memory.kernel import discard, map_private, memfd
from sandbox.memory.rehearsal import rehearse

TRACKERS = [PagemapTracker]
try:
    rehearse(ScanTracker)
except RegionRefused:
    pass
else:
    TRACKERS.append(ScanTracker)  # type: ignore[arg-type]  # both are DirtyTracker

LENGTH = 8 * WASM_PAGE


@pytest.fixture
def view() -> Iterator[Arena]:
    """A private view of a file full of ones."""
    descriptor = memfd()
    os.pwrite(descriptor, b"\1" * LENGTH, 0)
    with Arena(LENGTH + WASM_PAGE) as arena:
        map_private(arena.address, LENGTH, descriptor, 0)
        os.close(descriptor)
        yield arena


@pytest.fixture(params=TRACKERS, ids=lambda tracker: tracker.__name__)
def tracker(request: pytest.FixtureRequest) -> DirtyTracker:
    made: DirtyTracker = request.param()
    return made


def test_an_untouched_view_is_clean(view: Arena, tracker: DirtyTracker) -> None:
    assert tracker.find(view.address, (0, LENGTH)) == []


def test_reading_does_not_dirty_a_page(view: Arena, tracker: DirtyTracker) -> None:
    assert view.read(0, LENGTH) == b"\1" * LENGTH

    assert tracker.find(view.address, (0, LENGTH)) == []


def test_a_written_page_is_dirty_even_if_its_bytes_are_the_same(
    view: Arena, tracker: DirtyTracker
) -> None:
    view.write(5 * OS_PAGE, b"\1")

    assert tracker.find(view.address, (0, LENGTH)) == [(5 * OS_PAGE, OS_PAGE)]


def test_neighbouring_pages_are_one_run(view: Arena, tracker: DirtyTracker) -> None:
    view.write(5 * OS_PAGE, b"\2" * (3 * OS_PAGE))
    view.write(LENGTH - 1, b"\2")

    assert tracker.find(view.address, (0, LENGTH)) == [
        (5 * OS_PAGE, 3 * OS_PAGE),
        (LENGTH - OS_PAGE, OS_PAGE),
    ]


def test_only_the_window_is_searched(view: Arena, tracker: DirtyTracker) -> None:
    view.write(0, b"\2" * (9 * OS_PAGE))

    assert tracker.find(view.address, (2 * OS_PAGE, 4 * OS_PAGE)) == [(2 * OS_PAGE, 2 * OS_PAGE)]


def test_written_anonymous_memory_behind_the_view_is_dirty(
    view: Arena, tracker: DirtyTracker
) -> None:
    view.write(LENGTH + 3 * OS_PAGE, b"\2")

    found = tracker.find(view.address, (0, LENGTH + WASM_PAGE))

    assert found == [(LENGTH + 3 * OS_PAGE, OS_PAGE)]


def test_a_discarded_page_is_clean_and_shows_the_file(view: Arena, tracker: DirtyTracker) -> None:
    view.write(5 * OS_PAGE, b"\2" * OS_PAGE)

    discard(view.address, [(5 * OS_PAGE, OS_PAGE)])

    assert tracker.find(view.address, (0, LENGTH)) == []
    assert view.read(5 * OS_PAGE, 1) == b"\1"


def test_many_runs_are_discarded_in_one_go(view: Arena, tracker: DirtyTracker) -> None:
    pages = range(0, LENGTH // OS_PAGE, 2)
    for page in pages:
        view.write(page * OS_PAGE, b"\2")
    runs = tracker.find(view.address, (0, LENGTH))

    discard(view.address, runs)

    assert len(runs) == len(pages)
    assert tracker.find(view.address, (0, LENGTH)) == []
    assert view.read(0, LENGTH) == b"\1" * LENGTH


def test_a_page_the_kernel_was_asked_to_reclaim_is_still_dirty(
    view: Arena, tracker: DirtyTracker
) -> None:
    view.write(5 * OS_PAGE, b"\2")
    # MADV_PAGEOUT (Linux 5.4): to swap, where there is any.
    view.map.madvise(21)

    assert tracker.find(view.address, (0, LENGTH)) == [(5 * OS_PAGE, OS_PAGE)]
    assert view.read(5 * OS_PAGE, 1) == b"\2"


def test_pages_of_the_kernel_are_those_of_the_mmap_module() -> None:
    assert os.sysconf("SC_PAGE_SIZE") == mmap.PAGESIZE == OS_PAGE
