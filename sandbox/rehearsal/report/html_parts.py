"""The parts of the HTML report: each a function from the outcome to its markup.

What changed in memory is drawn by ``html_memory``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.findings import Severity
from sandbox.rehearsal.report.figures import share, size
from sandbox.rehearsal.report.html_markup import table, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.rehearsal.caller_checks import ProbeDiff
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.flight_checks import Flight
    from sandbox.rehearsal.rehearsal import Rehearsal
    from sandbox.rehearsal.restoring import Return, Rollback
    from sandbox.rehearsal.viewing import Soak

_MOST_WORST: Final = 3
_TONE: Final = {Severity.FAILURE: "bad", Severity.WARNING: "warn", Severity.NOTE: "note"}
_PHASES: Final = {
    "pre_upgrade": "the installed module saves what it needs",
    "compile": "the new module is compiled; the price is its size",
    "init": "the new module begins with nothing",
    "start": "the new module's start function",
    "post_upgrade": "the new module takes over",
}


def verdict(outcome: Rehearsal) -> str:
    """Say the outcome so that ten seconds are enough."""
    head, *rest = outcome.verdict.split("; ")
    title, _, counts = head.partition(" - ")
    tone = "bad" if not outcome.is_ok else "warn" if outcome.of(Severity.WARNING) else "good"
    worst = [f"{item.code} {item.title}" for item in outcome.of(Severity.FAILURE)[:_MOST_WORST]]
    items = [*worst, counts or "no failure, no warning", *rest]
    listed = "".join(f"<li>{text(item)}</li>" for item in items)
    return f'<div class="verdict {tone}"><strong>{text(title)}</strong><ul>{listed}</ul></div>'


def phases(outcome: Rehearsal) -> str:
    """Draw the upgrade as a line of phases with their share of the limit."""
    run = outcome.run
    if run is None:
        return '<p class="card">The module was refused before anything ran.</p>'
    limit = outcome.limits.install_instructions or 1
    items = []
    for stage in run.stages:
        is_failed = stage.name == run.failed_in
        note = run.reason if is_failed else _PHASES.get(stage.name, "")
        used = f"{stage.instructions:,} instructions, {share(stage.instructions, limit)}"
        sizes = f"<br>heap {size(stage.heap_bytes)} · stable memory {size(stage.stable_bytes)}"
        sizes *= not is_failed  # it was rolled back
        items.append(
            f'<li class="{"failed" if is_failed else ""}"><div class="row"><h3>{text(stage.name)}'
            f'</h3><span class="mono">{used}</span></div>{_bar([stage.instructions], limit)}'
            f'<p class="soft"><span class="{"is-bad" if is_failed else ""}">{text(note)}</span>'
            f"{sizes}</p></li>"
        )
    if not run.stages:
        items.append(_bare_phase(run.reason))
    total = (
        f'<div class="row"><b>All phases together</b><span class="mono">{run.instructions:,} of '
        f"{limit:,}</span></div>{_bar([stage.instructions for stage in run.stages], limit)}"
        f'<p class="soft">They share one limit. The upgrade takes {run.cycles:,} cycles.</p>'
    )
    return f'<div class="card"><ol class="phases">{"".join(items)}</ol>{total}</div>'


def _bare_phase(reason: str) -> str:
    if not reason:
        return '<li><h3>install_code</h3><p class="soft">neither module has a hook to run</p></li>'
    return f'<li class="failed"><h3>install_code</h3><p class="is-bad">{text(reason)}</p></li>'


def _bar(parts: Sequence[int], limit: int) -> str:
    hot = " hot" if sum(parts) >= limit / 2 else ""
    widths = "".join(f'<i style="width:{min(100.0, 100 * it / limit):.3f}%"></i>' for it in parts)
    return f'<div class="bar{hot}">{widths}</div>'


def findings(outcome: Rehearsal) -> str:
    """List the findings, worst first; failures are open."""
    if not outcome.findings:
        return '<p class="card is-good">Nothing found.</p>'
    return "".join(_finding(item) for item in outcome.findings)


def _finding(item: Finding) -> str:
    is_open = "" if item.severity is Severity.NOTE else " open"
    rows = [(fact.what, fact.before, fact.after) for fact in item.evidence]
    return (
        f'<details class="card"{is_open}><summary><span class="code {item.severity.value}">'
        f"{item.code}</span><h3>{text(item.title)}</h3></summary><div>"
        f'<p class="soft">{item.severity.value} · in production: {item.harm}</p>'
        f"{table(('what', 'before', 'after'), rows)}"
        f'<p class="advice">{text(item.advice)}</p></div></details>'
    )


def probes(outcome: Rehearsal) -> str:
    """Show every probe before and after; those that differ first."""
    if not outcome.probes:
        return ""
    ordered = sorted(outcome.probes, key=lambda diff: (diff.is_fine, diff.is_same))
    rows = [_probe(diff) for diff in ordered]
    head = "<thead><tr><th>query</th><th>before</th><th>after</th><th class=num>instructions</th>"
    return (
        f'<div class="card"><table>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
        '<p class="soft">A heap that was just made is slower until it is used; '
        "A05 takes that into account.</p></div>"
    )


def _probe(diff: ProbeDiff) -> str:
    before, after = diff.instructions
    if diff.failure:
        now, tone = diff.failure, "is-bad"
    elif diff.is_same:
        now, tone = "the same", "is-good"
    elif diff.is_expected:
        now, tone = f"{diff.after}, as expected", "is-good"
    else:
        now, tone = diff.after, "is-bad" if diff.is_loss else "is-warn"
    cost = f"{before:,}" if before == after else f"{before:,} → {after:,}"
    return (
        f'<tr><td class="mono"><b>{text(diff.name)}</b></td>'
        f'<td class="mono" data-name="before">{text(diff.before)}</td>'
        f'<td class="mono {tone}" data-name="after">{text(now)}</td>'
        f'<td class="num mono" data-name="instructions">{cost}</td></tr>'
    )


def by_itself(outcome: Rehearsal) -> str:
    """Show what ran by itself while virtual time went on, before and after."""
    names = dict.fromkeys(name for soak in outcome.soaks for name in soak.ran)
    if not names:
        return ""
    rows = [(name, *(_ran(soak, name) for soak in outcome.soaks)) for name in names]
    return f'<div class="card">{table(("entry point", "before", "after"), rows)}</div>'


def _ran(soak: Soak, name: str) -> str:
    if name not in soak.ran:
        return f"never in {soak.seconds:,.0f} virtual seconds"
    failed = f", fails: {soak.failed[name]}" if name in soak.failed else ""
    return f"{soak.ran[name]:,} times in {soak.seconds:,.0f} virtual seconds{failed}"


def flights(outcome: Rehearsal) -> str:
    """Tell what becomes of calls that are open during the upgrade."""
    rows = [(it.call, ", ".join(it.waits_for), _landed(it)) for it in outcome.flights]
    if not rows:
        return ""
    return (
        f'<div class="card">{table(("call", "waits for", "upgraded meanwhile"), rows)}'
        '<p class="soft">Each call of the traffic was left open, the canister upgraded without '
        "stopping it, and then the replies came in. Stop the canister first.</p></div>"
    )


def _landed(flight: Flight) -> str:
    if flight.refusal:
        return f"the upgrade fails: {flight.refusal}"
    failures = [f"{fact.what} fails: {fact.after}" for fact in flight.failures]
    return "; ".join(failures) or "the replies arrive"


def ways_back(outcome: Rehearsal) -> str:
    """Say how to get back."""
    back = outcome.rollback
    if back is None:
        return ""
    down = (
        '<span class="is-warn">is no way back: see R01</span>'
        if "R01" in outcome.codes
        else '<span class="is-good">works, and the probes see their values</span>'
    )
    return (
        f'<div class="card"><p><b>By snapshot</b>, taken before the upgrade: '
        f"{_restored(back.taken)} of heap and stable memory ({size(back.bytes_compared)}), "
        "globals, module, chunk store and certified data.</p>"
        f"<p><b>By a copy of it</b>, downloaded and uploaded again: {_restored(back.uploaded)}.</p>"
        f"<p><b>By installing the old module</b> again: {down}.</p>"
        f"{_left(back)}</div>"
    )


def _restored(back: Return) -> str:
    if back.failure:
        return f'<span class="is-bad">refused: {text(back.failure)}</span>'
    if back.is_exact:
        return '<span class="is-good">restores every byte</span>'
    return '<span class="is-bad">does not restore all</span>'


def _left(back: Rollback) -> str:
    """Tabulate what the two ways by snapshot leave as it is after the upgrade."""
    kinds = (back.taken, back.uploaded)
    tables = [{fact.what: fact for fact in (*it.left, *it.by_itself)} for it in kinds]
    names = list(dict.fromkeys(name for facts in tables for name in facts))
    rows = [
        (name, *(f"{facts[name].after}" if name in facts else "restored" for facts in tables))
        for name in names
    ]
    before = {name: fact.before for facts in tables for name, fact in facts.items()}
    listed = [(name, before[name], taken, copy) for name, taken, copy in rows]
    head = (
        "what a snapshot leaves",
        "before the upgrade",
        "after loading it",
        "after loading a copy",
    )
    return table(head, listed)
