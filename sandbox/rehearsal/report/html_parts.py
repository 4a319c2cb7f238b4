"""The parts of the HTML report: each a function from the outcome to its markup.

Whatever comes from a canister goes through ``text``: it is shown, never interpreted.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.findings import Severity
from sandbox.rehearsal.report.figures import share, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sandbox.rehearsal.caller_checks import ProbeDiff
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.layout import Layout
    from sandbox.rehearsal.rehearsal import Picture, Rehearsal
    from snapshot.insight import Part

_COLUMNS: Final = 64
_CELL: Final = 10
_TONE: Final = {Severity.FAILURE: "bad", Severity.WARNING: "warn", Severity.NOTE: "note"}
_PHASES: Final = {
    "pre_upgrade": "the installed module saves what it needs",
    "start": "the new module's start function",
    "post_upgrade": "the new module takes over",
}


def text(value: object) -> str:
    """Return a value as text that is safe in markup and attributes."""
    return escape(str(value), quote=True)


def verdict(outcome: Rehearsal) -> str:
    """Say the outcome so that ten seconds are enough."""
    head, *rest = outcome.verdict.split("; ")
    title, _, counts = head.partition(" - ")
    tone = "bad" if not outcome.is_ok else "warn" if outcome.of(Severity.WARNING) else "good"
    items = [counts or "nothing found", *rest]
    listed = "".join(f"<li>{text(item)}</li>" for item in items)
    return f'<div class="verdict {tone}"><strong>{text(title)}</strong><ul>{listed}</ul></div>'


def phases(outcome: Rehearsal) -> str:
    """Draw the upgrade as a line of phases with their share of the limit."""
    run = outcome.run
    if run is None:
        return '<p class="card">The module was refused before anything ran.</p>'
    limit = outcome.instruction_limit or 1
    items = []
    for stage in run.stages:
        is_failed = stage.name == run.failed_in
        note = run.reason if is_failed else _PHASES.get(stage.name, "")
        used = f"{stage.instructions:,} instructions, {share(stage.instructions, limit)}"
        sizes = f"heap {size(stage.heap_bytes)} · stable memory {size(stage.stable_bytes)}"
        items.append(
            f'<li class="{"failed" if is_failed else ""}"><div class="row"><h3>{text(stage.name)}'
            f'</h3><span class="mono">{used}</span></div>{_bar([stage.instructions], limit)}'
            f'<p class="soft"><span class="{"is-bad" if is_failed else ""}">{text(note)}</span>'
            f"<br>{sizes}</p></li>"
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
    ordered = sorted(outcome.probes, key=lambda diff: diff.is_same)
    rows = [_probe(diff) for diff in ordered]
    head = "<thead><tr><th>query</th><th>before</th><th>after</th><th class=num>instructions</th>"
    return (
        f'<div class="card"><table>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _probe(diff: ProbeDiff) -> str:
    before, after = diff.instructions
    if diff.failure:
        now, tone = diff.failure, "is-bad"
    elif diff.is_same:
        now, tone = "the same", "is-good"
    else:
        now, tone = diff.after, "is-bad" if diff.is_loss else "is-warn"
    cost = f"{before:,}" if before == after else f"{before:,} → {after:,}"
    return (
        f'<tr><td class="mono"><b>{text(diff.name)}</b></td>'
        f'<td class="mono" data-name="before">{text(diff.before)}</td>'
        f'<td class="mono {tone}" data-name="after">{text(now)}</td>'
        f'<td class="num mono" data-name="instructions">{cost}</td></tr>'
    )


def memories(outcome: Rehearsal) -> str:
    """Draw what changed in the memories, and how stable memory is laid out."""
    drawn = "".join(_picture(item) for item in outcome.pictures if item.cells)
    parts = [drawn]
    if outcome.layouts and any(layout.kind for layout in outcome.layouts):
        parts.append(_layouts(outcome.layouts))
    return "".join(parts)


def _picture(picture: Picture) -> str:
    rows = -(-len(picture.cells) // _COLUMNS)
    columns = min(_COLUMNS, len(picture.cells))
    cells = []
    for at, cell in enumerate(picture.cells):
        row, column = divmod(at, _COLUMNS)
        level = "" if cell.level is None else f' class="l{cell.level}"'
        where = f"{cell.offset:#x} to {cell.offset + cell.length:#x}: {cell.changed:.0%} changed"
        cells.append(
            f'<rect x="{column * _CELL}" y="{row * _CELL}" width="{_CELL - 1}" '
            f'height="{_CELL - 1}" rx="1.5"{level}><title>{where}</title></rect>'
        )
    # A small memory must not become a wall of giant cells.
    width = f"max-width:{max(columns, 16) * 14}px"
    return (
        f'<div class="card"><h3>{text(picture.name).capitalize()}</h3><p class="soft">'
        f"{size(picture.size_before)} before, {size(picture.size_after)} after; "
        f"{picture.pages_changed:,} OS pages changed; one cell is {size(picture.cells[0].length)}"
        f'</p><svg class="map" style="{width}" viewBox="0 0 {columns * _CELL} {rows * _CELL}" '
        f'role="img" aria-label="changed pages">{"".join(cells)}</svg>{_key()}</div>'
    )


def _key() -> str:
    names = (("empty", "zero"), ("0", "in use"), ("1", "some changed"), ("4", "all changed"))
    items = "".join(
        f'<span><i style="background:var(--c{"-" * (name == "empty")}{name})"></i>{label}</span>'
        for name, label in names
    )
    return f'<div class="key">{items}</div>'


def _layouts(layouts: tuple[Layout, ...]) -> str:
    before, after = layouts[0], layouts[-1]
    old = {part.number: part for part in before.parts}
    new = {part.number: part for part in after.parts}
    rows = [
        ("organised as", before.kind or "unknown", after.kind or "unknown"),
        *(
            (f"memory {number}", _part(old.get(number)), _part(new.get(number)))
            for number in sorted({*old, *new})
        ),
    ]
    head = ("stable memory map", "before", "after")
    return f'<div class="card">{table(head, rows)}</div>'


def _part(part: Part | None) -> str:
    if part is None:
        return "none"
    return f"{part.structure or 'unknown'}, {size(part.size_bytes)}"


def ways_back(outcome: Rehearsal) -> str:
    """Say how to get back."""
    back = outcome.rollback
    if back is None:
        return ""
    tone, words = (
        ("is-good", "restores every byte") if back.is_exact else ("is-bad", "does not restore all")
    )
    down = (
        '<span class="is-warn">is no way back: see R01</span>'
        if "R01" in outcome.codes
        else '<span class="is-good">works, and the probes see their values</span>'
    )
    return (
        f'<div class="card"><p><b>By snapshot</b>, taken before the upgrade: <span class="{tone}">'
        f"{words}</span> of heap and stable memory ({size(back.bytes_compared)}), globals, "
        f"module and certified data.</p><p><b>By installing the old module</b> again: {down}.</p>"
        "</div>"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of text cells; columns that are empty throughout are left out."""
    listed = [list(row) for row in rows]
    kept = [at for at in range(len(head)) if at == 0 or any(row[at] for row in listed)]
    if kept == [0, len(head) - 1]:
        head = [""] * len(head)  # only one state is told of: "after" would say too much
    titles = "".join(f"<th>{text(head[at])}</th>" for at in kept if head[at])
    body = "".join(
        "<tr>" + "".join(_cell(head[at], row[at], is_first=at == 0) for at in kept) + "</tr>"
        for row in listed
    )
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _cell(name: str, value: str, *, is_first: bool) -> str:
    label = "" if is_first or not name else f' data-name="{text(name)}"'
    return f'<td class="mono"{label}>{text(value)}</td>'
