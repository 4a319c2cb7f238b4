"""Stage 4, what goes on by itself: timers, replies, certified data, status (A01, A02, P06, R03,
R05).
"""  # noqa: D205 - one sentence

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.http_checks import verifies
from sandbox.rehearsal.registry import finding, findings_of
from sandbox.rehearsal.upgrading import planned
from sandbox.rehearsal.viewing import is_callback
from sandbox.state import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.calling import Reader
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.viewing import View

_MARK: Final = bytes(range(0xE0, 0x100))


def check_life(bench: Bench, reader: Reader, before: View, after: View) -> Iterator[Finding]:
    """Compare what runs by itself, and look whether what was certified still stands."""
    yield from findings_of("A01", _timers(before, after))
    yield from findings_of("P06", _callbacks(before, after))
    if bench.ic.world.router.has_open_contexts(bench.canister.id):
        yield finding("R03", Fact("calls in flight", "", "the canister awaits replies"))
    is_stale = before.certified_data and not verifies(reader, after)
    if is_stale and not _certifies_anew(bench):
        shown = before.certified_data.hex(), after.certified_data.hex()
        yield finding("A02", Fact("certified data", *shown))


def check_status(bench: Bench) -> Iterator[Finding]:
    """Say so of a canister that does not run, and start it: upgrading it would not.

    Requires: in a fork of the base; a stopped canister answers no probes.
    """
    status = bench.runtime.state.status
    if status is not Status.RUNNING:
        name = status.name.lower()
        yield finding("R05", Fact("status", name, f"{name}: an upgrade does not change it"))
        bench.canister.start(caller=bench.caller)


def _timers(before: View, after: View) -> Iterator[Fact]:
    for entry, count in before.soak.ran.items():
        if is_callback(entry):
            continue
        name = f"{entry} in {before.soak.seconds:,.0f} virtual seconds"
        if entry not in after.soak.ran:
            yield Fact(name, f"ran {count:,} times", "never ran")
        elif entry in after.soak.failed and entry not in before.soak.failed:
            yield Fact(name, "ran without failing", after.soak.failed[entry])


def _callbacks(before: View, after: View) -> Iterator[Fact]:
    for entry, failure in after.soak.failed.items():
        if is_callback(entry) and entry not in before.soak.failed:
            yield Fact(entry, "runs without failing", failure)


def _certifies_anew(bench: Bench) -> bool:
    """Whether the upgrade overwrites certified data, found out with a mark in their place."""
    with bench.fork():
        bench.runtime.state = replace(bench.runtime.state, certified_data=_MARK)
        run = planned(bench)
        return run.failure is not None or bench.runtime.state.certified_data != _MARK
