"""Stage 5, the ways back: the old module over the new state, and a snapshot (R01, R02, R04)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from warnings import catch_warnings, simplefilter

from sandbox.candid.errors import CandidError
from sandbox.errors import OpenCallsWarning
from sandbox.rehearsal.bench import encoded_argument
from sandbox.rehearsal.caller_checks import changed_values, probe_diffs
from sandbox.rehearsal.calling import probe_of, tell
from sandbox.rehearsal.findings import Fact, Severity
from sandbox.rehearsal.promise_checks import Answer, answer_to, check_answers
from sandbox.rehearsal.registry import finding, findings_of
from sandbox.rehearsal.upgrading import UpgradeRun, planned, upgrade
from sandbox.rehearsal.viewing import read, readings
from snapshot.content import content_of
from snapshot.insight import diff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.calling import Probe, Reader, Reading
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.viewing import View
    from sandbox.world.tracing import Trace
    from snapshot.ids import SnapshotId

_TIMER: Final = "global timer"


@dataclass(frozen=True, slots=True)
class Rollback:
    """How the way back by snapshot went.

    is_exact: memories, globals, module and certified data are the bytes they were.
    bytes_compared: of heap and stable memory.
    """

    is_exact: bool
    bytes_compared: int
    findings: tuple[Finding, ...]


def downgrade(bench: Bench, reader: Reader, before: View) -> Iterator[Finding]:
    """Install the old module over the new state.

    Requires: in a fork in which the upgrade has succeeded.
    """
    run = _old_again(bench)
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
        run = _old_again(bench)
        return () if run.failure is not None else readings(bench, probes)


def _old_again(bench: Bench) -> UpgradeRun:
    """Install the old module, with the argument of the plan if it can read that."""
    try:
        wanted = bench.plan.downgrade_argument
        argument = encoded_argument(bench.canister, bench.old.raw, wanted)
    except CandidError:
        argument = bench.argument
    return upgrade(bench, bench.old.raw, argument)


def roll_back(bench: Bench, reader: Reader, probes: tuple[Probe, ...]) -> Rollback:
    """Take a snapshot, upgrade, let the traffic run, load the snapshot; in a fork of its own."""
    with bench.fork(), catch_warnings():
        simplefilter("ignore", OpenCallsWarning)  # that calls were open is finding R03
        snapshot = bench.canister.take_snapshot(replace=_oldest(bench), caller=bench.caller)
        planned(bench)
        upgraded = readings(bench, probes)
        with bench.ic.trace() as trace:
            told = _run_traffic(bench, reader)
        later = readings(bench, probes)
        bench.ic.load_snapshot(snapshot, caller=bench.caller)
        found = diff(snapshot.content, content_of(bench.runtime.capture()), max_changes=0)
    fields = [item for item in found.fields if item.name != _TIMER]
    is_exact = found.heap.is_same and found.stable.is_same and not (found.globals or fields)
    timers = [Fact(it.name, it.before, it.after) for it in found.fields if it.name == _TIMER]
    lost = [
        Fact(fact.what, fact.before, f"{fact.after} by the traffic: lost")
        for fact in changed_values(probe_diffs(reader, upgraded, later))
    ]
    sent = list(_outgoing(bench, trace))
    findings = [
        *findings_of("R02", timers),
        *findings_of("R04", [*sent, *lost], Severity.WARNING if sent else None),
        *check_answers(told),
    ]
    size = found.heap.size_before + found.stable.size_before
    return Rollback(is_exact, size, tuple(findings))


def _oldest(bench: Bench) -> SnapshotId | None:
    """Return the snapshot to replace where there is room for no more."""
    there = bench.ic.world.snapshots.of(bench.canister.id)
    return there[0].id if len(there) >= bench.ic.limits.snapshots_per_canister else None


def _run_traffic(bench: Bench, reader: Reader) -> list[Answer]:
    """Make the calls. One that fails changes nothing, and then there is nothing to lose."""
    calls = ((call, probe_of(reader.new, call)) for call in bench.plan.traffic)
    return [answer_to(call, reader, read(bench, probe, tell)) for call, probe in calls]


def _outgoing(bench: Bench, trace: Trace) -> Iterator[Fact]:
    for span in trace.spans:
        if span.caller == bench.canister.id and span.canister != bench.canister.id:
            yield Fact(f"call to {span.canister}", "", f"{span.method}: stays done")
