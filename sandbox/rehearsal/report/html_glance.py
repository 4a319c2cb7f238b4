"""The figures that count, side by side below the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.report.figures import size
from sandbox.rehearsal.report.html_markup import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.rehearsal import Rehearsal
    from sandbox.rehearsal.restoring import Rollback
    from sandbox.rehearsal.upgrading import UpgradeRun

_HALF: Final = 0.5


def glance(outcome: Rehearsal) -> str:
    """Return a row of tiles; none where nothing ran."""
    if outcome.run is None:
        return ""
    limit = outcome.limits.install_instructions
    tiles = [
        *_upgrade(outcome.run, limit),
        *_queries(outcome),
        *_ways_back(outcome.rollback, is_one_way="R01" in outcome.codes),
    ]
    return f'<div class="glance">{"".join(tiles)}</div>'


def _upgrade(run: UpgradeRun, limit: int) -> Iterator[str]:
    share = run.instructions / limit if limit else 0.0
    tone = "is-bad" if run.failure is not None else "is-warn" if share >= _HALF else ""
    shown = "under 0.1%" if share < 0.001 else f"{share:.1%}"
    yield _tile("instructions", shown, f"of the limit; {run.cycles:,} cycles", tone)
    largest = max((stage.heap_bytes for stage in run.stages), default=run.heap_bytes[1])
    stable = max((stage.stable_bytes for stage in run.stages), default=run.stable_bytes[1])
    yield _tile("heap, at most", size(largest), f"stable memory {size(stable)}")


def _queries(outcome: Rehearsal) -> Iterator[str]:
    total = len(outcome.probes)
    if not total:
        return
    same = sum(diff.is_same for diff in outcome.probes)
    is_loss = any(diff.is_loss or diff.failure for diff in outcome.probes)
    tone = "is-good" if same == total else "is-bad" if is_loss else "is-warn"
    yield _tile("queries", f"{same} of {total}", "answer as before", tone)


def _ways_back(back: Rollback | None, *, is_one_way: bool) -> Iterator[str]:
    if back is None:
        return
    by_snapshot = "✓ by snapshot" if back.taken.is_exact else "✗ by snapshot"
    tone = "is-good" if back.taken.is_exact else "is-bad"
    down = "not by the old module" if is_one_way else "and by the old module"
    yield _tile("the way back", by_snapshot, down, tone)


def _tile(name: str, figure: str, more: str, tone: str = "") -> str:
    return (
        f'<div class="card"><span class="soft">{text(name)}</span>'
        f'<b class="{tone}">{text(figure)}</b><span class="soft">{text(more)}</span></div>'
    )
