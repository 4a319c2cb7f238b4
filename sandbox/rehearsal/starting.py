"""Where a rehearsal starts: base canisters in a sandbox, however they were given."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from sandbox.candid.errors import CandidError
from sandbox.durable import WorldDirectory
from sandbox.errors import UsageError
from sandbox.rehearsal.bench import Base, controller_of
from sandbox.rehearsal.calling import encoded, send
from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.plan import (
    FromCanister,
    FromDirectory,
    FromModule,
    FromStore,
    FromWorld,
    PlanRefused,
)
from sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sandbox.engine import Compiler
    from sandbox.handle import Canister
    from sandbox.limits import Limits
    from sandbox.rehearsal.plan import Plan, Start
    from snapshot.content import Content
    from snapshot.record import Snapshot


@contextmanager
def base(start: Start, plan: Plan, compiler: Compiler | None) -> Iterator[Base]:
    """Provide the base canister; all that was made for it goes at the end.

    Raises: CanisterRejected, UsageError, DirectoryRefused when the start cannot be had.
    """
    with ground([start], plan.limits, compiler) as ic:
        yield begun(ic, start, plan)


@contextmanager
def ground(starts: Sequence[Start], limits: Limits, compiler: Compiler | None) -> Iterator[Sandbox]:
    """Provide the sandbox for some starts: theirs, the one of their world, or a new one.

    Raises: UsageError when they are in different sandboxes or worlds.
    """
    sandboxes = {id(it.sandbox): it.sandbox for it in starts if isinstance(it, FromCanister)}
    worlds = {it.directory: it for it in starts if isinstance(it, FromWorld)}
    if len(sandboxes) + len(worlds) > 1:
        raise UsageError("canisters that are rehearsed together must be of one sandbox or world")
    with ExitStack() as stack:
        if sandboxes:
            (ic,) = sandboxes.values()
        elif worlds:
            (world,) = worlds.values()
            ic = Sandbox(_opened(world), compiler=compiler)
            stack.callback(ic.abandon)
        else:
            ic = stack.enter_context(Sandbox(limits=limits, compiler=compiler))
        stack.enter_context(ic.anchor())
        yield ic


def begun(ic: Sandbox, start: Start, plan: Plan) -> Base:
    """Bring one start into the sandbox. Requires: ``ground`` gave it.

    Raises: CanisterRejected, UsageError, DirectoryRefused when it cannot be had.
    """
    match start:
        case FromCanister():
            found = _loaded(ic, start.canister, start.snapshot, plan)
        case FromWorld():
            canister, named = ic.canister(start.canister), start.snapshot
            snapshot = None if named is None else ic.snapshots.find(canister, named)
            found = _loaded(ic, canister, snapshot, plan)
        case FromModule():
            found = Base(ic, _installed(ic, start, plan.did))
        case FromDirectory():
            found = _imported(ic, start)
        case FromStore():
            canister = ic.create_canister(specified_id=start.canister_id)
            canister.load_snapshot(ic.snapshots.fetch(start.name, start.store, canister))
            found = Base(ic, canister)
        case _:
            assert_never(start)
    if plan.did is not None:
        ic.interfaces[found.canister.id] = plan.did
    return found if isinstance(start, FromCanister) else replace(found, start=start)


def _opened(world: FromWorld) -> WorldDirectory:
    if not (world.directory / "world.json").exists():
        raise UsageError(
            f"there is no world in {world.directory} yet; create a canister with: "
            "canister-sandbox install NAME MODULE"
        )
    waiting = world.waiting or (lambda: None)
    return WorldDirectory(world.directory, read_only=True, wait_s=world.wait_s, waiting=waiting)


def _loaded(ic: Sandbox, canister: Canister, snapshot: Snapshot | None, plan: Plan) -> Base:
    if snapshot is not None:
        canister.load_snapshot(snapshot, caller=controller_of(ic, canister, plan.caller))
    return Base(ic, canister)


def _installed(ic: Sandbox, start: FromModule, did: str | None) -> Canister:
    canister = ic.create_canister(specified_id=start.canister_id)
    try:
        argument = encoded(canister.init_codec(start.source, did), start.argument)
    except CandidError as error:
        raise PlanRefused("start.argument", f"{start.argument!r}: {error}") from error
    canister.install(start.source, argument, did=did)
    for number, call in enumerate(start.calls):
        try:
            send(canister, call)
        except CandidError as error:
            raise PlanRefused(f"start.calls[{number}]", f"{call}: {error}") from error
    return canister


def _imported(ic: Sandbox, start: FromDirectory) -> Base:
    canister = ic.snapshots.import_canister(start.path, specified_id=start.canister_id)
    (snapshot,) = canister.list_snapshots()
    return Base(ic, canister, tuple(_missing(snapshot.content)))


def _missing(content: Content) -> Iterator[Fact]:
    if content.timer_ns is None:
        yield Fact("global timer", "", "not recorded")
    if content.low_memory_hook is None:
        yield Fact("on_low_wasm_memory hook", "", "not recorded")
