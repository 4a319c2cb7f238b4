"""Every implementation against plain bytes, in any order of operations.

Three regions are driven side by side: copying, and copy-on-write with each of its two
ways to find dirty pages. The model is a few ``bytes`` objects.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from memory_arena import COPY_ON_WRITE_WORKS, Arena
from sandbox.memory import (
    OS_PAGE,
    WASM_PAGE,
    FilePart,
    Mark,
    OpenFile,
    Region,
    Run,
    mapped_region,
    new_region,
)
from sandbox.memory.copying import CopyingRegion

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = pytest.mark.slow

LIMIT = 3 * WASM_PAGE
PAGES = LIMIT // OS_PAGE
MOST_MARKS = 5
Write: TypeAlias = tuple[int, int, bool]


def regions(size_bytes: int) -> list[Region]:
    if not COPY_ON_WRITE_WORKS:
        return [new_region(size_bytes, kind="copying")]
    from sandbox.memory.copy_on_write import CopyOnWriteRegion
    from sandbox.memory.dirty_pages import PagemapTracker, ScanTracker
    from sandbox.memory.file_image import FileImage

    return [
        new_region(size_bytes, kind="copying"),
        CopyOnWriteRegion(FileImage(), size_bytes, ScanTracker),
        CopyOnWriteRegion(FileImage(), size_bytes, PagemapTracker),
    ]


@dataclass(eq=False)
class Remembered:
    """A mark of each region, and what the model says stood there."""

    marks: list[Mark]
    content: bytes


sizes = st.sampled_from([1, 2, 0, 3]).map(lambda pages: pages * WASM_PAGE)
# Mostly the same few pages: what goes wrong with marks, goes wrong where they overlap.
pages = st.sampled_from([0, 1, 2, 16, 17]) | st.integers(0, LIMIT // OS_PAGE - 1)
places = st.builds(
    lambda page, inside: page * OS_PAGE + inside, pages, st.sampled_from([0, 1, 4095])
)
# (how often a byte is repeated, whether it is zero; otherwise every write has its own byte)
one_write = st.tuples(
    places, st.sampled_from([1, 100, OS_PAGE, 2 * OS_PAGE, WASM_PAGE]), st.integers(0, 4).map(bool)
)
messages = st.lists(one_write, min_size=1, max_size=3)
choices = st.integers(0, 100)


class Regions(RuleBasedStateMachine):
    @initialize(size_bytes=sizes, reserved=st.booleans(), kept_pages=st.sampled_from([0, 3, 64]))
    def begin(self, size_bytes: int, reserved: bool, kept_pages: int) -> None:
        """reserved: as stable memory has it, the view is longer than the memory.

        kept_pages: how many written pages of a heap may stay private.
        """
        self.reserved = reserved
        self.patched = pytest.MonkeyPatch()
        if COPY_ON_WRITE_WORKS:
            name = "sandbox.memory.copy_on_write._KEPT_BYTES"
            self.patched.setattr(name, kept_pages * OS_PAGE)
        self.regions = regions(size_bytes)
        self.arenas: list[Arena] = []
        self.remembered: list[Remembered] = []
        self.committed = bytes(size_bytes)
        self.bytes_used = 0
        self.instantiate()

    def teardown(self) -> None:
        for region in getattr(self, "regions", []):
            region.close()
        for arena in getattr(self, "arenas", []):
            arena.close()
        if hasattr(self, "patched"):
            self.patched.undo()

    def instantiate(self) -> None:
        """Give every region a new instance; a heap's already holds its data segments."""
        size = len(self.committed)
        self.capacity = LIMIT if self.reserved else size
        for region in self.regions:
            region.detach()
        for arena in self.arenas:
            arena.close()
        self.arenas = [Arena(LIMIT) for _ in self.regions]
        for region, arena in zip(self.regions, self.arenas, strict=True):
            if not self.reserved:
                arena.write(0, b"data segment" * (size // 24))
            region.attach(
                arena.address, self.capacity, fresh=self.reserved, is_rewritten=not self.reserved
            )

    def instantiate_if_dropped(self) -> None:
        fits = len(self.committed) <= self.capacity
        assert all(region.is_attached == fits for region in self.regions)
        if not fits:
            self.instantiate()

    def some_bytes(self, length: int, is_zero: bool) -> bytes:
        self.bytes_used = self.bytes_used % 255 + 1
        return bytes([0 if is_zero else self.bytes_used]) * length

    # --- a message -------------------------------------------------------------------

    @rule(writes=messages, with_window=st.booleans())
    def update(self, writes: list[Write], with_window: bool) -> None:
        self.commit(*self.run(len(self.committed), writes), with_window)

    @rule(writes=messages, with_window=st.booleans())
    def update_that_grows(self, writes: list[Write], with_window: bool) -> None:
        grown_to = min(LIMIT, len(self.committed) + WASM_PAGE)
        self.commit(*self.run(grown_to, writes), with_window)

    @rule(writes=messages, with_window=st.booleans(), grows=st.booleans())
    def trap(self, writes: list[Write], with_window: bool, grows: bool) -> None:
        grown_to = min(LIMIT, len(self.committed) + grows * WASM_PAGE)
        self.roll_back(*self.run(grown_to, writes), with_window)

    @rule(writes=messages)
    def mark_and_update(self, writes: list[Write]) -> None:
        self.mark()
        self.commit(*self.run(len(self.committed), writes), False)

    @rule(choice=choices, writes=messages)
    def update_and_rewind(self, choice: int, writes: list[Write]) -> None:
        self.commit(*self.run(len(self.committed), writes), False)
        self.rewind(choice)

    def run(self, grown_to: int, writes: list[Write]) -> tuple[bytes, tuple[int, int]]:
        """Let every instance do what a message does; return its memory and the window."""
        memory = bytearray(self.committed).ljust(grown_to, b"\0")
        bounds = [self.write(memory, *write) for write in writes if memory] or [(0, 0)]
        changed = differing_pages(self.committed, bytes(memory))
        for region in self.regions:
            assert changed <= covered_pages(region.dirty_runs(grown_to=grown_to))
        return bytes(memory), (min(low for low, _ in bounds), max(high for _, high in bounds))

    def write(self, memory: bytearray, place: int, length: int, is_zero: bool) -> tuple[int, int]:
        first = min(place, len(memory) - 1)
        data = self.some_bytes(min(length, len(memory) - first), is_zero)
        memory[first : first + len(data)] = data
        for arena in self.arenas:
            arena.write(first, data)
        return first, first + len(data)

    def commit(self, memory: bytes, window: tuple[int, int], with_window: bool) -> None:
        known = window if with_window else None
        stored = [region.commit(len(memory), window=known) for region in self.regions]
        assert stored[0] == len(differing_pages(self.committed, memory)) == min(stored)
        assert self.reserved or len(set(stored)) == 1  # a heap's changes are counted exactly
        self.committed = memory
        self.capacity = max(self.capacity, len(memory))

    def roll_back(self, memory: bytes, window: tuple[int, int], with_window: bool) -> None:
        known = window if with_window else None
        for region, arena in zip(self.regions, self.arenas, strict=True):
            region.roll_back(window=known, grown_to=len(memory))
            assert not any(arena.map[len(self.committed) : len(memory)])

    # --- between messages ------------------------------------------------------------

    @rule()
    def reinstantiate(self) -> None:
        self.instantiate()

    @precondition(lambda self: self.committed)
    @rule(write=one_write)
    def patch(self, write: Write) -> None:
        place, length, is_zero = write
        first = min(place, len(self.committed) - 1)
        data = self.some_bytes(min(length, len(self.committed) - first), is_zero)
        self.committed = self.committed[:first] + data + self.committed[first + len(data) :]
        for region in self.regions:
            region.write(first, data)

    @rule(size_bytes=sizes)
    def resize(self, size_bytes: int) -> None:
        self.committed = self.committed[:size_bytes].ljust(size_bytes, b"\0")
        for region in self.regions:
            region.resize(size_bytes)
        self.instantiate_if_dropped()

    # --- marks -----------------------------------------------------------------------

    @rule()
    def mark(self) -> None:
        if len(self.remembered) == MOST_MARKS:
            self.release(MOST_MARKS // 2)
        marks = [region.mark() for region in self.regions]
        self.remembered.append(Remembered(marks, self.committed))

    @rule(choice=choices)
    def release(self, choice: int) -> None:
        if not self.remembered:
            return
        released = self.remembered.pop(choice % len(self.remembered))
        for region, mark in zip(self.regions, released.marks, strict=True):
            region.release(mark)

    @rule(choice=choices)
    def rewind(self, choice: int) -> None:
        if not self.remembered:
            return
        target = self.remembered[choice % len(self.remembered)]
        for region, mark in zip(self.regions, target.marks, strict=True):
            region.rewind(mark)
        self.committed = target.content
        self.instantiate_if_dropped()

    @rule(choice=choices)
    def fork(self, choice: int) -> None:
        at = choice % (len(self.remembered) + 1)
        content = self.remembered[at].content if at < len(self.remembered) else self.committed
        for number, region in enumerate(self.regions):
            mark = self.remembered[at].marks[number] if at < len(self.remembered) else None
            with region.fork(at=mark) as fork:
                assert fork.read(0, fork.size_bytes) == content
                fork.resize(0)

    # --- what must be true after every step ------------------------------------------

    @invariant()
    def views_show_the_content(self) -> None:
        for arena in self.arenas:
            assert arena.map[: len(self.committed)] == self.committed
            assert not any(arena.map[len(self.committed) : self.capacity])

    @invariant()
    def content_is_what_was_committed(self) -> None:
        for region in self.regions:
            check_content(region, self.committed, None)

    @invariant()
    def every_mark_keeps_its_content(self) -> None:
        for remembered in self.remembered:
            for region, mark in zip(self.regions, remembered.marks, strict=True):
                check_content(region, remembered.content, mark)
                changed = covered_pages(region.changed_since(mark))
                assert max(changed, default=0) * OS_PAGE <= region.size_bytes
                now = self.committed[: mark.size_bytes]
                assert differing_pages(remembered.content[: len(now)], now) <= changed

    @invariant()
    def changes_between_marks_are_named(self) -> None:
        for one, other in pairwise(reversed(self.remembered)):
            changed = differing_pages(one.content, other.content)
            for region, *marks in zip(self.regions, one.marks, other.marks, strict=True):
                assert changed <= covered_pages(region.changed_between(*marks))


def check_content(region: Region, content: bytes, mark: Mark | None) -> None:
    size = region.size_bytes if mark is None else mark.size_bytes
    assert size == len(content)
    assert region.read(0, size, at=mark) == content
    inner = slice(OS_PAGE - 1, size - OS_PAGE + 1)
    assert region.read(min(inner.start, size), len(content[inner]), at=mark) == content[inner]
    extents = list(region.extents(at=mark))
    assert all(offset + length <= size for offset, length in extents)
    assert differing_pages(bytes(size), content) <= covered_pages(extents)


def covered_pages(runs: Iterable[Run]) -> set[int]:
    found = list(runs)
    assert found == sorted(found)
    assert all(offset % OS_PAGE == length % OS_PAGE == 0 for offset, length in found)
    pages = [page for at, n in found for page in range(at // OS_PAGE, (at + n) // OS_PAGE)]
    assert len(pages) == len(set(pages))
    return set(pages)


def differing_pages(one: bytes, other: bytes) -> set[int]:
    length = max(len(one), len(other))
    one, other = one.ljust(length, b"\0"), other.ljust(length, b"\0")
    return {
        at // OS_PAGE
        for at in range(0, length, OS_PAGE)
        if one[at : at + OS_PAGE] != other[at : at + OS_PAGE]
    }


class MappedRegions(Regions):
    """The same with memories that begin as parts of files, of which forks take the place."""

    @initialize(
        size_pages=st.integers(1, 3),
        reserved=st.booleans(),
        cuts=st.lists(st.integers(0, PAGES), max_size=8, unique=True).map(sorted),
        most_runs=st.sampled_from([2, 4_096]),
    )
    def begin(self, size_pages: int, reserved: bool, cuts: list[int], most_runs: int) -> None:
        """cuts: where parts begin and end, in OS pages; most_runs: of own pages."""
        self.reserved = reserved
        self.patched = pytest.MonkeyPatch()
        self.patched.setattr("sandbox.memory.layered_image._RUNS_OF_TORN", most_runs)
        self.patched.setattr("sandbox.memory.layered_image._RUNS_OF_FILES", most_runs)
        size, content = size_pages * WASM_PAGE, bytearray(size_pages * WASM_PAGE)
        with tempfile.TemporaryFile() as file:
            # Pages of zeros among them, and some that the file system leaves out.
            data = [os.urandom(OS_PAGE) if page % 3 else bytes(OS_PAGE) for page in range(PAGES)]
            os.pwrite(file.fileno(), b"".join(data[: PAGES // 2]), 0)
            os.pwrite(file.fileno(), b"".join(data[PAGES * 3 // 4 :]), PAGES * 3 // 4 * OS_PAGE)
            opened = OpenFile(file.fileno())
        parts = []
        for first, last in zip(cuts[::2], cuts[1::2], strict=False):
            start, end = first * OS_PAGE, min(last * OS_PAGE, size)
            if start < end:
                # Not where it stands in the file.
                offset = LIMIT - end
                parts.append(FilePart(start, end - start, opened, offset))
                content[start:end] = os.pread(opened.descriptor, end - start, offset)
        self.committed = bytes(content)
        oracle = new_region(size, kind="copying")
        oracle.write(0, self.committed)
        self.regions = [oracle, *(mapped_region(parts, size) for _ in range(2))]
        self.arenas, self.remembered, self.bytes_used = [], [], 0
        self.instantiate()

    @rule()
    def give_back_zeros(self) -> None:
        for region in self.regions:
            region.give_back_zeros()

    @rule()
    def go_on_with_a_fork(self) -> None:
        while self.remembered:
            self.release(0)
        whole, self.regions[2] = self.regions[2], self.regions[2].fork()
        whole.close()
        self.instantiate()


for machine in (Regions, MappedRegions):
    machine.TestCase.settings = settings(
        max_examples=75,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
TestRegions = Regions.TestCase
if COPY_ON_WRITE_WORKS:
    TestMappedRegions = MappedRegions.TestCase


def test_the_oracle_is_among_the_regions() -> None:
    oracle, *others = regions(WASM_PAGE)

    assert isinstance(oracle, CopyingRegion)
    assert not any(isinstance(other, CopyingRegion) for other in others)
