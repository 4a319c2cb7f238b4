"""Findings: what a rehearsal has to say, one at a time, each under a code that never changes.

A finding is made by ``finding`` from the registry's row and the facts of this rehearsal, so
that title, advice and page are the same wherever it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Severity(Enum):
    """What a finding does to the verdict; the order is from worst to mildest.

    FAILURE: the rehearsal has failed. WARNING: look before you upgrade. NOTE: good to know.
    """

    FAILURE = "failure"
    WARNING = "warning"
    NOTE = "note"


class Harm(StrEnum):
    """What becomes of a canister that this happens to in production."""

    BRICK = "brick"
    LOSS = "loss"
    OUTAGE = "outage"
    SILENT = "silent"


class Fact(NamedTuple):
    """One piece of evidence: what it is about, and how it was before and after."""

    what: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the registry: all that does not depend on the rehearsal.

    what: what goes wrong, and why. how: how the rehearsal finds out.
    case: where it has happened to somebody.
    """

    code: str
    title: str
    severity: Severity
    harm: Harm
    what: str
    how: str
    advice: str
    case: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. evidence: never empty. doc: its page, relative to the repository."""

    code: str
    severity: Severity
    harm: Harm
    title: str
    evidence: tuple[Fact, ...]
    advice: str
    doc: str


_MOST_FACTS: Final = 50


def accepted(finding: Finding, reason: str = "") -> Finding:
    """Return a finding that somebody has said yes to: no failure any more, and marked."""
    fact = Fact("accepted", "", reason or "by the plan")
    severity = Severity.WARNING if finding.severity is Severity.FAILURE else finding.severity
    return replace(finding, severity=severity, evidence=(*finding.evidence, fact))


def made(entry: Entry, facts: Iterable[Fact], severity: Severity | None = None) -> Finding:
    """Return the finding of a registry row. severity: None is the row's own."""
    listed = tuple(facts)
    assert listed, f"{entry.code} without evidence"
    if len(listed) > _MOST_FACTS:
        rest = len(listed) - _MOST_FACTS
        listed = (*listed[:_MOST_FACTS], Fact(f"and {rest:,} more"))
    return Finding(
        entry.code,
        severity or entry.severity,
        entry.harm,
        entry.title,
        listed,
        entry.advice,
        f"docs/findings/{entry.code}.md",
    )
