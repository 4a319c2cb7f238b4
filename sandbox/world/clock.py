"""The virtual clock: it moves only when told to."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Final

from sandbox.errors import UsageError

# 2025-01-01T00:00:00Z: a fixed start, so that every run is the same.
DEFAULT_START_NS: Final = 1_735_689_600 * 1_000_000_000
_UNITS_NS: Final = {
    "days": 86_400_000_000_000,
    "hours": 3_600_000_000_000,
    "minutes": 60_000_000_000,
    "seconds": 1_000_000_000,
    "ns": 1,
}


@dataclass(slots=True)
class Clock:
    """Nanoseconds since 1970."""

    now_ns: int = DEFAULT_START_NS

    def now(self) -> int:
        """Return the time."""
        return self.now_ns

    def move_to(self, time_ns: int) -> None:
        """Set the time. Raises: UsageError when it would go back or beyond 64 bits."""
        if time_ns < self.now_ns:
            raise UsageError(
                f"time does not go back: it is {self.now_ns} ns, {time_ns} ns was asked for "
                "(an anchor or a snapshot of the world takes you back)"
            )
        if time_ns >= 1 << 64:
            raise UsageError("time ends at 2^64 ns, in the year 2554")
        self.now_ns = time_ns


def duration_ns(**parts: float) -> int:
    """Return a duration given as days, hours, minutes, seconds and ns.

    Raises: UsageError for a negative duration, and for what is no time (inf, nan).
    """
    unknown = set(parts) - set(_UNITS_NS)
    if unknown:
        raise UsageError(f"no such unit of time: {', '.join(sorted(unknown))}")
    lengths = [value * _UNITS_NS[unit] for unit, value in parts.items()]
    if not all(map(isfinite, lengths)):
        told = ", ".join(f"{unit}={value}" for unit, value in parts.items())
        raise UsageError(f"{told} is no length of time")
    total = sum(map(round, lengths))
    if total < 0:
        raise UsageError("a duration cannot be negative")
    return total
