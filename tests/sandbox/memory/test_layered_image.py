"""Forks that share pages: each memory's bytes stay its own, whatever the others do."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memory_arena import COPY_ON_WRITE_WORKS, Arena

if not COPY_ON_WRITE_WORKS:
    pytest.skip("needs copy-on-write memories", allow_module_level=True)

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sandbox.memory import (
    OS_PAGE,
    WASM_PAGE,
    Mark,
    Region,
    copy_on_write,
    layered_image,
    new_region,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

assert sys.platform == "linux"
RESERVED = 6 * WASM_PAGE


@pytest.fixture(autouse=True)
def always_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_on_write, "_WORTH_SHARING", 0)


@pytest.fixture
def region() -> Iterator[Region]:
    with new_region(4 * WASM_PAGE, kind="copy-on-write") as fresh:
        fresh.write(0, b"first")
        fresh.write(3 * WASM_PAGE, b"last")
        yield fresh


def content(region: Region) -> bytes:
    return region.read(0, region.size_bytes)


def test_a_fork_and_its_source_differ_only_in_what_they_write(region: Region) -> None:
    before = content(region)
    with region.fork() as fork:
        region.write(10, b"source")
        fork.write(20, b"fork")

        assert content(region) == before[:10] + b"source" + before[16:]
        assert content(fork) == before[:20] + b"fork" + before[24:]


def test_a_fork_at_a_mark_has_the_marks_content_and_size(region: Region) -> None:
    mark, before = region.mark(), content(region)
    region.resize(5 * WASM_PAGE)
    region.write(0, b"later")
    region.write(4 * WASM_PAGE, b"grown")

    with region.fork(at=mark) as fork:
        assert content(fork) == before
        fork.resize(5 * WASM_PAGE)
        assert fork.read(4 * WASM_PAGE, 5) == bytes(5)


def test_a_fork_outlives_its_source(region: Region) -> None:
    before = content(region)
    fork = region.fork()
    again = fork.fork()

    region.close()
    fork.close()

    assert content(again) == before
    again.close()


def test_a_live_view_follows_its_memory_after_the_fork(region: Region) -> None:
    with Arena(RESERVED) as arena:
        region.attach(arena.address, region.size_bytes)
        with region.fork() as fork:
            arena.write(5, b"seen")
            region.commit(region.size_bytes)
            arena.write(5, b"gone")
            region.roll_back()

            assert arena.read(0, 9) == b"first"[:5] + b"seen"
            assert region.read(5, 4) == b"seen"
            assert fork.read(5, 4) == bytes(4)
        region.detach()


def test_a_hundred_forks_hold_little_more_than_one(region: Region) -> None:
    region.write(0, b"x" * (4 * WASM_PAGE))
    forks = [region.fork() for _ in range(100)]
    for number, fork in enumerate(forks):
        fork.write(number * 8, b"mine")

    held = region.allocated_bytes + sum(fork.allocated_bytes for fork in forks)

    assert held < 4 * WASM_PAGE + 100 * 2 * OS_PAGE
    for number, fork in enumerate(forks):
        assert fork.read(number * 8, 4) == b"mine"
        fork.close()


def test_a_memory_written_all_over_uses_few_kernel_mappings(region: Region) -> None:
    big = new_region(64 * WASM_PAGE, kind="copy-on-write")
    big.write(0, b"base" * (16 * WASM_PAGE))
    fork = big.fork()
    expected = bytearray(content(big))
    with Arena(64 * WASM_PAGE) as arena:
        fork.attach(arena.address, fork.size_bytes)
        for page in range(0, 1_024, 2):
            arena.write(page * OS_PAGE, b"own")
            expected[page * OS_PAGE : page * OS_PAGE + 3] = b"own"
            fork.commit(fork.size_bytes)

        assert content(fork) == expected == arena.read(0, fork.size_bytes)
        assert mappings(arena) <= 2 * layered_image._MAX_RUNS + 2
        fork.detach()
    fork.close()
    big.close()


def test_a_fork_shrunk_to_nothing_can_be_mapped_and_grow_again(region: Region) -> None:
    with region.fork() as fork, Arena(RESERVED) as arena:
        fork.resize(0)
        fork.attach(arena.address, 0)
        fork.commit(0)

        arena.write(3, b"new")
        fork.commit(WASM_PAGE)

        assert content(fork) == b"\0\0\0new".ljust(WASM_PAGE, b"\0")
        fork.detach()


def mappings(arena: Arena) -> int:
    """Count the kernel's mappings of an arena."""
    maps = Path("/proc/self/maps").read_text(encoding="ascii")
    starts = [int(line.split("-")[0], 16) for line in maps.splitlines()]
    return sum(arena.address <= start < arena.address + arena.length for start in starts)


