"""Stage 2, migrations that go on after the upgrade: their end, and what disturbs them (Q07).

The plan gives a query that says whether the migration is done. It must come true within the
time given; and an upgrade or a rollback at 10, 50 and 90 % of the way must leave what an
undisturbed one leaves; so must a downgrade, if the plan counts on that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from warnings import catch_warnings, simplefilter

from sandbox.errors import OpenCallsWarning
from sandbox.rehearsal.caller_checks import changed_values, probe_diffs
from sandbox.rehearsal.calling import ask, interface_for, probe_of
from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.plan import BY_DOWNGRADE
from sandbox.rehearsal.promise_checks import answer_to
from sandbox.rehearsal.registry import findings_of
from sandbox.rehearsal.restoring import oldest
from sandbox.rehearsal.rollback_checks import old_again
from sandbox.rehearsal.upgrading import planned, upgrade
from sandbox.rehearsal.viewing import read, readings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.calling import Probe, Reader, Reading
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.plan import Migration

_PERCENT: Final = (10, 50, 90)
_NS: Final = 1_000_000_000
# A heartbeat or a timer each second for days would be a rehearsal of hours; so would the
# messages of busy neighbours.
_MOST_ROUNDS: Final = 20_000
_MOST_MESSAGES: Final = 100_000
_HOUR_NS: Final = 3_600 * _NS


def check_migration(bench: Bench, reader: Reader, probes: tuple[Probe, ...]) -> Iterator[Finding]:
    """Wait for the migration, then disturb it."""
    wanted = bench.plan.migrated
    if wanted is None:
        return
    with bench.fork():
        planned(bench)
        took_ns = _awaited(bench, reader, wanted)
        finished = readings(bench, probes)
        last = _said(bench, reader, wanted)
    if took_ns is None:
        limit = f"{wanted.within_s:,.0f} virtual seconds"
        yield from findings_of("Q07", [Fact(f"{wanted.done} within {limit}", _wish(wanted), last)])
    elif took_ns > 0:
        way = _Way(bench, reader, probes, wanted, took_ns)
        facts = [*way.upgraded(finished), *way.rolled_back()]
        if BY_DOWNGRADE in bench.plan.rollback:
            facts += way.downgraded()
        yield from findings_of("Q07", facts)


class _Way:
    """The migration on its way. took_ns: how long it takes when nothing disturbs it."""

    def __init__(
        self,
        bench: Bench,
        reader: Reader,
        probes: tuple[Probe, ...],
        wanted: Migration,
        took_ns: int,
    ) -> None:
        self._bench, self._reader, self._probes = bench, reader, probes
        self._wanted, self._took_ns = wanted, took_ns

    def upgraded(self, finished: tuple[Reading, ...]) -> Iterator[Fact]:
        """Upgrade the new module to itself on the way; it must end as if nothing had been."""
        bench = self._bench
        for percent in _PERCENT:
            with bench.fork():
                planned(bench)
                self._go(percent)
                what = f"upgraded again at {percent} %"
                run = upgrade(bench, bench.new.raw, bench.argument)
                if run.failure is not None:
                    yield Fact(what, "", run.reason)
                elif _awaited(bench, self._reader, self._wanted) is None:
                    yield Fact(what, "", "the migration never ends")
                else:
                    yield from self._differing(what, finished)

    def rolled_back(self) -> Iterator[Fact]:
        """Load a snapshot from before on the way; the old module must go on as if nothing was."""
        bench = self._bench
        with bench.fork():
            bench.ic.advance(ns=self._took_ns)
            undisturbed = readings(bench, self._probes)
        for percent in _PERCENT:
            with bench.fork(), catch_warnings():
                simplefilter("ignore", OpenCallsWarning)
                taken = bench.canister.take_snapshot(replace=oldest(bench), caller=bench.caller)
                planned(bench)
                self._go(percent)
                bench.ic.load_snapshot(taken, caller=bench.caller)
                bench.ic.advance(ns=self._took_ns - self._took_ns * percent // 100)
                yield from self._differing(f"rolled back at {percent} %", undisturbed)

    def downgraded(self) -> Iterator[Fact]:
        """Install the old module on the way; it must find what it had."""
        bench = self._bench
        before = readings(bench, self._probes)
        for percent in _PERCENT:
            with bench.fork():
                planned(bench)
                self._go(percent)
                what = f"downgraded at {percent} %"
                run = old_again(bench)
                if run.failure is not None:
                    yield Fact(what, "", run.reason)
                else:
                    yield from self._differing(what, before)

    def _go(self, percent: int) -> None:
        self._bench.ic.advance(ns=self._took_ns * percent // 100)

    def _differing(self, what: str, wanted: tuple[Reading, ...]) -> Iterator[Fact]:
        asked = readings(self._bench, self._probes)
        diffs = probe_diffs(self._reader, wanted, asked)
        for fact in changed_values(diffs):
            yield fact._replace(what=f"{what}: {fact.what}")
        for diff in diffs:
            if diff.failure:
                yield Fact(f"{what}: {diff.name}", diff.before, diff.failure)


def _awaited(bench: Bench, reader: Reader, wanted: Migration) -> int | None:
    """Let time go on until the migration is done; return the nanoseconds, None for never."""
    started = bench.ic.time_ns
    deadline = started + int(wanted.within_s * _NS)
    messages = 0
    for _ in range(_MOST_ROUNDS):
        if not _said(bench, reader, wanted):
            return bench.ic.time_ns - started
        now = bench.ic.time_ns
        if now >= deadline or messages >= _MOST_MESSAGES:
            break
        messages += bench.ic.advance(ns=min(_next_ns(bench), deadline) - now).messages
    return None


def _next_ns(bench: Bench) -> int:
    """Return when to look again: at the next timer, a second later at the soonest."""
    state, soonest = bench.runtime.state, bench.ic.time_ns + _NS
    is_busy = "canister_heartbeat" in bench.new.hooks
    if is_busy or bench.ic.world.router.has_open_contexts(bench.canister.id):
        return soonest
    return max(state.timer_ns, soonest) if state.timer_ns else bench.ic.time_ns + _HOUR_NS


def _said(bench: Bench, reader: Reader, wanted: Migration) -> str:
    """Return what the migration's query answers instead of what it should; empty when done."""
    call = wanted.done
    reading = read(bench, probe_of(interface_for(call, reader), call), ask)
    return answer_to(call, reader, reading).wrong


def _wish(wanted: Migration) -> str:
    return wanted.done.expect or f"something that matches {wanted.done.matches}"
