"""Several rehearsals written down together: an overview, then each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.rehearsal.findings import Severity
from sandbox.rehearsal.report.data import FORMAT, rehearsal_as_dict
from sandbox.rehearsal.report.html import content, document
from sandbox.rehearsal.report.html_markup import text
from sandbox.rehearsal.report.junit import as_document, suite_of
from sandbox.rehearsal.report.text import rehearsal_as_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.chain import Chain
    from sandbox.rehearsal.rehearsal import Rehearsal


def chain_as_dict(outcome: Chain) -> dict[str, Any]:
    """Return all steps as plain values."""
    return {
        "format": FORMAT,
        "verdict": outcome.verdict,
        "ok": outcome.is_ok,
        "exit_code": outcome.exit_code,
        "steps": [{"name": name, **rehearsal_as_dict(it)} for name, it in outcome.parts],
        "not_reached": [step.name for step in outcome.untried],
    }


def chain_as_text(outcome: Chain) -> str:
    """Return an overview, and what was found in each step."""
    lines = [outcome.verdict, "", *_overview(outcome)]
    for name, it in outcome.parts:
        lines += ["", f"=== {name}", rehearsal_as_text(it)]
    return "\n".join(lines)


def chain_as_junit(outcome: Chain) -> str:
    """Return one suite for each step."""
    return as_document([suite_of(it, name) for name, it in outcome.parts])


def chain_as_html(outcome: Chain, title: str) -> str:
    """Return one document: the steps in a table, then each step's report, folded in when good."""
    rows = [_row(name, _tone(it), _mark(it), summary(it)) for name, it in outcome.parts]
    rows += [_row(step.name, "soft", "not reached", "") for step in outcome.untried]
    reports = "".join(folded(name, it, is_open=not it.is_ok) for name, it in outcome.parts)
    return document(
        title,
        f"{headline(outcome.verdict, is_ok=outcome.is_ok)}"
        f'<section><h2>The steps</h2><div class="card"><table>{"".join(rows)}</table></div>'
        f"</section>{reports}",
    )


def _row(name: str, tone: str, mark: str, said: str) -> str:
    return (
        f'<tr><td class="mono"><b>{text(name)}</b></td><td class="{tone}">{mark}</td>'
        f"<td>{text(said)}</td></tr>"
    )


def headline(verdict: str, *, is_ok: bool) -> str:
    """Return a verdict's first words large, and below them what else it says."""
    head, *rest = verdict.split("; ")
    title, _, said = head.partition(" - ")
    items = "".join(f"<li>{text(item)}</li>" for item in [said, *rest] if item)
    tone = "good" if is_ok else "bad"
    return f'<div class="verdict {tone}"><strong>{text(title)}</strong><ul>{items}</ul></div>'


def folded(name: str, outcome: Rehearsal, *, is_open: bool) -> str:
    """Return a rehearsal's report under its name."""
    opened = " open" if is_open else ""
    return (
        f'<details class="card part"{opened}><summary><h3>{text(name)}</h3>'
        f'<span class="{_tone(outcome)}">{_mark(outcome)}</span></summary>'
        f"<div>{content(outcome)}</div></details>"
    )


def summary(outcome: Rehearsal) -> str:
    """Return the codes that count, or what else there is to say, in a few words."""
    failures, warnings = (
        sorted({it.code for it in outcome.of(severity)})
        for severity in (Severity.FAILURE, Severity.WARNING)
    )
    counted = [f"fails: {', '.join(failures)}"] * bool(failures)
    counted += [f"warns: {', '.join(warnings)}"] * bool(warnings)
    return "; ".join(counted) or "nothing found"


def _overview(outcome: Chain) -> Iterator[str]:
    width = max(len(name) for name, _ in outcome.parts)
    for name, it in outcome.parts:
        yield f"  {'✓' if it.is_ok else '✗'} {name:{width}}  {summary(it)}"
    for step in outcome.untried:
        yield f"  · {step.name:{width}}  not reached"


def _tone(outcome: Rehearsal) -> str:
    return "is-good" if outcome.is_ok else "is-bad"


def _mark(outcome: Rehearsal) -> str:
    return "✓ does well" if outcome.is_ok else "✗ does not"
