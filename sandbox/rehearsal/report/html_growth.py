"""Growth curves: what was measured, the fit, and the limit ahead; a small chart for each need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.forecasting import trends
from sandbox.rehearsal.report.figures import size
from sandbox.rehearsal.report.html_markup import table, text
from sandbox.rehearsal.report.text_growth import reaches, times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.forecasting import Trend
    from sandbox.rehearsal.growing import Curve, Point

_WIDTH: Final = 340
_HEIGHT: Final = 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 8, 26, 24
# A limit is drawn if it is not much further away than what was measured.
_IN_REACH: Final = 3.0
_STEPS: Final = 24
_TICK_ROOM: Final = 30.0


def growth(curve: Curve | None) -> str:
    """Draw a chart for each need that grows, and list the measurements."""
    if curve is None:
        return ""
    measured = [point for point in curve.points if not point.failure]
    found = [it for it in trends(curve) if it.need != "cycles" and it.at(2) > it.at(1)]
    charts = "".join(_chart(trend, measured) for trend in found)
    ended = f'<p class="is-warn">Not grown further: {text(curve.ended)}.</p>' * bool(curve.ended)
    return (
        f'<div class="charts">{charts}</div>'
        f'<div class="card">{_table(curve)}{ended}<p class="soft">A size is what is in use of heap '
        "and stable memory, as a multiple of today's. Dashed is foretold, not measured.</p></div>"
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a chart's values lie. last, most: the largest x and y."""

    last: float
    most: float

    def x(self, factor: float) -> float:
        return _LEFT + factor / self.last * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - value / self.most * (_HEIGHT - _TOP - _BOTTOM)

    def line(self, trend: Trend, start: float, end: float) -> str:
        steps = (start + (end - start) * at / _STEPS for at in range(_STEPS + 1))
        return " ".join(f"{self.x(it):.1f},{self.y(max(0.0, trend.at(it))):.1f}" for it in steps)


def _chart(trend: Trend, points: list[Point]) -> str:
    largest = points[-1].factor
    hits = trend.hits_at
    is_near = hits is not None and largest / _IN_REACH < hits <= largest * _IN_REACH
    last = max(largest, hits) * 1.06 if is_near and hits is not None else largest * 1.06
    top = max(float(getattr(it.needs, trend.need)) for it in points)
    frame = _Frame(last, (max(top, trend.limit) if is_near else top) * 1.08 or 1.0)
    floor = frame.y(0)
    parts = [
        _level("axis", floor),
        _line("fit", frame.line(trend, points[0].factor, largest)),
        _line("fit ahead", frame.line(trend, largest, last)),
        *_ticks(frame, [point.factor for point in points]),
        *(_dot(frame, point, trend) for point in points),
        _value(frame, points[-1], trend),
    ]
    if is_near:
        parts += _limit(frame, trend)
    title = f"{trend.name} over the size of the state"
    said = reaches(trend) if hits is not None and hits <= 1_000 else "no limit in sight"
    return (
        f'<figure class="card"><figcaption><h3>{text(trend.name).capitalize()}</h3>'
        f'<p class="soft{" is-bad" * is_near}">{text(said)}</p></figcaption>'
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{text(title)}">{"".join(parts)}</svg></figure>'
    )


def _level(tone: str, y: float) -> str:
    ends = f'x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
    return f'<line class="{tone}" {ends}></line>'


def _line(tone: str, points: str) -> str:
    return f'<polyline class="{tone}" points="{points}"></polyline>'


def _ticks(frame: _Frame, factors: list[float]) -> Iterator[str]:
    """Name the sizes below the axis, those that have room; the last one always."""
    free = _WIDTH + _TICK_ROOM
    for factor in reversed(factors):
        place = min(_WIDTH - 18.0, max(16.0, frame.x(factor)))
        if place + _TICK_ROOM <= free:
            free = place
            yield f'<text class="tick" x="{place:.1f}" y="{_HEIGHT - 8}">{times(factor)}</text>'


def _dot(frame: _Frame, point: Point, trend: Trend) -> str:
    value = getattr(point.needs, trend.need)
    label = f"{times(point.factor)} today's state: {_shown(trend, value)}"
    x, y = frame.x(point.factor), frame.y(value)
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{text(label)}</title></circle>'


def _value(frame: _Frame, point: Point, trend: Trend) -> str:
    value = getattr(point.needs, trend.need)
    x, y = frame.x(point.factor) - 6, frame.y(value) - 9
    return f'<text class="end" x="{x:.1f}" y="{y:.1f}">{text(_shown(trend, value))}</text>'


def _limit(frame: _Frame, trend: Trend) -> list[str]:
    y = frame.y(trend.limit)
    label = f"limit {_shown(trend, trend.limit)}"
    assert trend.hits_at is not None, "only drawn where it is hit"
    return [
        _level("limit", y),
        f'<text class="start limit" x="{_LEFT}" y="{y - 5:.1f}">{text(label)}</text>',
        f'<circle class="hit" cx="{frame.x(trend.hits_at):.1f}" cy="{y:.1f}" r="4.5"></circle>',
    ]


def _shown(trend: Trend, value: float) -> str:
    if trend.need.endswith("_bytes"):
        return size(int(value))
    for unit, name in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return f"{value:.0f}"


def _table(curve: Curve) -> str:
    rows = [
        (
            times(point.factor),
            size(point.used_bytes),
            f"{point.needs.instructions:,}",
            size(point.needs.heap_bytes),
            size(point.needs.stable_bytes),
            f"{point.needs.cycles:,}",
            point.failure and f"fails in {point.failure}",
        )
        for point in curve.points
    ]
    head = ("times today", "in use", "instructions", "heap", "stable memory", "cycles", "outcome")
    return table(head, rows)
