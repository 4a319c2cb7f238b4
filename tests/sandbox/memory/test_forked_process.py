"""A child made by ``os.fork`` shares the memfd with its parent; it must keep its hands off."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING

import pytest

from memory_arena import KINDS, attached
from sandbox.memory import WASM_PAGE, Mark, RegionKind, UsedAfterFork, new_region

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.memory import Region

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork"),
    pytest.mark.parametrize("kind", KINDS),
]


def in_child(act: Callable[[], object]) -> object:
    """Return what ``act`` returns in a forked child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, pickle.dumps(act()))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        answer: object = pickle.load(answers)
    os.waitpid(child, 0)
    return answer


def uses(region: Region, mark: Mark) -> dict[str, Callable[[], object]]:
    return {
        "attach": lambda: region.attach(0, WASM_PAGE),
        "dirty_runs": region.dirty_runs,
        "dirty_bytes": region.dirty_bytes,
        "commit": lambda: region.commit(WASM_PAGE),
        "prepare_commit": lambda: region.prepare_commit(WASM_PAGE),
        "roll_back": region.roll_back,
        "read": lambda: region.read(0, 1),
        "extents": region.extents,
        "write": lambda: region.write(0, b"child"),
        "resize": lambda: region.resize(0),
        "mark": region.mark,
        "release": lambda: region.release(mark),
        "rewind": lambda: region.rewind(mark),
        "changed_since": lambda: region.changed_since(mark),
        "changed_between": lambda: region.changed_between(mark, mark),
        "fork": region.fork,
        "allocated_bytes": lambda: region.allocated_bytes,
    }


def refused(region: Region, mark: Mark) -> list[str]:
    names = []
    for name, use in uses(region, mark).items():
        try:
            use()
        except UsedAfterFork:
            names.append(name)
    return names


def test_a_forked_child_is_refused_and_the_parent_untouched(kind: RegionKind) -> None:
    with attached(kind, WASM_PAGE) as (region, arena):
        arena.write(0, b"parent")
        region.commit(WASM_PAGE)
        mark = region.mark()

        def misbehave() -> object:
            arena.write(0, b"child!")
            return refused(region, mark)

        assert in_child(misbehave) == list(uses(region, mark))
        assert arena.read(0, 6) == region.read(0, 6) == b"parent"
        assert region.read(0, 6, at=mark) == b"parent"


def test_a_forked_child_may_close_what_it_inherited(kind: RegionKind) -> None:
    with attached(kind, WASM_PAGE) as (region, arena):
        arena.write(0, b"parent")

        def leave() -> object:
            region.detach()
            region.close()
            return "left"

        assert in_child(leave) == "left"
        region.commit(WASM_PAGE)
        assert region.read(0, 6) == b"parent"


def test_a_forked_child_can_make_regions_of_its_own(kind: RegionKind) -> None:
    with attached(kind, WASM_PAGE) as (region, arena):
        arena.write(0, b"parent")
        region.commit(WASM_PAGE)

        def work() -> object:
            with attached(kind, WASM_PAGE) as (own, memory):
                memory.write(0, b"child")
                own.commit(WASM_PAGE)
                memory.write(0, b"lost")
                own.roll_back()
                return memory.read(0, 5)

        assert in_child(work) == b"child"
        assert region.read(0, 6) == b"parent"


def test_the_refusal_names_the_owner_and_can_be_pickled(kind: RegionKind) -> None:
    with new_region(WASM_PAGE, kind=kind) as region:

        def use() -> object:
            try:
                region.read(0, 1)
            except UsedAfterFork as refusal:
                return refusal
            return None

        refusal = in_child(use)

        assert isinstance(refusal, UsedAfterFork)
        assert refusal.owner_pid == os.getpid()
