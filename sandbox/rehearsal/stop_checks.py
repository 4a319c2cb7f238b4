"""Stage 1, stopping: an upgrade that is to be safe begins with a stop, which has to end (P07)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.calling import probe_of
from sandbox.rehearsal.findings import Severity
from sandbox.rehearsal.holding import callees, leave_open, open_calls
from sandbox.rehearsal.registry import findings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.calling import Probe, Reader
    from sandbox.rehearsal.findings import Fact, Finding

_STOP_MINUTES: Final = 5  # after which the IC gives a stop request up


def check_stopping(bench: Bench, reader: Reader) -> Iterator[Finding]:
    """Stop the canister as it is; then while those that its traffic calls do not answer."""
    with bench.fork():
        stuck = cannot_stop(bench)
    if stuck:
        yield from findings_of("P07", stuck)
        return
    calls = (call for call in bench.plan.traffic if call.method in reader.old.exported)
    waiting = [fact for call in calls for fact in _stuck_with(bench, probe_of(reader.old, call))]
    yield from findings_of("P07", dict.fromkeys(waiting), Severity.NOTE)


def cannot_stop(bench: Bench) -> list[Fact]:
    """Stop the canister, in the fork the caller is in; say what keeps it from ending."""
    with bench.ic.entered() as world:
        refusal = world.stop(bench.runtime)
    if refusal is None:
        return []
    bench.ic.advance(minutes=_STOP_MINUTES)
    return open_calls(bench)


def _stuck_with(bench: Bench, probe: Probe) -> list[Fact]:
    others = callees(bench, probe)
    if not others:
        return []
    with bench.fork():
        if not leave_open(bench, probe, others):
            return []
        stuck = cannot_stop(bench)
        return [fact._replace(what=f"after {probe.name}: {fact.what}") for fact in stuck]
