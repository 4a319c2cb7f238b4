"""The releases after this one: the new module upgraded to itself (P01-P04, P08, L06), and the
emergency exit from the old one (P09).
"""  # noqa: D205 - one sentence

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.caller_checks import changed_values, probe_diffs
from sandbox.rehearsal.findings import Fact, Severity
from sandbox.rehearsal.phase_checks import check_phases
from sandbox.rehearsal.registry import finding, findings_of
from sandbox.rehearsal.upgrading import UpgradeRun, planned, upgrade
from sandbox.rehearsal.variables import migrates
from sandbox.rehearsal.viewing import readings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.calling import Reader, Reading
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.viewing import View

NEXT: Final = "upgrading the new module to itself"
# Growth may be real once; three times the same with the same data is a leak.
_TIMES: Final = 3


@dataclass(frozen=True, slots=True)
class NextRelease:
    """The new module upgraded to itself. failure: empty when it went well."""

    failure: str
    findings: tuple[Finding, ...]


def next_release(bench: Bench, reader: Reader, after: View) -> NextRelease:
    """Upgrade the upgraded canister to the same module, several times.

    Requires: in a fork in which the upgrade has succeeded.
    """
    sizes = [bench.runtime.stable.size_bytes]
    found: list[Finding] = []
    for number in range(_TIMES):
        run = upgrade(bench, bench.new.raw, bench.argument)
        if number == 0:
            found += map(partial(_milder, bench, run), check_phases(bench, run, whose=NEXT))
        if run.failure is not None:
            return NextRelease(run.reason, tuple(found))
        sizes.append(bench.runtime.stable.size_bytes)
        if number == 0:
            asked = readings(bench, tuple(item.probe for item in after.probes))
            found += _repeated(reader, after, asked)
    if all(later > earlier for earlier, later in pairwise(sizes)):
        grown = [f"{size:,} bytes" for size in (sizes[0], sizes[-1])]
        found.append(finding("L06", Fact(f"stable memory over {_TIMES} upgrades", *grown)))
    return NextRelease("", tuple(found))


def _milder(bench: Bench, run: UpgradeRun, found: Finding) -> Finding:
    """Return a finding with the weight it has for the next release.

    A pre_upgrade that fails is a brick; a start that fails is one only for this module. With
    a Motoko migration it has to fail: the data are converted already.
    """
    if run.failure is None or run.failed_in == "pre_upgrade":
        return found
    is_migration = migrates(bench.new)
    return replace(found, severity=Severity.NOTE if is_migration else Severity.WARNING)


def _repeated(reader: Reader, after: View, asked: tuple[Reading, ...]) -> list[Finding]:
    diffs = probe_diffs(reader, after.probes, asked)
    facts = [Fact(it.name, it.before, it.failure) for it in diffs if it.failure]
    counts = not facts and all(it.is_next for diff in diffs for it in diff.changes)
    severity = Severity.WARNING if counts else None
    return findings_of("P08", [*changed_values(diffs), *facts], severity)


def check_skipping(bench: Bench, reader: Reader, before: View) -> Iterator[Finding]:
    """Upgrade without pre_upgrade, in a fork, and say what that would lose."""
    if bench.plan.mode != "upgrade" or "canister_pre_upgrade" not in bench.old.hooks:
        return
    with bench.fork():
        run = planned(bench, skip_pre_upgrade=True)
        if run.failure is not None:
            yield finding("P09", Fact("upgrade with skip_pre_upgrade", "", run.reason))
            return
        asked = readings(bench, tuple(item.probe for item in before.probes))
    diffs = probe_diffs(reader, before.probes, asked)
    facts = [Fact(it.name, it.before, it.failure) for it in diffs if it.failure]
    yield from findings_of("P09", [*changed_values(diffs, only_losses=True), *facts])
