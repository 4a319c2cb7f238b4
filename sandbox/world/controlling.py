"""What controllers do to canisters: create, install, start, stop, delete, change settings.

The management canister and the friendly handles both come here, after their own checks of
arguments; every change leaves its entry in the canister's history.
Source: reference/management_canister.md sections 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sandbox.errors import ModuleRefused, UsageError
from sandbox.execution import lifecycle, lowmemory, ratelimits
from sandbox.execution.lifecycle import InstallReport, Persistence
from sandbox.messages import Reject, reject
from sandbox.state import Settings, Status
from sandbox.world import history

if TYPE_CHECKING:
    from sandbox.candid.values import VariantValue
    from sandbox.execution.canister import CanisterRuntime
    from sandbox.execution.modules import InstalledModule, Source
    from sandbox.principal import Principal
    from sandbox.state import CanisterState
    from sandbox.world.world import World
    from snapshot.ids import SnapshotId

STOP_TIMEOUT_NS: Final = 300_000_000_000


def refuse_stranger(state: CanisterState, caller: Principal, method: str) -> Reject | None:
    """Return the replica's reject unless the caller controls the canister.

    Source: reference/management_canister.md section 1, ingress by a non-controller.
    """
    if caller in state.settings.controllers:
        return None
    return reject(
        "IC0512", f"Only controllers of canister {state.id} can call ic00 method {method}"
    )


def origin_of(world: World, caller: Principal, version: int | None = None) -> VariantValue:
    """Return what the history says of a caller; version: what a calling canister claims."""
    if caller in world.canisters:
        return history.from_canister(caller, version)
    return history.from_user(caller)


def note(runtime: CanisterRuntime, origin: VariantValue, details: VariantValue) -> None:
    """Add an entry to a canister's history."""
    now = runtime.machine.now_ns()
    runtime.state = history.recorded(runtime.state, now, origin, details)


@dataclass(frozen=True, slots=True)
class Installation:
    """What to install, how, and for whom. mode: install, reinstall or upgrade."""

    mode: str
    source: Source
    argument: bytes
    caller: Principal
    skip_pre_upgrade: bool = False
    persistence: Persistence | None = None


def install_code(
    world: World, runtime: CanisterRuntime, wanted: Installation, origin: VariantValue
) -> InstallReport:
    """Install, reinstall or upgrade; on failure all is as before, but the fee is gone.

    Requires: the caller was found to be a controller.
    """
    try:
        module = world.loader.load(wanted.source)
    except ModuleRefused as error:
        return InstallReport(lifecycle.invalid_module(runtime.state.id, error))
    limit = runtime.machine.limits.install_instructions
    prepaid = world.bank.prices.execution(limit, is_64=module.is_64)
    refusal = world.bank.prepay(runtime, prepaid)
    if refusal is not None:
        text = f"Canister installation failed with `{refusal.message}`."
        return InstallReport(replace(refusal, message=text))
    report = _installed(runtime, module, wanted)
    used = world.bank.prices.execution(min(limit, report.instructions), is_64=module.is_64)
    world.bank.settle(runtime, prepaid, used)
    ratelimits.note_install(runtime, report.instructions)
    if report.failure is None:
        lowmemory.look(runtime, world.router.queue)
        note(runtime, origin, history.code_deployment(wanted.mode, module.module_hash))
    return report


def _installed(
    runtime: CanisterRuntime, module: InstalledModule, wanted: Installation
) -> InstallReport:
    match wanted.mode:
        case "install":
            return lifecycle.install(runtime, module, wanted.argument, wanted.caller)
        case "reinstall":
            return lifecycle.reinstall(runtime, module, wanted.argument, wanted.caller)
        case "upgrade":
            return lifecycle.upgrade(
                runtime,
                module,
                wanted.argument,
                wanted.caller,
                skip_pre_upgrade=wanted.skip_pre_upgrade,
                persistence=wanted.persistence,
            )
        case mode:
            raise UsageError(f"mode is install, reinstall or upgrade, not {mode!r}")


def uninstall_code(world: World, runtime: CanisterRuntime, origin: VariantValue) -> None:
    """Remove the code; open calls are answered, late responses only bring cycles back."""
    lifecycle.uninstall(runtime)
    world.router.forget_canister(runtime.state.id)
    note(runtime, origin, history.code_uninstall())


