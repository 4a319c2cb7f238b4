"""The bookkeeping of marks, with one letter standing for the content of a page."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.memory import new_region
from sandbox.memory.errors import MarkUnknown
from sandbox.memory.runs import OS_PAGE, WASM_PAGE
from sandbox.memory.undo import ZERO_PAGE, UndoChain, split_pages

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from sandbox.memory import RegionKind


def test_without_a_mark_no_page_needs_a_pre_image() -> None:
    assert UndoChain().unsaved([(0, 3 * OS_PAGE)]) == []


def test_a_page_is_saved_once_for_the_newest_mark() -> None:
    chain = UndoChain()
    chain.add(0)
    chain.save({1: b"a"})

    assert chain.unsaved([(0, 3 * OS_PAGE)]) == [0, 2]


def test_a_new_mark_needs_every_page_again() -> None:
    chain = UndoChain()
    chain.add(0)
    chain.save({1: b"a"})
    chain.add(0)

    assert chain.unsaved([(OS_PAGE, OS_PAGE)]) == [1]


def test_the_content_at_a_mark_is_the_first_pre_image_from_there_on() -> None:
    chain = UndoChain()
    first = chain.add(0)
    chain.save({1: b"a"})
    second = chain.add(0)
    chain.save({1: b"b", 2: b"c"})

    assert chain.pages_at(first, range(10)) == {1: b"a", 2: b"c"}
    assert chain.pages_at(second, range(10)) == {1: b"b", 2: b"c"}
    assert chain.pages_at(first, range(2, 3)) == {2: b"c"}
    assert chain.changed_since(second) == {1: b"b", 2: b"c"}


def test_what_changed_between_two_marks_is_what_the_deltas_between_them_hold() -> None:
    chain = UndoChain()
    first = chain.add(0)
    chain.save({1: b"a"})
    second = chain.add(0)
    chain.save({2: b"b"})
    third = chain.add(0)
    chain.save({3: b"c"})

    assert chain.changed_between(first, third) == chain.changed_between(third, first) == {1, 2}
    assert chain.changed_between(second, second) == set()


@pytest.mark.parametrize(
    "saved_for_the_older",
    [
        pytest.param({1: b"a"}, id="few"),
        pytest.param({1: b"a", 7: b"x", 8: b"y"}, id="more than for the released one"),
    ],
)
def test_releasing_a_mark_leaves_the_older_ones_pre_images_in_charge(
    saved_for_the_older: dict[int, bytes],
) -> None:
    chain = UndoChain()
    older = chain.add(0)
    chain.save(saved_for_the_older)
    released = chain.add(0)
    chain.save({1: b"b", 2: b"c"})

    chain.remove(released)

    assert chain.changed_since(older) == {2: b"c"} | saved_for_the_older


def test_releasing_the_oldest_mark_drops_what_only_it_needed() -> None:
    chain = UndoChain()
    oldest = chain.add(0)
    chain.save({1: bytes(range(256)) * (OS_PAGE // 256)})
    newest = chain.add(0)

    chain.remove(oldest)

    assert chain.saved_bytes == 0
    assert chain.changed_since(newest) == {}


def test_a_released_mark_is_unknown() -> None:
    chain = UndoChain()
    mark = chain.add(0)
    chain.remove(mark)

    with pytest.raises(MarkUnknown):
        chain.position(mark)


def test_a_mark_of_another_chain_is_unknown() -> None:
    chain, other = UndoChain(), UndoChain()
    chain.add(0)
    foreign = other.add(0)

    with pytest.raises(MarkUnknown):
        chain.remove(foreign)


def test_rewinding_to_the_newest_mark_needs_nothing_more() -> None:
    chain = UndoChain()
    chain.add(0)
    chain.save({5: b"z"})
    newest = chain.add(0)
    chain.save({1: b"a"})

    assert chain.still_needed(newest) == ({}, set())


def test_rewinding_to_an_older_mark_keeps_what_the_newer_marks_need() -> None:
    chain = UndoChain()
    oldest = chain.add(0)
    chain.save({1: b"a", 2: b"b"})
    chain.add(0)
    chain.save({2: b"c", 3: b"d"})

    assert chain.still_needed(oldest) == ({2: b"c"}, {1})


def test_pages_of_zeros_are_one_object_and_cost_nothing() -> None:
    pages = split_pages([(OS_PAGE, bytes(2 * OS_PAGE))])
    chain = UndoChain()
    chain.add(0)
    chain.save(pages)

    assert set(pages) == {1, 2}
    assert pages[1] is pages[2] is ZERO_PAGE
    assert chain.saved_bytes == 0


@pytest.mark.parametrize("memory", ["auto", "copying"])
def test_a_mark_whose_release_is_interrupted_at_any_line_confuses_no_other(
    memory: RegionKind,
) -> None:
    for count in range(1, 200):
        region = new_region(WASM_PAGE, kind=memory)
        contents, marks = [], []
        for number in range(4):
            region.write(number * OS_PAGE, b"%d" % number)
            marks.append(region.mark())
            contents.append(region.read(0, WASM_PAGE))
        region.write(0, b"now")
        now = region.read(0, WASM_PAGE)
        region.release_later(marks[1])
        region.release_later(marks[2])

        struck = _interrupted(partial(getattr, region, "allocated_bytes"), count)

        newest = region.mark()
        assert region.read(0, WASM_PAGE, at=newest) == now, count
        for kept in (0, 3):
            assert region.read(0, WASM_PAGE, at=marks[kept]) == contents[kept], count
        for gone in (1, 2):
            with pytest.raises(MarkUnknown):
                region.read(0, WASM_PAGE, at=marks[gone])
        if not struck:
            break
    assert count > 20


def _interrupted(action: Callable[[], object], count: int) -> bool:
    """Run an action with a KeyboardInterrupt at a line; False when it has fewer lines."""
    left = count

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal left
        if not frame.f_globals["__name__"].startswith("sandbox."):
            return None
        left -= event == "line"
        if not left:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with suppress(KeyboardInterrupt):
            action()
    finally:
        sys.settrace(before)
    return left <= 0
