"""Stage 5, the way back by upgrading: the old module over the new state (R01)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.candid.errors import CandidError
from sandbox.rehearsal.bench import encoded_argument
from sandbox.rehearsal.caller_checks import changed_values, probe_diffs
from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.registry import finding, findings_of
from sandbox.rehearsal.upgrading import UpgradeRun, upgrade
from sandbox.rehearsal.viewing import readings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.calling import Probe, Reader, Reading
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.viewing import View


def downgrade(bench: Bench, reader: Reader, before: View) -> Iterator[Finding]:
    """Install the old module over the new state.

    Requires: in a fork in which the upgrade has succeeded.
    """
    run = old_again(bench)
    if run.failure is not None:
        yield finding("R01", Fact(f"the old module: {run.failed_in}", "", run.reason))
        return
    asked = readings(bench, tuple(item.probe for item in before.probes))
    diffs = probe_diffs(reader, before.probes, asked)
    facts = [Fact(it.name, it.before, it.failure) for it in diffs if it.failure]
    yield from findings_of("R01", [*changed_values(diffs, only_losses=True), *facts])


def control(bench: Bench, probes: tuple[Probe, ...]) -> tuple[Reading, ...]:
    """Ask the probes after upgrading the old module to itself; none when that fails."""
    with bench.fork():
        run = old_again(bench)
        return () if run.failure is not None else readings(bench, probes)


def old_again(bench: Bench) -> UpgradeRun:
    """Install the old module, with the argument of the plan if it can read that."""
    try:
        wanted = bench.plan.downgrade_argument
        argument = encoded_argument(bench.canister, bench.old.raw, wanted)
    except CandidError:
        argument = bench.argument
    return upgrade(bench, bench.old.raw, argument)