def start(world: World, runtime: CanisterRuntime) -> None:
    """Let the canister run again; whoever waits for it to stop hears that it will not."""
    canister = runtime.state.id
    cancelled = reject("IC0511", f"Canister {canister}'s stop request was cancelled.")
    for request in world.router.take_stop_requests(canister):
        world.router.reply_to(request, cancelled, request.cycles)
    set_status(runtime, Status.RUNNING)


def begin_stop(world: World, runtime: CanisterRuntime) -> None:
    """Take no more calls; ``finish_stops`` completes it when the open ones are done."""
    if runtime.state.status is Status.RUNNING:
        set_status(runtime, Status.STOPPING)
    world.stopping.add(runtime.state.id)


def finish_stops(world: World) -> None:
    """Stop every stopping canister that owes and awaits nothing any more."""
    for canister in sorted(world.stopping):
        runtime = world.canisters.get(canister)
        if runtime is None or runtime.state.status is Status.RUNNING:
            world.stopping.discard(canister)
        elif not world.router.has_open_contexts(canister):
            if runtime.state.status is Status.STOPPING:
                set_status(runtime, Status.STOPPED)
            world.stopping.discard(canister)
            world.answer_stops(canister)


def delete(world: World, runtime: CanisterRuntime) -> Reject | None:
    """Delete a stopped canister with its snapshots; None when it is gone. Its cycles are lost."""
    canister = runtime.state.id
    if runtime.state.status is not Status.STOPPED:
        text = f"Canister {canister} must be stopped before it is deleted."
        help_ = "Stop the canister before deleting it."
        return reject("IC0510", with_help(text, help_, "delete-canister-not-stopped"))
    if world.router.has_messages_for(canister):
        text = (
            f"Canister {canister} has messages in its queues and cannot be deleted now. "
            "Please retry after some time."
        )
        help_ = (
            "Wait until the queues have been cleared to delete the canister and "
            "in the meantime stop the canister."
        )
        return reject("IC0203", with_help(text, help_, "delete-canister-queue-not-empty"))
    runtime.discard()
    world.bank.lose(runtime.state.cycles + runtime.state.reserved_cycles)
    world.snapshots.forget_canister(canister)
    world.queried.forget(canister)
    del world.canisters[canister]
    return None


def change_settings(
    world: World,
    runtime: CanisterRuntime,
    settings: Settings,
    origin: VariantValue,
    *,
    has_controllers: bool,
) -> None:
    """Change the settings: the version goes up, controllers enter the history.

    has_controllers: whether controllers were given; they may be the same as before.
    """
    state = runtime.state
    runtime.state = replace(state, settings=settings, version=state.version + 1)
    if has_controllers:
        note(runtime, origin, history.controllers_change(settings.controllers))
    if not settings.log_memory_limit_bytes:
        runtime.log.clear()
    runtime.write_identity()
    lowmemory.look(runtime, world.router.queue)


def load_snapshot(
    world: World,
    runtime: CanisterRuntime,
    id_: SnapshotId,
    caller: Principal,
    origin: VariantValue,
) -> Reject | None:
    """Load a snapshot, whoever's it is, and note it in the history.

    Requires: the caller was found to be a controller of ``runtime``.
    """
    refusal = world.snapshots.load(
        runtime,
        id_,
        is_controller_of=lambda owner: world.is_controller(owner, caller),
        caller=caller,
    )
    snapshot = world.snapshots.get(id_)
    if refusal is not None or snapshot is None:
        return refusal
    note(runtime, origin, history.snapshot_load(snapshot, runtime.state.id))
    return None


def set_status(runtime: CanisterRuntime, status: Status) -> None:
    """Change the run state; the version goes up."""
    runtime.state = replace(runtime.state, status=status, version=runtime.state.version + 1)


def with_help(text: str, suggestion: str, anchor: str = "") -> str:
    """Return a manager's error text with the replica's help behind it."""
    docs = "https://internetcomputer.org/docs/current/references/execution-errors#"
    link = f" See documentation: {docs}{anchor}" if anchor else ""
    return f"{text}\n{suggestion}{link}"
