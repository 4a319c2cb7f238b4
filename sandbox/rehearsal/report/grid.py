"""A matrix of versions written down: a grid to see at a glance, then every hop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.rehearsal.findings import Severity
from sandbox.rehearsal.matrix import does_well
from sandbox.rehearsal.report.data import FORMAT, rehearsal_as_dict
from sandbox.rehearsal.report.html import document
from sandbox.rehearsal.report.html_markup import text
from sandbox.rehearsal.report.junit import as_document, failed_suite, suite_of
from sandbox.rehearsal.report.several import folded, headline, summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.matrix import Matrix
    from sandbox.rehearsal.rehearsal import Rehearsal


def matrix_as_dict(outcome: Matrix) -> dict[str, Any]:
    """Return all hops as plain values."""
    return {
        "format": FORMAT,
        "verdict": outcome.verdict,
        "ok": outcome.is_ok,
        "exit_code": outcome.exit_code,
        "versions": list(outcome.names),
        "hops": [
            {"from": outcome.names[old], "to": outcome.names[new], **_hop_as_dict(found)}
            for (old, new), found in outcome.cells.items()
        ],
    }


def _hop_as_dict(found: Rehearsal | str) -> dict[str, Any]:
    if isinstance(found, str):
        return {"ok": False, "could_not_begin": found}
    return rehearsal_as_dict(found)


def matrix_as_text(outcome: Matrix) -> str:
    """Return the grid, and a line for every hop that has something to say."""
    lines = [outcome.verdict, "", *_grid(outcome), ""]
    lines += [f"  {name}: {_said(found)}" for name, found in outcome.parts]
    return "\n".join([*lines, "", "More on a finding: canister-sandbox explain CODE"])


def matrix_as_junit(outcome: Matrix) -> str:
    """Return one suite for each hop."""
    return as_document(
        [
            failed_suite(name, found) if isinstance(found, str) else suite_of(found, name)
            for name, found in outcome.parts
        ]
    )


def matrix_as_html(outcome: Matrix, title: str) -> str:
    """Return one document: the grid, then each hop's report, folded in when it is good."""
    heads = "".join(f"<th>to {text(name)}</th>" for name in outcome.names)
    rows = "".join(
        f'<tr><td class="mono"><b>from {text(name)}</b></td>'
        + "".join(_cell(outcome, old, new) for new in range(len(outcome.names)))
        + "</tr>"
        for old, name in enumerate(outcome.names)
    )
    hops = "".join(
        f'<div class="card"><h3>{text(name)}</h3><p class="is-bad">{text(found)}</p></div>'
        if isinstance(found, str)
        else folded(name, found, is_open=False)
        for name, found in outcome.parts
    )
    return document(
        title,
        f"{headline(outcome.verdict, is_ok=outcome.is_ok)}"
        f'<section><h2>From every version to every other</h2><div class="card"><table><thead>'
        f"<tr><th></th>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        '<p class="soft">To the right of the diagonal versions get newer, to the left older.</p>'
        f"</div></section><section><h2>The hops</h2>{hops}</section>",
    )


def _cell(outcome: Matrix, old: int, new: int) -> str:
    label = f'data-name="to {text(outcome.names[new])}"'
    found = outcome.cells.get((old, new))
    if found is None:
        return f'<td class="soft" {label}>–</td>'
    tone = "is-good" if does_well(found) else "is-bad" if old < new else "is-warn"
    return f'<td class="{tone}" {label}>{text(_mark(found))}</td>'


def _grid(outcome: Matrix) -> Iterator[str]:
    names, every = outcome.names, range(len(outcome.names))
    cells = [[_shown(outcome, old, new) for new in every] for old in every]
    rows = [["", *(f"to {name}" for name in names)]]
    rows += [[f"from {name}", *row] for name, row in zip(names, cells, strict=True)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(padded)}".rstrip()


def _shown(outcome: Matrix, old: int, new: int) -> str:
    found = outcome.cells.get((old, new))
    return "–" if found is None else _mark(found)


def _mark(found: Rehearsal | str) -> str:
    """Return a hop as a mark and the codes that make it fail."""
    if isinstance(found, str):
        return "✗ no start"
    codes = sorted({item.code for item in found.of(Severity.FAILURE)})
    return "✓" if found.is_ok else f"✗ {' '.join(codes)}".rstrip()


def _said(found: Rehearsal | str) -> str:
    return f"could not begin: {found}" if isinstance(found, str) else summary(found)
