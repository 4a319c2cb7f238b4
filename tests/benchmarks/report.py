"""Rows of the benchmark table, and how they are timed and printed."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what was measured, what came out, against what.

    target: the figure of design section 8, empty where there is none.
    ratio: the comparison made in the same run.
    """

    what: str
    measured: str
    target: str = ""
    ratio: str = ""


def best_us(action: Callable[[], object], *, repeat: int = 200, rounds: int = 5) -> float:
    """Return the time of one call in µs: the mean of the best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(repeat):
            action()
        best = min(best, (time.perf_counter() - start) / repeat)
    return best * 1e6


def machine() -> str:
    """Return a line about the machine and the versions."""
    return (
        f"{_cpu()}, {platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"wasmtime {metadata.version('wasmtime')}"
    )


def markdown(rows: Iterable[Row]) -> str:
    """Return the table as the README has it."""
    lines = ["| what | measured | target | in the same run |", "|---|---|---|---|"]
    lines += [f"| {row.what} | {row.measured} | {row.target} | {row.ratio} |" for row in rows]
    return "\n".join(lines)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        return f"{len(names)} x {names[0]}"
    except (OSError, IndexError):
        return platform.processor() or "unknown processor"
