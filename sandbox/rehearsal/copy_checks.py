"""Stage 5, the safety copy: a directory that is to bring the canister back (R06, R08)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.errors import CanisterRejected
from sandbox.importing import imported
from sandbox.rehearsal.calling import said
from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.registry import finding, findings_of
from snapshot.content import content_of
from snapshot.directory import DirectoryRefused
from snapshot.insight import diff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.findings import Finding
    from snapshot.content import Content


def check_copy(bench: Bench) -> Iterator[Finding]:
    """Read the plan's copy and its hashes, compare it with the canister, and load it."""
    directory = bench.plan.safety_copy
    if directory is None:
        return
    now = content_of(bench.runtime.capture())
    with bench.fork():
        try:
            snapshot = imported(bench.ic, directory, bench.canister)
        except DirectoryRefused as error:
            yield finding("R06", Fact("safety copy", "", str(error)))
            return
        except CanisterRejected as error:
            yield finding("R08", Fact("uploading the safety copy", "", said(error)))
            return
        yield from findings_of("R06", _differences(now, snapshot.content))
        try:
            bench.ic.load_snapshot(snapshot, bench.canister.id, caller=bench.caller)
        except CanisterRejected as error:
            yield finding("R08", Fact("loading the safety copy", "", said(error)))


def _differences(now: Content, copy: Content) -> Iterator[Fact]:
    found = diff(now, copy, max_changes=0)
    for name, memory in (("heap", found.heap), ("stable memory", found.stable)):
        if not memory.is_same:
            pages = f"{memory.pages_changed:,} OS pages differ"
            yield Fact(f"{name} of the copy", f"{memory.size_before:,} bytes", pages)
    if found.globals:
        yield Fact("globals of the copy", "", f"{len(found.globals)} differ")
    for field in found.fields:
        yield Fact(f"{field.name} of the copy", field.before, field.after)
