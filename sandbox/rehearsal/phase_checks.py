"""Stages 1 and 2: how the phases of an upgrade ended, and how near the limits they came.

A failure has one cause and gets one code; the measurements of a run that succeeded become
warnings from ``NEAR`` of a limit on (P01-P05, Q03, Q04, Q06, Q08).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.findings import Fact, Severity
from sandbox.rehearsal.registry import finding
from sandbox.rehearsal.upgrading import REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.execution.modules import InstalledModule
    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.upgrading import UpgradeRun

NEAR: Final = 0.5
# A heap does not shrink, and what serialising needs comes on top.
NEAR_HEAP: Final = 0.85
_GIB: Final = 1 << 30
_OUT_OF_INSTRUCTIONS: Final = "IC0522"
_HEAP_LIMIT: Final = "IC0539"
_NO_CYCLES: Final = ("IC0207", "IC0532")
_TOO_MUCH_STABLE: Final = "modified pages in the stable memory"
_INCOMPATIBLE: Final = "Memory-incompatible program upgrade"
_INVALID: Final = "IC0505"
_FORBIDDEN: Final = "IC0504"
# The words of a refusal that a static check has reported already (S05, S07, S11).
_FOUND_BEFORE: Final = ("upgrade option", "the canister is not empty")


def check_phases(bench: Bench, run: UpgradeRun, *, whose: str = "") -> Iterator[Finding]:
    """Say how an upgrade ended. whose: which upgrade, where it is not the rehearsed one."""
    if run.failure is None:
        yield from _headroom(bench, run, whose)
    elif not any(words in run.failure.message for words in _FOUND_BEFORE):
        facts = [Fact(f"{whose or 'upgrade'}: {run.failed_in}", "", run.reason)]
        if run.stages:
            facts.append(_instructions(bench, run))
        yield finding(failure_code(run), *facts)


def failure_code(run: UpgradeRun) -> str:
    """Return what the failure of an upgrade is called. Requires: it failed."""
    assert run.failure is not None, "only of an upgrade that failed"
    is_first = run.failed_in == "pre_upgrade"
    code = run.failure.error_code
    if code in _NO_CYCLES:
        return "P05"
    # What only instantiation notices comes after pre_upgrade has run, and is none of its doing.
    if run.failed_in == REFUSED or code == _INVALID:
        return "S01"
    if code == _OUT_OF_INSTRUCTIONS:
        return "P02" if is_first else "Q04"
    if code == _HEAP_LIMIT:
        return "P03"
    if _TOO_MUCH_STABLE in run.failure.message:
        return "P04"
    if _INCOMPATIBLE in run.failure.message:
        return "Q06"
    if is_first:
        return "P01"
    return "Q08" if code == _FORBIDDEN else "Q03"


def _headroom(bench: Bench, run: UpgradeRun, whose: str) -> Iterator[Finding]:
    limits = bench.ic.limits
    prefix = f"{whose}: " if whose else ""
    first = sum(stage.instructions for stage in run.stages if stage.name == "pre_upgrade")
    if run.instructions >= NEAR * limits.install_instructions:
        is_saving = first * 2 >= run.instructions
        fact = _instructions(bench, run)
        named = fact._replace(what=prefix + fact.what)
        yield finding("P02" if is_saving else "Q04", named, severity=Severity.WARNING)
    for stage in run.stages:
        limit = heap_limit(bench, bench.old if stage.name == "pre_upgrade" else bench.new)
        if stage.heap_bytes >= NEAR_HEAP * limit:
            share = f"{stage.heap_bytes:,} of {limit:,} bytes ({stage.heap_bytes / limit:.0%})"
            fact = Fact(f"{prefix}heap after {stage.name}", "", share)
            yield finding("P03", fact, severity=Severity.WARNING)
            break
    written, most = run.written_bytes, limits.install_stable_write_bytes
    if written >= NEAR * most:
        fact = Fact(f"{prefix}stable memory written", "", f"{written:,} of {most:,} bytes")
        yield finding("P04", fact, severity=Severity.WARNING)


def heap_limit(bench: Bench, module: InstalledModule) -> int:
    """Return the most a module's heap may grow to."""
    most = (6 if module.is_64 else 4) * _GIB
    return min(most, bench.runtime.state.settings.wasm_memory_limit_bytes or most)


def _instructions(bench: Bench, run: UpgradeRun) -> Fact:
    limit = bench.ic.limits.install_instructions
    share = run.instructions / limit if limit else 1.0
    phases = " + ".join(f"{stage.name} {stage.instructions:,}" for stage in run.stages)
    return Fact("instructions", "", f"{phases}: {share:.1%} of {limit:,}")
