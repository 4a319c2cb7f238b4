"""A rehearsal for the terminal: verdict first, then phases, then findings, worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.findings import Severity
from sandbox.rehearsal.profiling import dearest
from sandbox.rehearsal.report.figures import share, size
from sandbox.rehearsal.report.text_growth import growth_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.findings import Fact, Finding
    from sandbox.rehearsal.rehearsal import Rehearsal

_MARKS: Final = {Severity.FAILURE: "✗", Severity.WARNING: "!", Severity.NOTE: "·"}
_MOST_FACTS: Final = 6


def rehearsal_as_text(outcome: Rehearsal) -> str:
    """Return the report; the first line is the verdict."""
    lines = [outcome.verdict, *_phases(outcome), *_functions(outcome)]
    for item in outcome.findings:
        lines += ["", *_finding(item)]
    lines += growth_lines(outcome.growth) if outcome.growth is not None else ()
    lines += ["", *_summary(outcome)]
    if outcome.findings:
        lines.append("More on a finding: canister-sandbox explain CODE")
    return "\n".join(lines)


def _phases(outcome: Rehearsal) -> Iterator[str]:
    if outcome.run is None or not outcome.run.stages:
        return
    yield ""
    for stage in outcome.run.stages:
        used = share(stage.instructions, outcome.limits.install_instructions)
        sizes = f"; heap {size(stage.heap_bytes)}, stable memory {size(stage.stable_bytes)}"
        end = "   <- fails" if stage.name == outcome.run.failed_in else sizes
        yield f"  {stage.name:<13}{stage.instructions:>16,} instructions, {used}{end}"


def _functions(outcome: Rehearsal) -> Iterator[str]:
    """Name the dearest functions of what was profiled, unless a finding does."""
    told = {fact for item in outcome.findings for fact in item.evidence}
    for profile in outcome.profiles:
        facts = dearest(profile)
        if facts and told.isdisjoint(facts):
            yield ""
            yield f"  Where most instructions of {profile.upgrade} went:"
            yield from (f"    {fact_text(fact)}" for fact in facts)


def _finding(item: Finding) -> Iterator[str]:
    yield f"{_MARKS[item.severity]} {item.code} {item.title}  [{item.severity.value}, {item.harm}]"
    for fact in item.evidence[:_MOST_FACTS]:
        yield f"    {fact_text(fact)}"
    if len(item.evidence) > _MOST_FACTS:
        yield f"    … {len(item.evidence) - _MOST_FACTS} more in --json and --html"
    yield f"    → {item.advice}"


def fact_text(fact: Fact) -> str:
    """Return a piece of evidence on one line."""
    values = f"{fact.before} → {fact.after}" if fact.before and fact.after else fact.after
    said = f"{fact.what}: {values or fact.before}".removesuffix(": ")
    return "\\n".join(said.splitlines())  # texts of canisters have lines of their own


def _summary(outcome: Rehearsal) -> Iterator[str]:
    same = sum(diff.is_same for diff in outcome.probes)
    if outcome.probes:
        meant = sum(diff.is_expected and not diff.is_same for diff in outcome.probes)
        also = f", {meant} as expected" if meant else ""
        yield f"Probes: {same} of {len(outcome.probes)} the same before and after{also}"
    if outcome.rollback is not None and outcome.rollback.taken.is_exact:
        compared = size(outcome.rollback.bytes_compared)
        yield f"Rollback: heap, stable memory and globals restored exactly ({compared})"
    if outcome.untried:
        yield f"Not tried (no answer to () before the upgrade): {', '.join(outcome.untried)}"
    yield f"Limits: {outcome.limits}"
