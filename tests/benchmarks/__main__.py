"""``make bench``: every benchmark in one run, as one table."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.report import machine, markdown

MODULES = (
    "bench_engine",
    "bench_ledger",
    "bench_calls",
    "bench_snapshots",
    "bench_rehearsals",
    "bench_memory",
    "bench_candid",
    "bench_pytest",
)


def main() -> None:
    """Print the table, one module's rows after the other."""
    names = sys.argv[1:] or MODULES
    rows = []
    for name in names:
        print(f"running {name} ...", file=sys.stderr)
        rows += import_module(f"benchmarks.{name}").rows()
    print(f"Measured on {machine()}\n")
    print(markdown(rows))


main()
