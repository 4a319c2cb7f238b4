"""What a plan makes of findings: accepted ones fail no more, and ways back count as it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sandbox.rehearsal.findings import Severity, accepted
from sandbox.rehearsal.plan import BY_DOWNGRADE, BY_SNAPSHOT
from sandbox.rehearsal.promise_checks import check_dates
from sandbox.rehearsal.registry import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.plan import Plan


def weighed(plan: Plan, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings with the weight the plan gives them, in order."""
    today = datetime.now(tz=UTC).date()
    in_force = {it.code: it for it in plan.acceptances if it.until is None or it.until >= today}
    return ordered(
        accepted(it, in_force[it.code].reason) if it.code in in_force else _relied_on(plan, it)
        for it in findings
    )


def out_of_date(plan: Plan) -> list[Finding]:
    """Return what there is to say of acceptances that have run out."""
    return [*check_dates(plan.acceptances, datetime.now(tz=UTC).date())]


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings worst first, then in the order of the stages."""
    severities, codes = list(Severity), [row.code for row in ROWS]
    return tuple(
        sorted(findings, key=lambda it: (severities.index(it.severity), codes.index(it.code)))
    )


def _relied_on(plan: Plan, item: Finding) -> Finding:
    """Weigh what is wrong with a way back by whether the plan counts on that way."""
    if item.code == "R01" and BY_DOWNGRADE in plan.rollback:
        return replace(item, severity=Severity.FAILURE)
    if item.code == "R02" and BY_SNAPSHOT not in plan.rollback:
        return replace(item, severity=Severity.NOTE)
    return item
