"""Where a rehearsal starts: one base canister in a sandbox, however it was given."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from sandbox.rehearsal.bench import controller_of
from sandbox.rehearsal.calling import encoded, send
from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.importing import imported
from sandbox.rehearsal.plan import FromCanister, FromDirectory, FromModule
from sandbox.sandbox import Sandbox
from snapshot.directory.check import read_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.engine import Compiler
    from sandbox.handle import Canister
    from sandbox.rehearsal.plan import Plan, Start
    from snapshot.content import Content


@dataclass(frozen=True, slots=True)
class Base:
    """The base canister, its sandbox, and what is missing of its state."""

    ic: Sandbox
    canister: Canister
    missing: tuple[Fact, ...] = ()


@contextmanager
def base(start: Start, plan: Plan, compiler: Compiler | None) -> Iterator[Base]:
    """Provide the base canister; a sandbox made for it goes at the end.

    Raises: CanisterRejected, UsageError, DirectoryRefused when the start cannot be had.
    """
    match start:
        case FromCanister():
            with start.sandbox.anchor(), _declared(start.sandbox, start.canister, plan.did):
                if start.snapshot is not None:
                    caller = controller_of(start.sandbox, start.canister, plan.caller)
                    start.canister.load_snapshot(start.snapshot, caller=caller)
                yield Base(start.sandbox, start.canister)
        case FromModule():
            with Sandbox(limits=plan.limits, compiler=compiler) as ic:
                yield Base(ic, _installed(ic, start, plan.did))
        case FromDirectory():
            with Sandbox(limits=plan.limits, compiler=compiler) as ic:
                found = _imported(ic, start)
                with _declared(ic, found.canister, plan.did):
                    yield found
        case _:
            assert_never(start)


@contextmanager
def _declared(ic: Sandbox, canister: Canister, did: str | None) -> Iterator[None]:
    """Let a canister have an interface for a block; anchors know nothing of interfaces."""
    before = dict(ic.interfaces)
    if did is not None:
        ic.interfaces[canister.id] = did
    try:
        yield
    finally:
        ic.interfaces.clear()
        ic.interfaces.update(before)


def _installed(ic: Sandbox, start: FromModule, did: str | None) -> Canister:
    canister = ic.create_canister()
    codec = canister.init_codec(start.source, did)
    canister.install(start.source, encoded(codec, start.argument), did=did)
    for call in start.calls:
        send(canister, call)
    return canister


def _imported(ic: Sandbox, start: FromDirectory) -> Base:
    # The clock goes where the snapshot was taken: its timers must not be overdue by years.
    taken_on = read_metadata(start.path).taken_on if start.path.is_dir() else 0
    ic.time_ns = max(ic.time_ns, taken_on or 0)
    canister = ic.create_canister(specified_id=start.canister_id)
    snapshot = imported(ic, start.path, canister)
    canister.load_snapshot(snapshot)
    return Base(ic, canister, tuple(_missing(snapshot.content)))


def _missing(content: Content) -> Iterator[Fact]:
    if content.timer_ns is None:
        yield Fact("global timer", "", "not recorded")
    if content.low_memory_hook is None:
        yield Fact("on_low_wasm_memory hook", "", "not recorded")
