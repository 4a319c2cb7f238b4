"""Stage 5, the way back by snapshot, taken from the canister or uploaded again (R02, R04).

The two are not the same on the IC: loading a taken snapshot leaves the global timer as it is,
an uploaded one restores it. What neither holds stays as the new version left it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from warnings import catch_warnings, simplefilter

from sandbox.errors import CanisterRejected, OpenCallsWarning
from sandbox.messages import Reject
from sandbox.rehearsal.caller_checks import changed_values, probe_diffs
from sandbox.rehearsal.calling import probe_of, said, tell
from sandbox.rehearsal.findings import Fact, Severity
from sandbox.rehearsal.promise_checks import Answer, answer_to, check_answers
from sandbox.rehearsal.registry import findings_of
from sandbox.rehearsal.upgrading import planned
from sandbox.rehearsal.viewing import is_callback, read, readings, soaked
from snapshot.content import content_of
from snapshot.insight import diff
from snapshot.record import Origin, Snapshot, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.calling import Probe, Reader
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.viewing import Soak, View
    from sandbox.state import CanisterState
    from sandbox.world.tracing import Trace
    from snapshot.ids import SnapshotId

_TIMER: Final = "global timer"
# A taken snapshot does not restore these two; all else that a snapshot keeps it does.
_LEFT: Final = (_TIMER, "low memory hook")


@dataclass(frozen=True, slots=True)
class Return:
    """What loading a snapshot brought back.

    failure: why it was refused. is_exact: memories, globals, module, chunk store and certified
    data are what they were. left: what is not as it was before the upgrade.
    by_itself: what then runs otherwise than before the upgrade.
    """

    failure: str
    is_exact: bool
    left: tuple[Fact, ...] = ()
    by_itself: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Rollback:
    """The ways back by snapshot. bytes_compared: of heap and stable memory."""

    taken: Return
    uploaded: Return
    bytes_compared: int
    findings: tuple[Finding, ...]


def roll_back(bench: Bench, reader: Reader, probes: tuple[Probe, ...], before: View) -> Rollback:
    """Take a snapshot, upgrade, let the traffic run, load the snapshot; in a fork of its own."""
    with bench.fork(), catch_warnings():
        simplefilter("ignore", OpenCallsWarning)  # that calls were open is finding R03
        state = bench.runtime.state
        snapshot = bench.canister.take_snapshot(replace=oldest(bench), caller=bench.caller)
        planned(bench)
        upgraded = readings(bench, probes)
        cycles = bench.runtime.state.cycles
        with bench.ic.trace() as trace:
            told = _run_traffic(bench, reader)
        # No rollback brings cycles back: a balance that a query tells is not lost by it.
        bench.runtime.state = replace(bench.runtime.state, cycles=cycles)
        later = readings(bench, probes)
        taken = _returned(bench, snapshot, state, before.soak)
        uploaded = _returned(bench, _uploaded(bench, snapshot), state, before.soak)
        size = snapshot.content.heap.mark.size_bytes + snapshot.content.stable.mark.size_bytes
    lost = [
        Fact(fact.what, fact.before, f"{fact.after} by the traffic: lost")
        for fact in changed_values(probe_diffs(reader, upgraded, later))
    ]
    sent = list(_outgoing(bench, trace))
    findings = (
        *findings_of("R02", _awry(taken, uploaded)),
        *findings_of("R04", [*sent, *lost], Severity.WARNING if sent else None),
        *check_answers(bench.plan, told),
    )
    return Rollback(taken, uploaded, size, findings)


def _returned(bench: Bench, snapshot: Snapshot, state: CanisterState, soak: Soak) -> Return:
    """Load a snapshot in a fork. state, soak: from before the upgrade."""
    with bench.fork():
        try:
            bench.ic.load_snapshot(snapshot, caller=bench.caller)
        except CanisterRejected as error:
            return Return(said(error), is_exact=False)
        capture = bench.runtime.capture()
        found = diff(snapshot.content, content_of(capture), max_changes=0)
        fields = [Fact(it.name, it.before, it.after) for it in found.fields]
        others = [item for item in fields if item.what not in _LEFT]
        is_exact = found.heap.is_same and found.stable.is_same and not (found.globals or others)
        left = [item for item in fields if item.what in _LEFT]
        return Return(
            "",
            is_exact,
            (*left, *_not_kept(state, capture.state)),
            tuple(_otherwise(soak, soaked(bench))),
        )


def _not_kept(before: CanisterState, after: CanisterState) -> Iterator[Fact]:
    """Yield what no snapshot holds and is another now."""
    yield Fact("canister version", f"{before.version:,}", f"{after.version:,}")
    if before.cycles != after.cycles:
        yield Fact("cycles", f"{before.cycles:,}", f"{after.cycles:,}")
    if before.settings != after.settings:
        yield Fact("settings", "as they were", "as the new version left them")


def _otherwise(before: Soak, after: Soak) -> Iterator[Fact]:
    for entry in dict.fromkeys([*before.ran, *after.ran]):
        was = before.failed.get(entry, "") or before.ran.get(entry, 0) > 0
        now = after.failed.get(entry, "") or after.ran.get(entry, 0) > 0
        if was != now and not is_callback(entry):
            yield Fact(entry, _shown(was), _shown(now))


def _shown(ran: str | bool) -> str:
    return ran if isinstance(ran, str) else "runs" if ran else "never runs"


def _awry(taken: Return, uploaded: Return) -> Iterator[Fact]:
    yield from (fact for fact in taken.left if fact.what == _TIMER)
    yield from taken.by_itself
    for fact in uploaded.by_itself:
        yield fact._replace(what=f"{fact.what}, from an uploaded copy")


def _uploaded(bench: Bench, snapshot: Snapshot) -> Snapshot:
    """Return the snapshot as if it had been downloaded and uploaded, without copying a byte."""
    shelf = bench.ic.world.snapshots
    copy = Snapshot(
        snapshot.id,
        snapshot.taken_on,
        snapshot.label,
        Origin(Source.UPLOADED, snapshot.canister_version),
        lambda: snapshot.content,
        installed=snapshot.installed,
    )
    found = shelf.adopt(bench.runtime, copy, replaced=snapshot.id)
    assert not isinstance(found, Reject), "it takes the place of one that is there"
    return found


def oldest(bench: Bench) -> SnapshotId | None:
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
