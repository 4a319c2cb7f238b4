"""Stage 0, the interfaces: Candid as clients know it, Motoko's stable types (S02-S04)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.candid import Severity as CandidSeverity
from sandbox.candid import compare
from sandbox.candid.errors import CandidError
from sandbox.interface import interface_of
from sandbox.rehearsal.calling import HIDDEN
from sandbox.rehearsal.findings import Fact, Severity
from sandbox.rehearsal.registry import finding, findings_of
from sandbox.rehearsal.stable_compat import incompatibilities
from sandbox.rehearsal.stable_types import SignatureUnreadable, read_signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.candid.types import Interface
    from sandbox.execution.modules import InstalledModule
    from sandbox.rehearsal.findings import Finding

# Clients go on calling it as an update, and the IC runs a query so called as one.
_QUERY_NOW: Final = "was an update, is a query"


def check_interfaces(old: InstalledModule, new: InstalledModule) -> Iterator[Finding]:
    """Compare what both modules say of their interface and their stable variables."""
    before, after = interface_of(old), interface_of(new)
    if before.interface is not None and after.interface is not None:
        yield from _candid(before.interface, after.interface)
    else:
        gone = list(_gone(old, new))
        unread = [
            Fact(which, "", f"the interface cannot be compared: {found.problem}")
            for which, found in (("old module", before), ("new module", after))
            if found.problem
        ]
        yield from findings_of("S02", [*gone, *unread], None if gone else Severity.WARNING)
    types = "motoko:stable-types"
    if types in old.metadata and types in new.metadata:
        yield from _stable(_text(old, types), _text(new, types))


def _gone(old: InstalledModule, new: InstalledModule) -> Iterator[Fact]:
    """Yield the methods that are no more; without interfaces that is all one can tell."""
    for name, method in old.methods.items():
        if name not in new.methods and not name.startswith(HIDDEN):
            yield Fact(name, method.kind.value, "the method is gone")


def _candid(old: Interface, new: Interface) -> Iterator[Finding]:
    try:
        found = compare(new, old)
    except CandidError as error:
        fact = Fact("interface", "", f"cannot be compared: {error}")
        yield finding("S02", fact, severity=Severity.WARNING)
        return
    for code, kind in (("S02", CandidSeverity.BREAKING), ("S03", CandidSeverity.READS_NULL)):
        facts = [
            Fact(", ".join(item.path), "", item.message) for item in found if item.severity is kind
        ]
        is_mild = all(fact.after == _QUERY_NOW for fact in facts)
        yield from findings_of(code, facts, Severity.WARNING if is_mild else None)


def _stable(old: str, new: str) -> Iterator[Finding]:
    try:
        facts = list(incompatibilities(read_signature(old), read_signature(new)))
    except SignatureUnreadable as error:
        if old != new:
            fact = Fact("motoko:stable-types", "", f"cannot be compared: {error}")
            yield finding("S04", fact, severity=Severity.WARNING)
        return
    yield from findings_of("S04", facts)


def _text(module: InstalledModule, section: str) -> str:
    return module.metadata[section].content.decode("utf-8", "replace")
