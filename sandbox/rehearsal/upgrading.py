"""One upgrade, measured: its phases, what it changed, how it ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sandbox.execution import ratelimits
from sandbox.execution.lifecycle import Persistence
from sandbox.memory import OS_PAGE
from sandbox.rehearsal.calling import said
from snapshot.insight import MemoryDiff, diff_memories

if TYPE_CHECKING:
    from sandbox.execution.lifecycle import Stage
    from sandbox.execution.modules import Source
    from sandbox.messages import Reject
    from sandbox.rehearsal.bench import Bench

REFUSED: Final = "install_code"
MODES: Final = ("upgrade", "reinstall", "install")


@dataclass(frozen=True, slots=True)
class UpgradeRun:
    """What an upgrade did.

    failure: why it was rolled back. failed_in: the phase, or ``install_code`` when it was
    refused before any. stages: what ran. heap, stable: how the memories changed; heap is None
    where a new one replaced it. cycles: what it cost.
    """

    failure: Reject | None
    stages: tuple[Stage, ...]
    heap_bytes: tuple[int, int]
    stable_bytes: tuple[int, int]
    heap: MemoryDiff | None
    stable: MemoryDiff
    cycles: int

    @property
    def failed_in(self) -> str:
        """Where it failed; empty when it did not."""
        if self.failure is None:
            return ""
        return self.stages[-1].name if self.stages else REFUSED

    @property
    def instructions(self) -> int:
        """All phases together."""
        return sum(stage.instructions for stage in self.stages)

    @property
    def written_bytes(self) -> int:
        """Stable memory that the phase writes which writes most: the limit is one phase's."""
        return max((stage.stable_dirty_pages for stage in self.stages), default=0) * OS_PAGE

    @property
    def reason(self) -> str:
        """Why it failed, on one line; empty when it did not."""
        return "" if self.failure is None else said(self.failure.to_exception())


def planned(
    bench: Bench, argument: bytes | None = None, *, skip_pre_upgrade: bool = False
) -> UpgradeRun:
    """Do what the plan says, in the fork the caller is in. argument: None is the plan's."""
    return upgrade(
        bench,
        bench.new.raw,
        bench.argument if argument is None else argument,
        mode=bench.plan.mode,
        skip_pre_upgrade=skip_pre_upgrade,
        persistence=bench.plan.persistence,
    )


def upgrade(
    bench: Bench,
    source: Source,
    argument: bytes,
    *,
    mode: str = "upgrade",
    skip_pre_upgrade: bool = False,
    persistence: str | None = "auto",
) -> UpgradeRun:
    """Upgrade the bench's canister, in the fork the caller is in. Never raises a reject.

    What was installed just before, only to have something to upgrade, does not rate limit it.
    """
    ratelimits.forgive(bench.runtime)
    before = bench.runtime.capture()
    cycles = before.state.cycles
    with bench.ic.entered() as world:
        report = world.install_code(
            bench.runtime,
            mode,
            source,
            argument,
            bench.caller,
            skip_pre_upgrade=skip_pre_upgrade,
            persistence=None if persistence is None else Persistence(persistence),
        )
    after = bench.runtime.capture()
    # Put back, in this fork: a balance that a query tells must not count as a changed value.
    bench.runtime.state = replace(after.state, cycles=cycles)
    keeps_heap = before.heap.region is after.heap.region
    return UpgradeRun(
        report.failure,
        report.stages,
        (before.heap.mark.size_bytes, after.heap.mark.size_bytes),
        (before.stable.mark.size_bytes, after.stable.mark.size_bytes),
        diff_memories(before.heap, after.heap, max_changes=0) if keeps_heap else None,
        diff_memories(before.stable, after.stable, max_changes=0),
        cycles - after.state.cycles,
    )
