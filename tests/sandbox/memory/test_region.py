"""What every region promises, on each implementation."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from memory_arena import KINDS, Arena, attached
from sandbox.memory import (
    OS_PAGE,
    WASM_PAGE,
    MarkUnknown,
    RegionKind,
    RegionMisused,
    new_region,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.memory import Region

pytestmark = pytest.mark.parametrize("kind", KINDS)


def test_a_new_region_is_zeros_and_costs_nothing(kind: RegionKind) -> None:
    with new_region(16 * WASM_PAGE, kind=kind) as region:
        assert region.size_bytes == 16 * WASM_PAGE
        assert region.read(0, 16 * WASM_PAGE) == bytes(16 * WASM_PAGE)
        assert list(region.extents()) == []
        assert region.allocated_bytes == 0


def test_attaching_shows_the_content_and_nothing_else(kind: RegionKind) -> None:
    with new_region(WASM_PAGE, kind=kind) as region, Arena(WASM_PAGE) as arena:
        region.write(5, b"committed")
        arena.write(0, b"data segment of a new instance")

        region.attach(arena.address, WASM_PAGE)

        assert arena.read(0, WASM_PAGE) == region.read(0, WASM_PAGE)


def test_a_commit_makes_the_view_the_content(kind: RegionKind) -> None:
    with attached(kind, 2 * WASM_PAGE) as (region, arena):
        arena.write(OS_PAGE - 1, b"ab")
        arena.write(WASM_PAGE, b"c")

        stored = region.commit(2 * WASM_PAGE)

        assert stored == 3
        assert region.read(OS_PAGE - 1, 2) == b"ab"
        assert region.read(WASM_PAGE, 1) == b"c"
        assert region.dirty_bytes() == 0


def test_a_roll_back_makes_the_content_the_view(kind: RegionKind) -> None:
    with attached(kind, WASM_PAGE) as (region, arena):
        arena.write(0, b"kept")
        region.commit(WASM_PAGE)
        arena.write(0, b"lost")
        arena.write(9 * OS_PAGE, b"lost")

        region.roll_back()

        assert arena.read(0, 4) == b"kept"
        assert arena.read(9 * OS_PAGE, 4) == bytes(4)
        assert region.read(0, 4) == b"kept"


def test_dirty_runs_are_whole_os_pages_in_order(kind: RegionKind) -> None:
    with attached(kind, WASM_PAGE) as (region, arena):
        arena.write(3 * OS_PAGE + 7, b"x")
        arena.write(4 * OS_PAGE, b"x")
        arena.write(0, b"x")

        assert region.dirty_runs() == ((0, OS_PAGE), (3 * OS_PAGE, 2 * OS_PAGE))
        assert region.dirty_bytes() == 3 * OS_PAGE


def test_a_heap_that_grew_is_committed_with_its_new_part(kind: RegionKind) -> None:
    with attached(kind, WASM_PAGE, reserve=3 * WASM_PAGE) as (region, arena):
        arena.write(2 * WASM_PAGE, b"grown")

        region.commit(3 * WASM_PAGE)
        arena.write(2 * WASM_PAGE, b"later")
        region.roll_back()

        assert region.size_bytes == 3 * WASM_PAGE
        assert arena.read(2 * WASM_PAGE, 5) == b"grown"


def test_a_heap_that_was_empty_can_grow(kind: RegionKind) -> None:
    with attached(kind, 0, reserve=WASM_PAGE) as (region, arena):
        arena.write(0, b"first")

        region.commit(WASM_PAGE)

        assert region.read(0, 5) == b"first"


def test_a_roll_back_clears_what_had_grown(kind: RegionKind) -> None:
    with attached(kind, WASM_PAGE, reserve=3 * WASM_PAGE) as (region, arena):
        arena.write(2 * WASM_PAGE, b"grown")

        region.roll_back(grown_to=3 * WASM_PAGE)

        assert region.size_bytes == WASM_PAGE
        assert arena.read(WASM_PAGE, 2 * WASM_PAGE) == bytes(2 * WASM_PAGE)


def test_a_prepared_commit_changes_nothing_until_it_is_finished(kind: RegionKind) -> None:
    with attached(kind, WASM_PAGE) as (region, arena):
        arena.write(0, b"new")

        prepared = region.prepare_commit(WASM_PAGE)
        before = region.read(0, 3)
        region.finish_commit(prepared)

        assert before == bytes(3)
        assert region.read(0, 3) == b"new"


def test_a_prepared_commit_can_be_given_up(kind: RegionKind) -> None:
    with attached(kind, WASM_PAGE) as (region, arena):
        mark = region.mark()
        arena.write(0, b"new")

        region.prepare_commit(WASM_PAGE)
        region.roll_back()

        assert arena.read(0, 3) == bytes(3)
        assert region.read(0, 3) == region.read(0, 3, at=mark) == bytes(3)


def test_a_patch_is_seen_by_the_view(kind: RegionKind) -> None:
    with attached(kind, WASM_PAGE) as (region, arena):
        arena.write(0, b"12345")
        region.commit(WASM_PAGE)

        region.write(2, b"x")

        assert arena.read(0, 5) == b"12x45"


def test_a_patch_is_seen_even_in_an_os_page_the_view_had_changed(kind: RegionKind) -> None:
    with attached(kind, WASM_PAGE) as (region, arena):
        arena.write(0, b"uncommitted")

        region.write(2, b"patch")

        assert arena.read(0, 11) == b"\0\0patch" + bytes(4)


def test_bytes_dropped_by_shrinking_are_zero_when_the_memory_grows_again(kind: RegionKind) -> None:
    with new_region(2 * WASM_PAGE, kind=kind) as region:
        region.write(2 * WASM_PAGE - 3, b"end")

        region.resize(WASM_PAGE)
        region.resize(2 * WASM_PAGE)

        assert region.read(2 * WASM_PAGE - 3, 3) == bytes(3)
        assert region.allocated_bytes == 0


def test_a_rewind_goes_back_across_growth_and_shrinking(kind: RegionKind) -> None:
    with new_region(2 * WASM_PAGE, kind=kind) as region:
        region.write(WASM_PAGE, b"old")
        two_pages = region.mark()
        region.resize(WASM_PAGE)
        one_page = region.mark()
        region.resize(3 * WASM_PAGE)
        region.write(WASM_PAGE, b"new")

        region.rewind(one_page)
        assert region.size_bytes == WASM_PAGE
        region.rewind(two_pages)
        assert region.size_bytes == 2 * WASM_PAGE
        assert region.read(WASM_PAGE, 3) == b"old"


def test_newer_marks_survive_a_rewind_to_an_older_one(kind: RegionKind) -> None:
    with new_region(WASM_PAGE, kind=kind) as region:
        marks = []
        for letter in (b"a", b"b", b"c"):
            region.write(0, letter)
            marks.append(region.mark())
        region.write(0, b"d")

        region.rewind(marks[0])
        region.rewind(marks[2])

        assert region.read(0, 1) == b"c"
        assert [region.read(0, 1, at=mark) for mark in marks] == [b"a", b"b", b"c"]


def test_a_rewind_needs_a_new_view_when_the_old_one_is_too_small(kind: RegionKind) -> None:
    with attached(kind, 2 * WASM_PAGE) as (region, _):
        region.write(WASM_PAGE, b"far")
        large = region.mark()
        region.resize(WASM_PAGE)
        region.detach()
        with Arena(WASM_PAGE) as small, Arena(2 * WASM_PAGE) as wide:
            region.attach(small.address, WASM_PAGE)

            region.rewind(large)

            assert not region.is_attached
            region.attach(wide.address, 2 * WASM_PAGE)
            assert wide.read(WASM_PAGE, 3) == b"far"
            region.detach()


def test_a_rewind_leaves_the_memory_behind_the_view_alone(kind: RegionKind) -> None:
    with new_region(WASM_PAGE, kind=kind) as region, Arena(3 * WASM_PAGE) as arena:
        mark = region.mark()
        region.resize(3 * WASM_PAGE)
        region.write(2 * WASM_PAGE, b"beyond")
        region.resize(WASM_PAGE)
        region.attach(arena.address, WASM_PAGE)
        arena.write(2 * WASM_PAGE, b"not ours")

        region.rewind(mark)

        assert arena.read(2 * WASM_PAGE, 8) == b"not ours"
        region.detach()


def test_repeated_rewinds_to_the_newest_mark_hold_no_more_memory(kind: RegionKind) -> None:
    with attached(kind, 16 * WASM_PAGE) as (region, arena):
        arena.write(0, b"base" * WASM_PAGE)
        region.commit(16 * WASM_PAGE)
        anchor = region.mark()
        held = []
        for turn in range(3):
            for page in range(0, 64, 3):
                arena.write(page * OS_PAGE, bytes([turn + 1]) * OS_PAGE)
            region.commit(16 * WASM_PAGE)
            region.rewind(anchor)
            held.append(region.allocated_bytes)

        assert len(set(held)) == 1
        assert list(region.changed_since(anchor)) == []


def test_changed_since_names_the_pages_changed_after_the_mark(kind: RegionKind) -> None:
    with new_region(WASM_PAGE, kind=kind) as region:
        region.write(0, b"before")
        mark = region.mark()
        region.write(2 * OS_PAGE, b"after")
        region.write(3 * OS_PAGE, b"after")

        assert list(region.changed_since(mark)) == [(2 * OS_PAGE, 2 * OS_PAGE)]


def test_a_released_mark_cannot_be_used(kind: RegionKind) -> None:
    with new_region(WASM_PAGE, kind=kind) as region:
        mark = region.mark()
        region.write(0, b"now")
        region.release(mark)

        uses: list[Callable[[], object]] = [
            lambda: region.rewind(mark),
            lambda: region.release(mark),
            lambda: region.read(0, 1, at=mark),
            lambda: region.extents(at=mark),
            lambda: region.changed_since(mark),
            lambda: region.fork(at=mark),
        ]
        for use in uses:
            with pytest.raises(MarkUnknown):
                use()
        assert region.read(0, 3) == b"now"


def test_a_fork_is_independent(kind: RegionKind) -> None:
    with new_region(WASM_PAGE, kind=kind) as region:
        region.write(0, b"both")
        mark = region.mark()
        region.write(0, b"mine")
        with region.fork(at=mark) as fork, Arena(WASM_PAGE) as arena:
            fork.attach(arena.address, WASM_PAGE)
            arena.write(10, b"its")
            fork.commit(WASM_PAGE)

            assert type(fork) is type(region)
            assert fork.read(0, 13) == b"both" + bytes(6) + b"its"
            assert region.read(0, 13) == b"mine" + bytes(9)


def misuses(region: Region, arena: Arena) -> list[Callable[[], object]]:
    page = WASM_PAGE
    return [
        lambda: region.attach(arena.address, page),
        lambda: region.commit(0),
        lambda: region.commit(page + 1),
        lambda: region.roll_back(grown_to=page + OS_PAGE),
        lambda: region.read(page, 1),
        lambda: region.read(-1, 1),
        lambda: region.read(0, -1),
        lambda: region.write(page - 1, b"xy"),
        lambda: region.resize(1),
        lambda: region.resize(-page),
    ]


def test_misuse_is_refused_and_nothing_changes(kind: RegionKind) -> None:
    with attached(kind, WASM_PAGE) as (region, arena):
        arena.write(0, b"committed")
        region.commit(WASM_PAGE)
        arena.write(0, b"uncommitt")

        for misuse in misuses(region, arena):
            with pytest.raises(RegionMisused):
                misuse()

        assert region.read(0, 9) == b"committed"
        assert arena.read(0, 9) == b"uncommitt"
        assert region.size_bytes == WASM_PAGE


def test_a_view_must_be_large_enough_and_aligned(kind: RegionKind) -> None:
    with new_region(2 * WASM_PAGE, kind=kind) as region, Arena(4 * WASM_PAGE) as arena:
        for address, capacity in (
            (arena.address, WASM_PAGE),
            (arena.address + 1, 2 * WASM_PAGE),
            (arena.address, 2 * WASM_PAGE + OS_PAGE),
        ):
            with pytest.raises(RegionMisused):
                region.attach(address, capacity)

        assert not region.is_attached


def test_what_needs_a_view_is_refused_without_one(kind: RegionKind) -> None:
    with new_region(WASM_PAGE, kind=kind) as region:
        for use in (region.dirty_runs, region.roll_back, lambda: region.commit(WASM_PAGE)):
            with pytest.raises(RegionMisused, match="no view"):
                use()


def test_a_closed_region_refuses_everything(kind: RegionKind) -> None:
    region = new_region(WASM_PAGE, kind=kind)
    region.close()
    region.close()

    with pytest.raises(RegionMisused, match="closed"):
        region.read(0, 1)


def test_many_scattered_pages_are_all_found(kind: RegionKind) -> None:
    count = 3_000  # more than one answer of the kernel holds, and more than IOV_MAX
    size_bytes = -(-2 * count * OS_PAGE // WASM_PAGE) * WASM_PAGE
    with attached(kind, size_bytes) as (region, arena):
        for number in range(count):
            arena.write(2 * number * OS_PAGE, b"x")

        runs = region.dirty_runs()
        stored = region.commit(size_bytes)

        assert len(runs) == stored == count
        assert all(later[0] - run[0] == 2 * OS_PAGE for run, later in pairwise(runs))
        assert region.dirty_bytes() == 0


def test_a_mark_released_later_is_gone_at_the_next_safe_moment(kind: RegionKind) -> None:
    with new_region(WASM_PAGE, kind=kind) as region:
        region.write(0, b"x" * OS_PAGE)
        mark = region.mark()
        region.write(0, b"y" * OS_PAGE)
        held = region.allocated_bytes

        region.release_later(mark)

        assert region.allocated_bytes < held
        with pytest.raises(MarkUnknown):
            region.read(0, 1, at=mark)
