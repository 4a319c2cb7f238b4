"""Growth runs on all cores, where the start can be made again in other processes.

The first multiple is measured here. If that took long, each of the others is a process's own
work, from the same start; otherwise it goes on here, where what was grown can grow further.
"""

from __future__ import annotations

import pickle
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.bench import bench_of
from sandbox.rehearsal.certification import certifying
from sandbox.rehearsal.growing import Curve, grown
from sandbox.rehearsal.parallel import Progress, in_parallel
from sandbox.rehearsal.starting import base

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.plan import Growth, Plan, Start

# Processes of our own begin in half a second; below this they would not pay.
WORTH_SPREADING_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What another process has to do. growth: with the one factor it is about."""

    start: Start | None
    module: bytes
    plan: Plan
    growth: Growth

    @property
    def can_be_sent(self) -> bool:
        """Whether another process can do it: a function of the user's main program cannot go."""
        try:
            pickle.dumps(self)
        except (pickle.PicklingError, AttributeError, TypeError):
            return False
        return self.start is not None


def curve(bench: Bench, growth: Growth, progress: Callable[[str], None]) -> Curve:
    """Measure the upgrade at each multiple of today's state."""
    began = time.monotonic()
    job = Elsewhere(bench.start, bench.new.raw, bench.plan, growth)
    can_be_sent = job.can_be_sent

    def spreads(measured: int) -> bool:
        # One size alone goes on from what was grown here.
        is_slow = time.monotonic() - began >= WORTH_SPREADING_S
        return can_be_sent and is_slow and len(growth.factors) - measured > 1

    found = grown(bench, growth, progress, is_enough=spreads)
    left = sorted(growth.factors)[len(found.points) - 1 :]
    if not left or found.ended or found.points[-1].failure:
        return found
    # The largest takes longest, and so begins first.
    jobs = [replace(job, growth=replace(growth, factors=(factor,))) for factor in reversed(left)]
    return _joined(found, in_parallel(grown_elsewhere, jobs, told=_told(progress))[::-1])


def grown_elsewhere(job: Elsewhere) -> Curve:
    """Do a job. Requires: a process of its own."""
    assert job.start is not None, "it could be sent"
    with base(job.start, job.plan, None) as found, certifying(found.ic):
        bench = bench_of(found, job.plan, found.ic.world.loader.load(job.module))
        return grown(bench, job.growth, lambda _stage: None)


def _told(progress: Callable[[str], None]) -> Callable[[Progress], None]:
    return lambda it: progress(f"growth, sizes: {it}")


def _joined(first: Curve, rest: list[Curve]) -> Curve:
    """Put the points together, up to the first at which the upgrade fails."""
    points, ended = list(first.points), ""
    for found in rest:
        if points[-1].failure or ended:
            break
        points += [it for it in found.points[1:] if it.factor > points[-1].factor]
        ended = found.ended
    return Curve(tuple(points), first.limits, ended)
