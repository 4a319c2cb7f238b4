"""Stage 4, locks: a call that was under way at the upgrade must not lock its method (A06)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.rehearsal.calling import probe_of, tell
from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.holding import HELD_HOURS, callees, leave_open
from sandbox.rehearsal.registry import findings_of
from sandbox.rehearsal.upgrading import planned
from sandbox.rehearsal.viewing import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.principal import Principal
    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.calling import Probe, Reader
    from sandbox.rehearsal.findings import Finding


def check_guards(bench: Bench, reader: Reader) -> Iterator[Finding]:
    """Upgrade while a guarded call waits for an answer, and call again when that has come."""
    facts = []
    for call in bench.plan.guarded:
        probe = probe_of(reader.old, call)
        others = callees(bench, probe)
        # What cannot be called again without an upgrade either is none of the upgrade's doing.
        if others and _called_again(bench, probe, others, upgrades=False) == "":
            failure = _called_again(bench, probe, others, upgrades=True)
            if failure:
                facts.append(Fact(f"{call}, again", "answers", failure))
    yield from findings_of("A06", facts)


def _called_again(
    bench: Bench, probe: Probe, others: frozenset[Principal], *, upgrades: bool
) -> str | None:
    """Return how a second call fails after the first was under way; None if it never was."""
    with bench.fork():
        if not leave_open(bench, probe, others):
            return None
        if upgrades and planned(bench).failure is not None:
            return None
        bench.ic.advance(hours=2 * HELD_HOURS)
        return read(bench, probe, tell).failure
