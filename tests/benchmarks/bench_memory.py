"""What canister memories cost, below any canister.

Every row is the median of many tries in this one run. What matters are the ratios: the
large memory against the small one (copy-on-write: about 1), and copying against
copy-on-write. Needs 3 GiB of memory for half a minute.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.report import Row
from memory_arena import Arena
from sandbox.memory import OS_PAGE, new_region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.memory import Region, RegionKind

MIB, GIB = 1 << 20, 1 << 30
DIRTY_PAGES = (1, 4, 32)


def median_us(act: Callable[[], object], prepare: Callable[[], object], tries: int) -> float:
    """Return the median time of ``act``; ``prepare`` runs before each, untimed."""
    times = []
    for _ in range(tries):
        prepare()
        start = perf_counter_ns()
        act()
        times.append(perf_counter_ns() - start)
    return median(times) / 1_000


def nothing() -> None:
    """Prepare nothing."""


class Bench:
    """A region full of data with a view, and what is timed on it."""

    def __init__(self, kind: RegionKind, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.region: Region = new_region(size_bytes, kind=kind)
        self.arena = Arena(size_bytes)
        for start in range(0, size_bytes, MIB):
            self.region.write(start, b"\1" * MIB)
        self.region.attach(self.arena.address, size_bytes)
        self.tries = 200 if kind == "copy-on-write" else 5

    def dirty(self, pages: int) -> None:
        """Write one byte to each of so many OS pages, spread over the memory."""
        for number in range(pages):
            place = number * self.size_bytes // pages // OS_PAGE * OS_PAGE
            self.arena.write(place, b"x")

    def timed(self, act: Callable[[], object], prepare: Callable[[], object]) -> float:
        return median_us(act, prepare, self.tries)

    def rows(self) -> dict[str, float]:
        """Return the time of each operation in microseconds."""
        region, commit = self.region, partial(self.region.commit, self.size_bytes)
        rows = {"dirty_runs, nothing written": self.timed(region.dirty_runs, nothing)}
        for pages in DIRTY_PAGES:
            rows[f"commit {pages} pages"] = self.timed(commit, partial(self.dirty, pages))
        for pages in DIRTY_PAGES:
            rows[f"roll back {pages} pages"] = self.timed(
                region.roll_back, partial(self.dirty, pages)
            )
        marks = []

        def mark() -> None:
            marks.append(region.mark())

        def mark_and_dirty() -> None:
            mark()
            self.dirty(32)

        def dirty_and_commit() -> None:
            self.dirty(10)
            commit()

        rows["commit 32 pages, first time after a mark"] = self.timed(commit, mark_and_dirty)
        rows["mark"] = self.timed(mark, nothing)
        rows["release"] = self.timed(lambda: region.release(marks.pop()), nothing)
        anchor = region.mark()
        rows["rewind 10 pages"] = self.timed(lambda: region.rewind(anchor), dirty_and_commit)
        return rows

    def close(self) -> None:
        self.region.close()
        self.arena.close()


def bench(kind: RegionKind, size_bytes: int) -> dict[str, float]:
    made = Bench(kind, size_bytes)
    rows = made.rows()
    made.close()
    return rows


def copy_back_us(size_bytes: int) -> float:
    """Return what restoring a memory by copying it back takes, with everything mapped."""
    saved = b"\1" * size_bytes
    with Arena(size_bytes) as arena:
        return median_us(lambda: arena.write(0, saved), nothing, 4)


def sparse_rows() -> dict[str, float]:
    """Return the times for 100 GiB of stable memory with 100 pages in it, view 500 GiB."""
    size_bytes = 100 * GIB
    with new_region(size_bytes) as region, Arena(500 * GIB) as arena:
        attach = partial(region.attach, arena.address, 500 * GIB, fresh=True)
        rows = {"attach": median_us(attach, region.detach, 20)}

        def touch(pages: int) -> None:
            for number in range(pages):
                arena.write(number * 100 // pages * GIB, b"x")

        touch(100)
        region.commit(size_bytes)
        commit = partial(region.commit, size_bytes)
        rows["extents of 100 pages"] = median_us(lambda: list(region.extents()), nothing, 20)
        for pages in (1, 10, 100):
            written = partial(touch, pages)
            rows[f"roll back {pages} pages"] = median_us(region.roll_back, written, 50)
            rows[f"commit {pages} pages"] = median_us(commit, written, 50)
            rows[f"dirty_runs, {pages} pages"] = median_us(region.dirty_runs, written, 50)
    return rows


def fork_rate() -> float:
    """Return MB/s of ``fork``."""
    size_bytes = 128 * MIB
    with new_region(size_bytes) as region:
        region.write(0, b"\1" * size_bytes)
        return size_bytes / median_us(lambda: region.fork().close(), nothing, 3)


def rows() -> Iterator[Row]:
    """Measure everything."""
    small, big = bench("copy-on-write", MIB), bench("copy-on-write", GIB)
    copying = bench("copying", 16 * MIB)
    for name, time in big.items():
        compared = (
            f"{time / small[name]:.1f}× that at 1 MiB; "
            f"the portable memory takes {copying[name]:,.0f} µs at 16 MiB"
        )
        yield Row(f"memory, 1 GiB: {name}", f"{time:.1f} µs", ratio=compared)
    copied = copy_back_us(GIB)
    gain = f"{copied / big['rewind 10 pages']:,.0f}× a rewind of 10 pages"
    yield Row("memory: copying 1 GiB back", f"{copied / 1000:.0f} ms", ratio=gain)
    for name, time in sparse_rows().items():
        yield Row(f"stable memory, 100 GiB sparse: {name}", f"{time:.1f} µs")
    yield Row("memory: fork", f"{fork_rate():,.0f} MB/s")
