"""The upgrade at two, four and eight times today's state, grown by the user's hook, measured.

A state's size is the memory it has in use: the bytes of OS pages that are not all zero, of
heap and stable memory. The hook is repeated until there are so many; what the upgrade needs
there is a point of the curves that ``forecasting`` draws on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.errors import CanisterRejected
from sandbox.rehearsal.calling import said, send
from sandbox.rehearsal.phase_checks import failure_code, heap_limit
from sandbox.rehearsal.upgrading import planned

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.plan import Growth

# A hook that has added nothing after so many rounds, and after three times as many as it took
# before, will not. A collected heap stays the same for a long time and then doubles.
_IDLE_ROUNDS: Final = 1_000
# Between two looks at the size; more would overshoot the next multiple.
_MOST_ROUNDS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Needs:
    """What an upgrade needs. heap_bytes: at most. written_bytes: of stable memory, in a phase."""

    instructions: int
    heap_bytes: int
    stable_bytes: int
    written_bytes: int
    cycles: int


@dataclass(frozen=True, slots=True)
class Point:
    """The upgrade at one size.

    factor: how many times today's bytes in use. rounds: of the hook. failure: why it failed,
    with the code of the finding that this is.
    """

    factor: float
    used_bytes: int
    rounds: int
    needs: Needs
    phases: tuple[tuple[str, int], ...]
    failure: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """The measurements, today's first. limits: of each need, 0 for none.

    ended: why the state could not be grown further; empty when it could.
    """

    points: tuple[Point, ...]
    limits: Needs
    ended: str = ""


def grown(
    bench: Bench,
    growth: Growth,
    progress: Callable[[str], None],
    *,
    is_enough: Callable[[int], bool] = lambda _measured: False,
) -> Curve:
    """Grow the state in a fork, and measure the upgrade at each multiple.

    is_enough: asked after each size, with how many there are; true leaves out the rest.
    """
    points = [_measured(bench, 1.0, 0)]
    with bench.fork():
        hook = _Hook(bench, growth, progress)
        for number, factor in enumerate(sorted(growth.factors)):
            if points[-1].failure or hook.ended or (number and is_enough(number)):
                break
            hook.grow_to(factor)
            if hook.factor > points[-1].factor:
                progress(f"growth: the upgrade at {hook.factor:.1f} times today's state")
                points.append(_measured(bench, hook.factor, hook.rounds))
    return Curve(tuple(points), _limits(bench), hook.ended)


class _Hook:
    """Repeats the user's hook. ended: why it cannot go on; empty while it can."""

    def __init__(self, bench: Bench, growth: Growth, progress: Callable[[str], None]) -> None:
        self._bench = bench
        self._growth = growth
        self._progress = progress
        self._today = self._used = max(1, used_bytes(bench))
        self._began = time.monotonic()
        self.rounds = 0
        self.ended = ""

    @property
    def factor(self) -> float:
        """How many times today's state it is now."""
        return self._used / self._today

    def grow_to(self, factor: float) -> None:
        """Repeat the hook until the state is that many times today's."""
        target, batch, gained_at = int(self._today * factor), 1, self.rounds
        while self._used < target and not self.ended:
            largest = self._used
            self._repeat(batch)
            self._used = used_bytes(self._bench)
            if self._used > largest:
                gained_at = self.rounds
            elif self.rounds > _IDLE_ROUNDS + 3 * gained_at:
                self.ended = f"the hook adds nothing any more, after {self.rounds:,} rounds"
            batch = self._next_batch(target)
            self._tell()

    def _next_batch(self, target: int) -> int:
        """Return after how many rounds to look again.

        By the average so far, since a collector makes room now and then; and only half of it.
        """
        grown = self._used - self._today
        rounds = (target - self._used) * self.rounds // grown if grown > 0 else self.rounds
        return min(_MOST_ROUNDS, max(1, rounds // 2))

    def _repeat(self, count: int) -> None:
        for _ in range(count):
            try:
                self._once()
            except CanisterRejected as error:
                self.ended = f"round {self.rounds + 1:,} of the hook fails: {said(error)}"
                return
            self.rounds += 1

    def _once(self) -> None:
        by = self._growth.by
        if callable(by):
            by(self._bench.canister)
            return
        for call in by:
            send(self._bench.canister, call)

    def _tell(self) -> None:
        last = max(self._growth.factors)
        spent = time.monotonic() - self._began
        left = spent * (last - self.factor) / max(0.001, self.factor - 1)
        self._progress(
            f"growth: {self.factor:.1f} of {last:g} times today's state, {left:.0f} s left"
        )


def used_bytes(bench: Bench) -> int:
    """Return how much of heap and stable memory is in use, in whole OS pages."""
    memories = (bench.runtime.heap, bench.runtime.stable)
    return sum(length for it in memories for _, length in it.extents())


def _measured(bench: Bench, factor: float, rounds: int) -> Point:
    used = used_bytes(bench)
    with bench.fork():
        run = planned(bench)
    needs = Needs(
        run.instructions,
        max((stage.heap_bytes for stage in run.stages), default=run.heap_bytes[0]),
        max((stage.stable_bytes for stage in run.stages), default=run.stable_bytes[0]),
        run.written_bytes,
        run.cycles,
    )
    phases = tuple((stage.name, stage.instructions) for stage in run.stages)
    if run.failure is None:
        return Point(factor, used, rounds, needs, phases)
    reason = f"{run.failed_in}: {run.reason}"
    return Point(factor, used, rounds, needs, phases, reason, failure_code(run))


def _limits(bench: Bench) -> Needs:
    limits = bench.ic.limits
    return Needs(
        limits.install_instructions,
        min(heap_limit(bench, bench.old), heap_limit(bench, bench.new)),
        limits.stable_memory_bytes,
        limits.install_stable_write_bytes,
        0,
    )
