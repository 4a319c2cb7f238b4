"""Stage 2, without stopping first: the upgrade while the traffic's calls are in flight (P06).

Each traffic call is left open by callees that answer an hour late; then the upgrade is done
all the same, and the replies come in. That they fail is no fault of the new module, so it is
a note: stop the canister first. (Calls that are open in the start state are another matter.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.rehearsal.calling import probe_of, said
from sandbox.rehearsal.findings import Fact, Severity
from sandbox.rehearsal.holding import HELD_HOURS, callees, leave_open, open_calls
from sandbox.rehearsal.registry import findings_of
from sandbox.rehearsal.upgrading import planned
from sandbox.rehearsal.viewing import is_callback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.calling import Probe, Reader
    from sandbox.rehearsal.findings import Finding


@dataclass(frozen=True, slots=True)
class Flight:
    """An upgrade during a call.

    waits_for: what was open. refusal: why the upgrade failed. failures: of replies that came
    in after it; none of both when it went well.
    """

    call: str
    waits_for: tuple[str, ...]
    refusal: str
    failures: tuple[Fact, ...]


def flights(bench: Bench, reader: Reader) -> tuple[Flight, ...]:
    """Upgrade during each call of the traffic that waits for somebody, in forks."""
    calls = (call for call in bench.plan.traffic if call.method in reader.old.exported)
    return tuple(flight for call in calls for flight in _flown(bench, probe_of(reader.old, call)))


def check_flights(flown: tuple[Flight, ...]) -> list[Finding]:
    """Say which replies fail, and which upgrades."""
    return findings_of("P06", _failed(flown), Severity.NOTE)


def _flown(bench: Bench, probe: Probe) -> Iterator[Flight]:
    others = callees(bench, probe)
    if not others:
        return
    with bench.fork():
        if not leave_open(bench, probe, others):
            return
        waits_for = tuple(fact.what for fact in open_calls(bench))
        run = planned(bench)
        failures = () if run.failure is not None else tuple(_replies(bench))
    yield Flight(probe.name, waits_for, run.reason, failures)


def _replies(bench: Bench) -> Iterator[Fact]:
    report = bench.ic.advance(hours=2 * HELD_HOURS)
    for item in report.trace.executions:
        is_own = item.canister == bench.canister.id and is_callback(item.entry)
        if is_own and item.failure is not None:
            yield Fact(item.entry, "", said(item.failure.to_exception()))


def _failed(flown: tuple[Flight, ...]) -> Iterator[Fact]:
    for flight in flown:
        if flight.refusal:
            yield Fact(f"upgrade during {flight.call}", "", flight.refusal)
        for fact in flight.failures:
            yield fact._replace(what=f"{fact.what}, upgraded during {flight.call}")
