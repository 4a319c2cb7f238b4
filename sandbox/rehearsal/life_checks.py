"""Stage 4, what goes on by itself: timers, certified data, the status (A01, A02, R05)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.registry import finding, findings_of
from sandbox.rehearsal.upgrading import upgrade
from sandbox.state import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.viewing import View

_MARK: Final = bytes(range(0xE0, 0x100))


def check_life(bench: Bench, before: View, after: View) -> Iterator[Finding]:
    """Compare what runs by itself, and how the canister is left."""
    yield from findings_of("A01", _timers(before, after))
    if after.status is not Status.RUNNING:
        names = before.status.name.lower(), after.status.name.lower()
        yield finding("R05", Fact("status", *names))
    if before.certified_data and not _certifies_anew(bench):
        shown = before.certified_data.hex(), after.certified_data.hex()
        yield finding("A02", Fact("certified data", *shown))


def _timers(before: View, after: View) -> Iterator[Fact]:
    for entry, count in before.soak.ran.items():
        name = f"{entry} in {before.soak.seconds:,.0f} virtual seconds"
        if entry not in after.soak.ran:
            yield Fact(name, f"ran {count:,} times", "never ran")
        elif entry in after.soak.failed and entry not in before.soak.failed:
            yield Fact(name, "ran without failing", after.soak.failed[entry])


def _certifies_anew(bench: Bench) -> bool:
    """Whether the upgrade overwrites certified data, found out with a mark in their place."""
    with bench.fork():
        bench.runtime.state = replace(bench.runtime.state, certified_data=_MARK)
        run = upgrade(bench, bench.new.raw, bench.argument, persistence=bench.plan.persistence)
        return run.failure is not None or bench.runtime.state.certified_data != _MARK
