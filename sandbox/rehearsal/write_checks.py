"""Stage 3, stable memory in use: two structures on one memory, and writes that do not last (L02,
P08).

In a fork the new module's update methods are called with () and the plan's traffic is run, one
call after the other. After each, every memory must still begin with the structure it began
with; and after all, an upgrade of the new module to itself must keep what was written.
"""  # noqa: D205 - one sentence

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.rehearsal.caller_checks import changed_values, probe_diffs
from sandbox.rehearsal.calling import Probe, probe_of, tell
from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.layout import kind_of, layout_of
from sandbox.rehearsal.plan import NO_ARGUMENTS
from sandbox.rehearsal.registry import findings_of
from sandbox.rehearsal.upgrading import upgrade
from sandbox.rehearsal.viewing import read, readings, update_methods

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.calling import Reader
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.layout import Layout
    from sandbox.rehearsal.viewing import View


def check_writes(bench: Bench, reader: Reader, after: View) -> Iterator[Finding]:
    """Write, and look what became of it.

    Requires: in a fork in which the upgrade has succeeded.
    """
    if after.layout.is_managed:
        with bench.fork():
            swept = [Probe(name, name, NO_ARGUMENTS) for name in update_methods(bench, bench.new)]
            yield from findings_of("L02", _overwritten(bench, [*swept, *_traffic(bench, reader)]))
    if bench.plan.traffic:
        with bench.fork():
            yield from findings_of("P08", _not_kept(bench, reader, after))


def _traffic(bench: Bench, reader: Reader) -> list[Probe]:
    return [probe_of(reader.new, call) for call in bench.plan.traffic]


def _overwritten(bench: Bench, calls: list[Probe]) -> Iterator[Fact]:
    before = _layout(bench)
    for call in calls:
        read(bench, call, tell)
        now = _layout(bench)
        later = {part.number: part for part in now.parts}
        for part in before.parts:
            there = later.get(part.number)
            if part.structure and there is not None:
                was, is_ = (kind_of(it) for it in (part, there))
                if was != is_:
                    yield Fact(f"memory id {part.number}, after {call.name}", was, is_)
        before = now


def _layout(bench: Bench) -> Layout:
    return layout_of(bench.canister, bench.runtime.capture().stable)


def _not_kept(bench: Bench, reader: Reader, after: View) -> Iterator[Fact]:
    probes = tuple(item.probe for item in after.probes)
    for call in _traffic(bench, reader):
        read(bench, call, tell)
    written = readings(bench, probes)
    run = upgrade(bench, bench.new.raw, bench.argument)
    if run.failure is None:
        diffs = probe_diffs(reader, written, readings(bench, probes))
        for fact in changed_values(diffs):
            yield fact._replace(what=f"{fact.what}, after the traffic")