class Family(RuleBasedStateMachine):
    """Regions forked from one another, each with a view, each held against plain bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.members: list[tuple[Region, bytearray, Arena, list[tuple[Mark, bytes]]]] = []
        self.saved = (copy_on_write._WORTH_SHARING, layered_image._MAX_RUNS)
        copy_on_write._WORTH_SHARING = 0  # type: ignore[misc]  # put back in teardown
        layered_image._MAX_RUNS = 4  # type: ignore[misc]  # put back in teardown

    def teardown(self) -> None:
        for region, _, arena, _ in self.members:
            region.close()
            arena.close()
        copy_on_write._WORTH_SHARING, layered_image._MAX_RUNS = self.saved  # type: ignore[misc]  # they were changed above

    def _join(self, region: Region, data: bytes) -> None:
        arena = Arena(RESERVED)
        region.attach(arena.address, region.size_bytes)
        self.members.append((region, bytearray(data), arena, []))

    @initialize()
    def begin(self) -> None:
        region = new_region(3 * WASM_PAGE, kind="copy-on-write")
        region.write(WASM_PAGE, b"begin" * 20_000)
        self._join(region, content(region))

    @rule(which=st.integers(0, 9), seed=st.integers(0, 1 << 20), keeps=st.booleans(),
          grows=st.booleans())  # fmt: skip
    def message(self, which: int, seed: int, keeps: bool, grows: bool) -> None:
        region, data, arena, _ = self.members[which % len(self.members)]
        if not region.is_attached:
            arena_size = region.size_bytes
            arena.close()
            fresh = Arena(RESERVED)
            arena.map, arena.address = fresh.map, fresh.address
            region.attach(arena.address, arena_size)
        rng = random.Random(seed)
        size = len(data) + WASM_PAGE * (grows and len(data) < RESERVED)
        written = data.ljust(size, b"\0")
        for _ in range(rng.randrange(1, 6) if size else 0):
            at = rng.randrange(size - 9)
            arena.write(at, b"%09d" % seed)
            written[at : at + 9] = b"%09d" % seed
        if keeps:
            region.commit(size)
            data[:] = written
        else:
            region.roll_back(grown_to=size)

    @rule(which=st.integers(0, 9), at=st.integers(0, 2 * WASM_PAGE), length=st.integers(1, 9_000))
    def patch(self, which: int, at: int, length: int) -> None:
        region, data, _, _ = self.members[which % len(self.members)]
        length = min(length, len(data) - at)
        if length > 0:
            region.write(at, b"p" * length)
            data[at : at + length] = b"p" * length

    @rule(which=st.integers(0, 9), pages=st.integers(0, 6))
    def resize(self, which: int, pages: int) -> None:
        region, data, _, _ = self.members[which % len(self.members)]
        region.resize(pages * WASM_PAGE)
        data[:] = data[: pages * WASM_PAGE].ljust(pages * WASM_PAGE, b"\0")

    @rule(which=st.integers(0, 9))
    def mark(self, which: int) -> None:
        region, data, _, marks = self.members[which % len(self.members)]
        marks.append((region.mark(), bytes(data)))

    @rule(which=st.integers(0, 9), number=st.integers(0, 9))
    def rewind(self, which: int, number: int) -> None:
        region, data, _, marks = self.members[which % len(self.members)]
        if marks:
            mark, then = marks[number % len(marks)]
            region.rewind(mark)
            data[:] = then

    @precondition(lambda self: len(self.members) < 6)
    @rule(which=st.integers(0, 9), number=st.integers(-1, 5))
    def fork(self, which: int, number: int) -> None:
        region, data, _, marks = self.members[which % len(self.members)]
        mark, then = (None, bytes(data)) if number < 0 or not marks else marks[number % len(marks)]
        self._join(region.fork(at=mark), then)

    @precondition(lambda self: len(self.members) > 1)
    @rule(which=st.integers(0, 9))
    def close(self, which: int) -> None:
        region, _, arena, _ = self.members.pop(which % len(self.members))
        region.close()
        arena.close()

    @invariant()
    def everybody_has_their_own_bytes(self) -> None:
        for region, data, arena, marks in self.members:
            assert region.size_bytes == len(data)
            assert content(region) == data
            if region.is_attached:
                assert arena.read(0, len(data)) == data
            for mark, then in marks:
                assert region.read(0, mark.size_bytes, at=mark) == then
            covered = bytearray(len(data))
            for offset, length in region.extents():
                covered[offset : offset + length] = data[offset : offset + length]
            assert covered == data


TestFamily = Family.TestCase
TestFamily.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
