"""From measurements at a few sizes to the size at which an upgrade hits a limit (P02-P04, Q04).

Each need is fitted over the size by least squares: a line, or a parabola where that explains
the measurements much better. A forecast is an extrapolation and says so: ``≈``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.findings import Fact, Severity
from sandbox.rehearsal.growing import Needs
from sandbox.rehearsal.registry import finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.growing import Curve, Point

# Beyond, a forecast from eight times says little; a canister that far away has time.
HORIZON: Final = 100.0
_SOON: Final = 16.0
# A parabola goes through everything; it has to explain ten times more to be believed.
_BETTER: Final = 10.0
_NAMES: Final = {
    "instructions": "instructions",
    "heap_bytes": "heap",
    "stable_bytes": "stable memory",
    "written_bytes": "stable memory written",
    "cycles": "cycles",
}
_UNITS: Final = {"instructions": "instructions", "cycles": "cycles"}


@dataclass(frozen=True, slots=True)
class Trend:
    """How one need grows: ``a + b·x + c·x²`` over the multiple x of today's state.

    need: the field of ``Needs``. limit: 0 for none. hits_at: the multiple at which the limit is
    reached, None when it is not in sight.
    """

    need: str
    coefficients: tuple[float, float, float]
    limit: int
    hits_at: float | None

    @property
    def name(self) -> str:
        """What it is, for people."""
        return _NAMES[self.need]

    def at(self, factor: float) -> float:
        """Return the need at a multiple of today's state."""
        a, b, c = self.coefficients
        return a + b * factor + c * factor * factor


def trends(curve: Curve) -> tuple[Trend, ...]:
    """Fit each need; none when fewer than two sizes could be measured."""
    points = [point for point in curve.points if not point.failure]
    if len(points) < 2:
        return ()
    return tuple(_trend(points, need.name, curve.limits) for need in fields(Needs))


def check_growth(curve: Curve) -> Iterator[Finding]:
    """Say which limits come into sight."""
    for point in curve.points[1:]:
        if point.failure:
            what = f"at {point.factor:.1f} times today's state"
            yield finding(point.code, Fact(what, "", point.failure), severity=Severity.WARNING)
    for trend in trends(curve):
        if trend.hits_at is not None and trend.hits_at <= HORIZON:
            soon = trend.hits_at <= _SOON
            severity = Severity.WARNING if soon else Severity.NOTE
            yield finding(_code(trend, curve), _fact(trend, curve), severity=severity)


def _trend(points: Sequence[Point], need: str, limits: Needs) -> Trend:
    xs = [point.factor for point in points]
    ys = [float(getattr(point.needs, need)) for point in points]
    found = fitted(xs, ys)
    limit = getattr(limits, need)
    return Trend(need, found, limit, _reached(found, limit) if limit else None)


def fitted(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float, float]:
    """Return a, b, c of the line (c is 0) or parabola that fits. Requires: two points or more."""
    a, b = _solved(xs, ys, 2)
    line = a, b, 0.0
    if len(xs) < 4:
        return line
    a, b, c = _solved(xs, ys, 3)
    parabola = a, b, c
    worse, better = _error(xs, ys, line), _error(xs, ys, parabola)
    is_real = parabola[2] > 0 and worse > 1e-6 * sum(y * y for y in ys)
    return parabola if is_real and better * _BETTER < worse else line


def _solved(xs: Sequence[float], ys: Sequence[float], count: int) -> tuple[float, ...]:
    """Solve the normal equations by elimination; the few unknowns need nothing better."""
    rows = [
        [sum(x ** (row + column) for x in xs) for column in range(count)]
        + [sum(y * x**row for x, y in zip(xs, ys, strict=True))]
        for row in range(count)
    ]
    for at in range(count):
        best = max(range(at, count), key=lambda row: abs(rows[row][at]))
        rows[at], rows[best] = rows[best], rows[at]
        if not rows[at][at]:
            return (sum(ys) / len(ys), *(0.0 for _ in range(count - 1)))
        for row in range(count):
            if row != at:
                share = rows[row][at] / rows[at][at]
                rows[row] = [a - share * b for a, b in zip(rows[row], rows[at], strict=True)]
    return tuple(rows[at][count] / rows[at][at] for at in range(count))


def _error(xs: Sequence[float], ys: Sequence[float], found: Sequence[float]) -> float:
    a, b, c = found
    return sum((a + b * x + c * x * x - y) ** 2 for x, y in zip(xs, ys, strict=True))


def _reached(found: tuple[float, float, float], limit: int) -> float | None:
    a, b, c = found
    if c > 0:
        return (-b + math.sqrt(max(0.0, b * b - 4 * c * (a - limit)))) / (2 * c)
    return (limit - a) / b if b > 0 else None


def _code(trend: Trend, curve: Curve) -> str:
    if trend.need != "instructions":
        return "P03" if trend.need == "heap_bytes" else "P04"
    last = [point for point in curve.points if not point.failure][-1]
    saving = sum(count for name, count in last.phases if name == "pre_upgrade")
    return "P02" if saving * 2 >= last.needs.instructions else "Q04"


def _fact(trend: Trend, curve: Curve) -> Fact:
    unit = _UNITS.get(trend.need, "bytes")
    today = getattr(curve.points[0].needs, trend.need)
    reached = f"{trend.limit:,} {unit} at ≈ {trend.hits_at:.0f} times today's state"
    return Fact(f"forecast: {trend.name}", f"{today:,} {unit} today", reached)
