"""Every implementation against plain bytes, in any order of operations.

Three regions are driven side by side: copying, and copy-on-write with each of its two
ways to find dirty pages. The model is a few ``bytes`` objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from memory_arena import COPY_ON_WRITE_WORKS, Arena

from sandbox.memory import OS_PAGE, WASM_PAGE, Mark, Region, Run, new_region
from sandbox.memory.copying import CopyingRegion

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = pytest.mark.slow

LIMIT = 3 * WASM_PAGE


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


sizes = st.integers(0, 3).map(lambda pages: pages * WASM_PAGE)
# Mostly the same few pages: what goes wrong with marks, goes wrong where they overlap.
pages = st.sampled_from([0, 1, 2, 16, 17]) | st.integers(0, LIMIT // OS_PAGE - 1)
places = st.builds(
    lambda page, inside: page * OS_PAGE + inside, pages, st.sampled_from([0, 1, 4095])
)
# (how often a byte is repeated, whether it is zero; otherwise every write has its own byte)
writes = st.tuples(
    places, st.sampled_from([1, 100, OS_PAGE, 2 * OS_PAGE, WASM_PAGE]), st.integers(0, 4).map(bool)
)
choices = st.integers(0, 100)


class Regions(RuleBasedStateMachine):
    @initialize(size_bytes=sizes, reserved=st.booleans())
    def begin(self, size_bytes: int, reserved: bool) -> None:
        """reserved: as stable memory has it, the view is longer than the memory."""
        self.reserved = reserved
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
            region.attach(arena.address, self.capacity, fresh=self.reserved)

    def instantiate_if_dropped(self) -> None:
        fits = len(self.committed) <= self.capacity
        assert all(region.is_attached == fits for region in self.regions)
        if not fits:
            self.instantiate()

    def some_bytes(self, length: int, is_zero: bool) -> bytes:
        self.bytes_used = self.bytes_used % 255 + 1
        return bytes([0 if is_zero else self.bytes_used]) * length

    # --- a message -------------------------------------------------------------------

    @rule(
        grown_pages=st.sampled_from([0, 0, 0, 1]),
        writes=st.lists(writes, max_size=4),
        with_window=st.booleans(),
        succeeds=st.integers(0, 2).map(bool),
    )
    def message(
        self,
        grown_pages: int,
        writes: list[tuple[int, int, bool]],
        with_window: bool,
        succeeds: bool,
    ) -> None:
        grown_to = min(LIMIT, len(self.committed) + grown_pages * WASM_PAGE)
        memory = bytearray(self.committed).ljust(grown_to, b"\0")
        bounds = [self.write(memory, *write) for write in writes if memory]
        self.check_dirty_runs(memory)
        window = (
            (min(low for low, _ in bounds), max(high for _, high in bounds)) if bounds else (0, 0)
        )
        end = self.commit if succeeds else self.roll_back
        end(bytes(memory), window if with_window else None)

    def write(self, memory: bytearray, place: int, length: int, is_zero: bool) -> tuple[int, int]:
        first = min(place, len(memory) - 1)
        data = self.some_bytes(min(length, len(memory) - first), is_zero)
        memory[first : first + len(data)] = data
        for arena in self.arenas:
            arena.write(first, data)
        return first, first + len(data)

    def check_dirty_runs(self, memory: bytearray) -> None:
        changed = differing_pages(self.committed, bytes(memory))
        for region in self.regions:
            assert changed <= covered_pages(region.dirty_runs(grown_to=len(memory)))

    def commit(self, memory: bytes, window: tuple[int, int] | None) -> None:
        stored = [region.commit(len(memory), window=window) for region in self.regions]
        assert stored[0] == len(differing_pages(self.committed, memory)) == min(stored)
        self.committed = memory
        self.capacity = max(self.capacity, len(memory))

    def roll_back(self, memory: bytes, window: tuple[int, int] | None) -> None:
        for region, arena in zip(self.regions, self.arenas, strict=True):
            region.roll_back(window=window, grown_to=len(memory))
            assert not any(arena.map[len(self.committed) : len(memory)])

    # --- between messages ------------------------------------------------------------

    @rule()
    def reinstantiate(self) -> None:
        self.instantiate()

    @precondition(lambda self: self.capacity < LIMIT)
    @rule()
    def extend_view(self) -> None:
        self.capacity += WASM_PAGE
        for region in self.regions:
            region.extend_view(self.capacity)

    @precondition(lambda self: self.committed)
    @rule(write=writes)
    def patch(self, write: tuple[int, int, bool]) -> None:
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

    @precondition(lambda self: len(self.remembered) < 5)
    @rule()
    def mark(self) -> None:
        marks = [region.mark() for region in self.regions]
        self.remembered.append(Remembered(marks, self.committed))

    @precondition(lambda self: self.remembered)
    @rule(choice=choices)
    def release(self, choice: int) -> None:
        released = self.remembered.pop(choice % len(self.remembered))
        for region, mark in zip(self.regions, released.marks, strict=True):
            region.release(mark)

    @precondition(lambda self: self.remembered)
    @rule(choice=choices)
    def rewind(self, choice: int) -> None:
        target = self.remembered[choice % len(self.remembered)]
        for region, mark in zip(self.regions, target.marks, strict=True):
            region.rewind(mark)
        self.committed = target.content
        self.instantiate_if_dropped()

    @precondition(lambda self: self.remembered)
    @rule(choice=choices, offset=places, length=st.integers(0, 3 * OS_PAGE))
    def read_a_part_at_a_mark(self, choice: int, offset: int, length: int) -> None:
        chosen = self.remembered[choice % len(self.remembered)]
        part = chosen.content[offset : offset + length]
        for region, mark in zip(self.regions, chosen.marks, strict=True):
            assert region.read(min(offset, mark.size_bytes), len(part), at=mark) == part

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


def check_content(region: Region, content: bytes, mark: Mark | None) -> None:
    size = region.size_bytes if mark is None else mark.size_bytes
    assert size == len(content)
    assert region.read(0, size, at=mark) == content
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


Regions.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestRegions = Regions.TestCase


def test_the_oracle_is_among_the_regions() -> None:
    oracle, *others = regions(WASM_PAGE)

    assert isinstance(oracle, CopyingRegion)
    assert not any(isinstance(other, CopyingRegion) for other in others)
