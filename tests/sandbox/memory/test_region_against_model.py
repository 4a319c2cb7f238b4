"""Every implementation against plain bytes, in any order of operations.

Three regions are driven side by side: copying, and copy-on-write with each of its two
ways to find dirty pages. The model is a few ``bytes`` objects.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from memory_arena import COPY_ON_WRITE_WORKS, Arena

from sandbox.memory import OS_PAGE, WASM_PAGE, Mark, Region, Run, new_region
from sandbox.memory.copying import CopyingRegion

pytestmark = pytest.mark.slow

LIMIT = 4 * WASM_PAGE


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


sizes = st.integers(0, 4).map(lambda pages: pages * WASM_PAGE)
offsets = st.builds(
    lambda page, inside: page * OS_PAGE + inside,
    st.integers(0, LIMIT // OS_PAGE - 1),
    st.sampled_from([0, 0, 1, 100, OS_PAGE - 1]),
)
data = st.sampled_from(
    [b"\1", b"\2", b"\0", b"abc" * 50, b"\3" * OS_PAGE, bytes(2 * OS_PAGE), b"\4" * WASM_PAGE]
)
choices = st.integers(0, 100)


class Regions(RuleBasedStateMachine):
    committed = b""
    view = bytearray()
    window: tuple[int, int] | None = None

    @initialize(size_bytes=sizes, reserved=st.booleans())
    def begin(self, size_bytes: int, reserved: bool) -> None:
        self.reserved = reserved
        self.regions = regions(size_bytes)
        self.arenas: list[Arena] = []
        self.remembered: list[Remembered] = []
        self.committed = bytes(size_bytes)
        self.instantiate()

    def teardown(self) -> None:
        for region in getattr(self, "regions", []):
            region.close()
        for arena in getattr(self, "arenas", []):
            arena.close()

    @property
    def is_running(self) -> bool:
        return self.view != self.committed

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
            if not self.reserved and size:
                arena.write(0, b"data segment" * (size // 24))
            region.attach(arena.address, self.capacity, fresh=self.reserved)
        self.show()

    def show(self) -> None:
        self.view = bytearray(self.committed)
        self.window = None

    def widen_window(self, first: int, last: int) -> None:
        low, high = self.window or (first, last)
        self.window = min(low, first), max(high, last)

    # --- a message -------------------------------------------------------------------

    @precondition(lambda self: self.view)
    @rule(offset=offsets, data=data)
    def write(self, offset: int, data: bytes) -> None:
        offset = min(offset, len(self.view) - 1)
        data = data[: len(self.view) - offset]
        self.view[offset : offset + len(data)] = data
        self.widen_window(offset, offset + len(data))
        for arena in self.arenas:
            arena.write(offset, data)

    @precondition(lambda self: len(self.view) < LIMIT)
    @rule(data=data)
    def grow(self, data: bytes) -> None:
        first = len(self.view)
        self.view += bytes(WASM_PAGE)
        self.write(first, data)

    @rule(with_window=st.booleans())
    def commit(self, with_window: bool) -> None:
        window = (self.window or (0, 0)) if with_window else None
        stored = [region.commit(len(self.view), window=window) for region in self.regions]
        self.committed = bytes(self.view)
        self.capacity = max(self.capacity, len(self.committed))
        self.window = None
        assert stored[0] == min(stored)

    @rule(with_window=st.booleans())
    def roll_back(self, with_window: bool) -> None:
        window = (self.window or (0, 0)) if with_window else None
        for region in self.regions:
            region.roll_back(window=window, grown_to=len(self.view))
        grown = slice(len(self.committed), len(self.view))
        for arena in self.arenas:
            assert not any(arena.map[grown])
        self.show()

    # --- between messages ------------------------------------------------------------

    @precondition(lambda self: not self.is_running)
    @rule()
    def reinstantiate(self) -> None:
        self.instantiate()

    @precondition(lambda self: not self.is_running and self.capacity < LIMIT)
    @rule()
    def extend_view(self) -> None:
        self.capacity += WASM_PAGE
        for region in self.regions:
            region.extend_view(self.capacity)

    @precondition(lambda self: not self.is_running and self.committed)
    @rule(offset=offsets, data=data)
    def patch(self, offset: int, data: bytes) -> None:
        offset = min(offset, len(self.committed) - 1)
        data = data[: len(self.committed) - offset]
        self.committed = self.committed[:offset] + data + self.committed[offset + len(data) :]
        for region in self.regions:
            region.write(offset, data)
        self.show()

    @precondition(lambda self: not self.is_running)
    @rule(size_bytes=sizes)
    def resize(self, size_bytes: int) -> None:
        self.committed = self.committed[:size_bytes].ljust(size_bytes, b"\0")
        for region in self.regions:
            region.resize(size_bytes)
        self.show_or_instantiate()

    def show_or_instantiate(self) -> None:
        fits = len(self.committed) <= self.capacity
        assert all(region.is_attached == fits for region in self.regions)
        if fits:
            self.show()
        else:
            self.instantiate()

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

    @precondition(lambda self: self.remembered and not self.is_running)
    @rule(choice=choices)
    def rewind(self, choice: int) -> None:
        target = self.remembered[choice % len(self.remembered)]
        for region, mark in zip(self.regions, target.marks, strict=True):
            region.rewind(mark)
        self.committed = target.content
        self.show_or_instantiate()

    @precondition(lambda self: self.remembered)
    @rule(choice=choices, offset=offsets, length=st.integers(0, 3 * OS_PAGE))
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
    def views_show_what_was_written(self) -> None:
        for arena in getattr(self, "arenas", []):
            assert arena.map[: len(self.view)] == self.view
            assert not any(arena.map[len(self.view) : self.capacity])

    @invariant()
    def dirty_runs_cover_every_change(self) -> None:
        for region in getattr(self, "regions", []):
            dirty = region.dirty_runs(grown_to=len(self.view))
            assert differing_pages(self.committed, bytes(self.view)) <= covered_pages(dirty)

    @invariant()
    def content_is_what_was_committed(self) -> None:
        for region in getattr(self, "regions", []):
            check_content(region, self.committed, None)

    @invariant()
    def every_mark_keeps_its_content(self) -> None:
        for remembered in getattr(self, "remembered", []):
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


def covered_pages(runs: object) -> set[int]:
    found: list[Run] = list(runs)  # type: ignore[call-overload]  # any iterable of runs
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
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestRegions = Regions.TestCase


def test_the_oracle_is_among_the_regions() -> None:
    oracle, *others = regions(WASM_PAGE)

    assert isinstance(oracle, CopyingRegion)
    assert not any(isinstance(other, CopyingRegion) for other in others)
