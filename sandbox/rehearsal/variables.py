"""The values of a Motoko canister's stable variables, for comparing (L01).

Classical persistence only: ``pre_upgrade`` writes them to stable memory, and an empty module
put in the place of the canister's leaves them there to be read. Enhanced persistence keeps
the heap and lets no variable begin anew unless it is dropped, which S04 says.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sandbox.candid.values import Some
from sandbox.rehearsal.findings import Fact, Severity
from sandbox.rehearsal.plan import NO_ARGUMENTS
from sandbox.rehearsal.registry import findings_of
from sandbox.rehearsal.stable_types import SignatureUnreadable, read_signature
from sandbox.rehearsal.stable_values import stable_values
from sandbox.rehearsal.structure import is_nothing, shown
from sandbox.rehearsal.upgrading import upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox.execution.modules import InstalledModule
    from sandbox.handle import Canister
    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.findings import Finding

_EMPTY: Final = b"\0asm\1\0\0\0"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Read in Python, some megabytes a second; larger states are left to the probes.
_MOST_BYTES: Final = 2 << 20


def variables_of(bench: Bench) -> dict[str, Any]:
    """Return the values of the stable variables as they are now; none where none can be read."""
    module = bench.runtime.state.module
    if module is None or not _writes_variables(module):
        return {}
    with bench.fork():
        run = upgrade(bench, _EMPTY, b"", persistence=None)
        return {} if run.failure is not None else _read(bench.canister, module)


def initial_variables(bench: Bench, module: InstalledModule, argument: bytes) -> dict[str, Any]:
    """Return what they are in a canister that has just been installed from a module."""
    if not _writes_variables(module):
        return {}
    with bench.fork():
        new = replace(bench, canister=bench.ic.create_canister(), caller=bench.ic.identity)
        upgrade(new, module.raw, argument, mode="install")
        return variables_of(new)


def check_variables(
    bench: Bench, before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[Finding]:
    """Say which variables have begun anew; a migration function may have meant it so."""
    changed = {name for name, it in after.items() if name in before and it != before[name]}
    if not changed:
        return []
    # What a canister of the old module begins with is nothing that could be lost.
    at_first = initial_variables(bench, bench.old, NO_ARGUMENTS)
    lasting = {name: after[name] for name in changed if before[name] != at_first.get(name)}
    initial = initial_variables(bench, bench.new, bench.argument)
    severity = Severity.WARNING if migrates(bench.new) else None
    return findings_of("L01", _anew(before, lasting, initial), severity)


def migrates(module: InstalledModule) -> bool:
    """Whether a Motoko module has an explicit migration function."""
    types = module.metadata.get("motoko:stable-types")
    if types is None:
        return False
    with suppress(SignatureUnreadable):
        signature = read_signature(types.content.decode("utf-8", "replace"))
        return signature.pre != signature.post
    return False


def _anew(
    before: Mapping[str, Any], changed: Mapping[str, Any], initial: Mapping[str, Any]
) -> Iterator[Fact]:
    for name, now in changed.items():
        is_initial = name in initial and now == initial[name]
        if not is_nothing(before[name]) and (is_initial or is_nothing(now)):
            after = f"{shown(now)}, as in a new canister" if is_initial else shown(now)
            yield Fact(f"stable variable {name}", shown(before[name]), after)


def _writes_variables(module: InstalledModule) -> bool:
    return (
        not module.is_eop
        and "motoko:stable-types" in module.metadata
        and "canister_pre_upgrade" in module.hooks
    )


def _read(canister: Canister, module: InstalledModule) -> dict[str, Any]:
    memory = canister.stable_memory
    length = int.from_bytes(memory[:4], "little")
    if not length or length > _MOST_BYTES:
        return {}
    types = module.metadata["motoko:stable-types"].content.decode("utf-8", "replace")
    found = stable_values(memory[4 : 4 + length], _NAME.findall(types)) or {}
    return {name: it.value if isinstance(it, Some) else it for name, it in found.items()}
