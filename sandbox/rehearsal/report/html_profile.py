"""Where an upgrade's instructions went: its functions in a table, and as a flame graph."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sandbox.profiling import Node
from sandbox.profiling.flamegraph import boxes, colour, fitting, told
from sandbox.profiling.tree import totals
from sandbox.rehearsal.profiling import shortened
from sandbox.rehearsal.report.html_markup import text

if TYPE_CHECKING:
    from sandbox.profiling.flamegraph import Box
    from sandbox.rehearsal.profiling import PhaseCost, UpgradeProfile
    from sandbox.rehearsal.rehearsal import Rehearsal

_MOST_ROWS: Final = 10
_WIDTH: Final = 900
_ROW: Final = 18
# The file stays small whatever the canister does: what is narrower, or on top of so many
# callers, is left out.
_NARROWEST: Final = 1.5
_MOST_DEPTH: Final = 40


def profiles(outcome: Rehearsal) -> str:
    """Show each upgrade that was profiled; nothing where no function ran."""
    return "".join(_profile(item) for item in outcome.profiles if item.costs())


def _profile(item: UpgradeProfile) -> str:
    costs = item.costs()
    head = (
        "<thead><tr><th>function</th><th>phase</th><th class=num>instructions</th>"
        "<th class=num>of the phase</th><th class=num>with what it called</th>"
        "<th class=num>calls</th></tr></thead>"
    )
    rows = "".join(_row(it) for it in costs[:_MOST_ROWS])
    rest = len(costs) - _MOST_ROWS
    more = f" {rest:,} functions more cost less." if rest > 0 else ""
    if item.instructions > item.profile.instructions:
        more += " What compile costs is the price of the new module's size, and no function's."
    return (
        f'<div class="card"><h3>{text(item.upgrade).capitalize()}</h3>'
        f'<table class="functions">{head}<tbody>{rows}</tbody></table>'
        f'<p class="soft">Counted, not sampled.{more}</p>'
        f"<details><summary>As a flame graph</summary>{_flames(item)}</details></div>"
    )


def _row(item: PhaseCost) -> str:
    cost = item.function
    figures = (
        ("instructions", f"{cost.own:,}"),
        ("of the phase", f"{item.share:.1%}"),
        ("with what it called", f"{item.total_share:.1%}"),
        ("calls", f"{cost.calls:,}" if cost.calls else ""),
    )
    cells = "".join(
        f'<td class="num mono" data-name="{name}">{figure}</td>' for name, figure in figures
    )
    return (
        f'<tr><td class="mono"><b>{text(shortened(cost.name))}</b></td>'
        f'<td data-name="phase">{text(item.phase)}</td>{cells}</tr>'
    )


def _flames(item: UpgradeProfile) -> str:
    """Draw the calls, callers below, without a script: what a box stands for is its tooltip."""
    root = Node(item.upgrade, below=dict(item.entries))
    found = [box for box in boxes(root, totals(root), _NARROWEST / _WIDTH) if box.row < _MOST_DEPTH]
    height = (1 + max(box.row for box in found)) * _ROW
    return (
        f'<div class="flames"><svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="flame graph">{"".join(_box(it, height) for it in found)}</svg></div>'
    )


def _box(box: Box, height: int) -> str:
    box = replace(box, name=shortened(box.name))
    x, y, width = box.start * _WIDTH, height - (box.row + 1) * _ROW, box.share * _WIDTH
    return (
        f"<g><title>{text(told(box))}</title>"
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_ROW - 1}" '
        f'fill="{colour(box.name)}"/>'
        f'<text x="{x + 3:.1f}" y="{y + 13}">{text(fitting(box.name, width))}</text></g>'
    )
