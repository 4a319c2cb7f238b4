"""Stage 2, the argument: the same upgrade with none and with () (Q01, Q02)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.rehearsal.caller_checks import changed_values, probe_diffs
from sandbox.rehearsal.findings import Fact, Severity
from sandbox.rehearsal.registry import findings_of
from sandbox.rehearsal.upgrading import planned
from sandbox.rehearsal.viewing import readings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.calling import Probe, Reader, Reading
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.upgrading import UpgradeRun


@dataclass(frozen=True, slots=True)
class Variant:
    """The upgrade with one argument. name: what the argument is called."""

    name: str
    run: UpgradeRun
    readings: tuple[Reading, ...]


def variants(bench: Bench, probes: tuple[Probe, ...]) -> tuple[Variant, ...]:
    """Upgrade with each argument, in forks; the one given comes first."""
    found = []
    for name, argument in bench.arguments().items():
        with bench.fork():
            run = planned(bench, argument)
            asked = readings(bench, probes) if run.failure is None else ()
            found.append(Variant(name, run, asked))
    return tuple(found)


def check_arguments(reader: Reader, tried: tuple[Variant, ...]) -> Iterator[Finding]:
    """Say what depends on the argument."""
    given, *others = tried
    differing = [it for it in others if (it.run.failure is None) != (given.run.failure is None)]
    if differing:
        is_bad = given.run.failure is not None
        facts = [
            Fact(f"argument: {it.name}", "", it.run.reason or "succeeds")
            for it in (given, *differing)
        ]
        yield from findings_of("Q01", facts, Severity.FAILURE if is_bad else None)
    if given.run.failure is None:
        yield from findings_of("Q02", _effects(reader, given, others))


def _effects(reader: Reader, given: Variant, others: list[Variant]) -> Iterator[Fact]:
    for other in others:
        if other.run.failure is not None:
            continue
        for fact in changed_values(probe_diffs(reader, given.readings, other.readings)):
            name = f"{fact.what}, {given.name} against {other.name}"
            yield Fact(name, fact.before, fact.after)
