"""The growth forecast for the terminal: what was measured, and when a limit is hit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.forecasting import trends
from sandbox.rehearsal.report.figures import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.forecasting import Trend
    from sandbox.rehearsal.growing import Curve, Point

_IN_SIGHT: Final = 1_000.0


def growth_lines(curve: Curve) -> Iterator[str]:
    """Yield the lines."""
    yield ""
    yield "  times today   in use         instructions   heap         stable memory   cycles"
    for point in curve.points:
        yield _point(point)
    for trend in trends(curve):
        if trend.hits_at is not None and trend.hits_at <= _IN_SIGHT:
            yield f"  {reaches(trend)}"
    if curve.ended:
        yield f"  not grown further: {curve.ended}"


def reaches(trend: Trend) -> str:
    """Say when a need reaches its limit. Requires: it does."""
    is_bytes = trend.need.endswith("_bytes")
    limit = size(trend.limit) if is_bytes else f"{trend.limit:,}"
    return f"{trend.name} would reach {limit} at ≈ {times(trend.hits_at or 0)} today's state"


def times(factor: float) -> str:
    """Return a multiple with as many figures as a forecast has."""
    return f"{factor:.1f}×" if factor < 10 else f"{factor:,.0f}×"


def _point(point: Point) -> str:
    needs = point.needs
    failed = f"   fails in {point.failure}" if point.failure else ""
    return (
        f"  {times(point.factor):<14}{size(point.used_bytes):<12}{needs.instructions:>15,}   "
        f"{size(needs.heap_bytes):<13}{size(needs.stable_bytes):<16}{needs.cycles:,}{failed}"
    )
