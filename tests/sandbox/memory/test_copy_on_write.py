"""What only the copy-on-write region promises: nothing depends on windows, nothing piles up."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memory_arena import COPY_ON_WRITE_WORKS, Arena, attached
from sandbox.memory import OS_PAGE, WASM_PAGE, diagnose, new_region

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.memory import Region

pytestmark = pytest.mark.skipif(not COPY_ON_WRITE_WORKS, reason="needs copy-on-write regions")
SCANS = any(one.name == "PAGEMAP_SCAN" and one.active for one in diagnose())


def mappings_within(arena: Arena) -> int:
    """Return how many mappings the kernel keeps for the arena."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    starts = (int(line.split("-")[0], 16) for line in lines)
    return sum(arena.address <= start < arena.address + arena.length for start in starts)


@pytest.mark.skipif(not SCANS, reason="needs PAGEMAP_SCAN")
def test_what_was_written_outside_the_window_is_stored_all_the_same() -> None:
    with attached("copy-on-write", WASM_PAGE) as (region, arena):
        arena.write(0, b"before")
        arena.write(9 * OS_PAGE, b"behind")

        region.commit(WASM_PAGE, window=(OS_PAGE, 2 * OS_PAGE))

        assert region.read(0, 6) == b"before"
        assert region.read(9 * OS_PAGE, 6) == b"behind"


def test_a_heap_that_grows_again_and_again_stays_one_mapping() -> None:
    with attached("copy-on-write", WASM_PAGE, reserve=40 * WASM_PAGE) as (region, arena):
        for pages in range(2, 41):
            arena.write((pages - 1) * WASM_PAGE, b"grown")
            region.commit(pages * WASM_PAGE)
            if pages % 3 == 0:
                region.roll_back()

        assert mappings_within(arena) == 1


def test_marks_and_rewinds_leave_the_memory_held_as_it_was() -> None:
    with attached("copy-on-write", 4 * WASM_PAGE) as (region, arena):
        before = region.allocated_bytes
        for turn in range(50):
            mark = region.mark()
            arena.write(turn % 4 * WASM_PAGE, b"x")
            region.commit(4 * WASM_PAGE)
            region.rewind(mark)
            region.release(mark)

        assert region.allocated_bytes == before == 0


def test_a_closed_region_gives_its_descriptor_back() -> None:
    descriptors = Path("/proc/self/fd")
    new_region(0, kind="copy-on-write").close()
    before = len(list(descriptors.iterdir()))

    region = new_region(WASM_PAGE, kind="copy-on-write")
    fork = region.fork()
    fork.close()
    region.close()

    assert len(list(descriptors.iterdir())) == before


def test_a_region_nobody_holds_gives_its_descriptor_back() -> None:
    descriptors = Path("/proc/self/fd")
    new_region(0, kind="copy-on-write").close()
    before = len(list(descriptors.iterdir()))

    new_region(WASM_PAGE, kind="copy-on-write")

    assert len(list(descriptors.iterdir())) == before


def test_an_old_instance_outlives_what_its_region_does() -> None:
    with new_region(2 * WASM_PAGE, kind="copy-on-write") as region, Arena(2 * WASM_PAGE) as old:
        region.attach(old.address, 2 * WASM_PAGE)
        old.write(0, b"private")
        region.detach()

        region.resize(0)

        # Were the file cut, reading its second half would kill the process.
        assert old.read(0, 7) == b"private"
        assert old.read(WASM_PAGE, 1) == b"\0"


@contextmanager
def heap(size_bytes: int) -> Iterator[tuple[Region, Arena]]:
    with attached("copy-on-write", size_bytes, is_rewritten=True) as (region, arena):
        yield region, arena


def test_pages_of_a_heap_that_stayed_private_are_not_committed_again() -> None:
    with heap(WASM_PAGE) as (region, arena):
        arena.write(0, b"one")
        assert region.commit(WASM_PAGE) == 1

        arena.write(3 * OS_PAGE, b"two")

        assert region.commit(WASM_PAGE) == 1
        assert (region.read(0, 3), region.read(3 * OS_PAGE, 3)) == (b"one", b"two")


def test_a_page_that_stayed_private_rolls_back_to_the_latest_content() -> None:
    with heap(WASM_PAGE) as (region, arena):
        arena.write(0, b"one")
        region.commit(WASM_PAGE)
        region.write(0, b"two")  # a patch from outside, under a private page
        arena.write(OS_PAGE - 4, b"lost")

        region.roll_back()

        assert arena.read(0, 3) == b"two"
        assert arena.read(OS_PAGE - 4, 4) == bytes(4)


def test_what_a_heap_writes_without_changing_it_is_not_stored() -> None:
    with heap(WASM_PAGE) as (region, arena):
        arena.write(0, bytes(3 * OS_PAGE) + b"x")

        assert region.commit(WASM_PAGE) == 1


def test_many_written_pages_of_a_heap_do_not_stay_private() -> None:
    size = 16 * WASM_PAGE
    with heap(size) as (region, arena):
        arena.write(0, b"x" * size)
        assert region.commit(size) == size // OS_PAGE

        assert region.dirty_runs() == ()
        arena.write(0, b"y")
        region.commit(size)
        assert region.dirty_runs() == ((0, OS_PAGE),)  # one stays, and is found clean
        assert region.commit(size) == 0
