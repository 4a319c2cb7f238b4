"""Stage 0, the module itself: imports, persistence, hooks, metadata, file, mode (S01, S05-S11).

Nothing runs here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.execution.lifecycle import Persistence
from sandbox.rehearsal.findings import Fact, Severity
from sandbox.rehearsal.registry import finding, findings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.errors import ModuleRefused
    from sandbox.execution.canister import Held
    from sandbox.execution.modules import InstalledModule
    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.findings import Finding

# What only tools of one version read; a change of compiler is no finding.
_NOT_MISSED: Final = {"motoko:compiler", "enhanced-orthogonal-persistence", "candid:args"}


def refused(error: ModuleRefused) -> Finding:
    """S01: the module is none for the IC."""
    return finding("S01", Fact("install_code would say", "", error.reason))


def check_mode(bench: Bench) -> Iterator[Finding]:
    """Say what installing instead of upgrading would do away with."""
    if bench.plan.mode == "upgrade":
        return
    if bench.plan.mode == "install":
        yield finding("S11", Fact("mode", "upgrade", "install: refused, the canister is not empty"))
        return
    capture = bench.runtime.capture()
    memories = (("heap", capture.heap), ("stable memory", capture.stable))
    lost = [Fact(name, f"{_filled(held):,} bytes in use", "gone") for name, held in memories]
    yield finding("S11", Fact("mode", "upgrade", "reinstall: begins with nothing"), *lost)


def check_modules(
    old: InstalledModule, new: InstalledModule, persistence: str | None
) -> Iterator[Finding]:
    """Compare the two modules."""
    yield from _persistence(old, new, persistence)
    yield from _hooks(old, new)
    yield from findings_of("S09", _metadata(old, new))
    if old.module_hash == new.module_hash:
        yield finding("S10", Fact("module hash", old.module_hash.hex(), new.module_hash.hex()))


def _persistence(
    old: InstalledModule, new: InstalledModule, persistence: str | None
) -> Iterator[Finding]:
    modes = Fact("enhanced persistence", _yes(old.is_eop), _yes(new.is_eop))
    asked = Fact("wasm_memory_persistence", "", "null" if persistence is None else persistence)
    keeps = persistence == Persistence.KEEP or (persistence == Persistence.AUTO and new.is_eop)
    if old.is_eop and not keeps:
        yield finding("S05", modes, asked)
    if new.is_eop and not old.is_eop:
        yield finding("S06", modes)
    if persistence == Persistence.KEEP and not new.is_eop:
        yield finding("S07", modes, asked)


def _hooks(old: InstalledModule, new: InstalledModule) -> Iterator[Finding]:
    gone = sorted(old.hooks - new.hooks)
    facts = [Fact(hook, "exported", "gone") for hook in gone if hook != "canister_init"]
    saves = "canister_pre_upgrade" in old.hooks
    is_loss = saves and "canister_post_upgrade" in {*gone}
    yield from findings_of("S08", facts, Severity.FAILURE if is_loss else None)


def _metadata(old: InstalledModule, new: InstalledModule) -> Iterator[Fact]:
    for name, before in old.metadata.items():
        after = new.metadata.get(name)
        if name in _NOT_MISSED:
            continue
        if after is None:
            yield Fact(f"metadata {name}", str(before.visibility), "gone")
        elif after.visibility != before.visibility:
            yield Fact(f"metadata {name}", str(before.visibility), str(after.visibility))
    if old.has_names and not new.has_names:
        yield Fact("function names (name section)", "there", "gone: backtraces show no names")


def _filled(memory: Held) -> int:
    return sum(length for _, length in memory.region.extents(at=memory.mark))


def _yes(value: bool) -> str:
    return "yes" if value else "no"
