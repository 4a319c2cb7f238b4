"""Time and rounds: due timers, heartbeats, deadlines, fees for existing.

A round queues, in the order of canister ids, each canister's due timer and heartbeat, and
then runs messages until none is left. Moving the clock stops at everything that falls due
on the way: a delayed message, a deadline, a timer (ties: in this order; timers by id).

A call runs no due timer before it is answered: they wait for the next round. Only a call that
goes on and on has to share: on the IC it would have been many rounds long already.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sandbox.cycles.uses import Use
from sandbox.execution import lifecycle, ratelimits
from sandbox.state import Status
from sandbox.system_api.table import Context
from sandbox.world import history
from sandbox.world.controlling import finish_stops, note
from sandbox.world.traffic import SystemTask

if TYPE_CHECKING:
    from sandbox.execution.canister import CanisterRuntime
    from sandbox.principal import Principal
    from sandbox.world.world import World

_SECOND_NS: Final = 1_000_000_000
# After how many messages a call from outside that is not answered yet lets due timers run. Some
# canisters call themselves until a timer has run; hardly any call of a test takes as many.
_MESSAGES_PER_ROUND: Final = 1_000


def settle(world: World) -> int:
    """Run messages until none is left; return how many ran.

    At most ``Limits.messages_per_settle``: canisters that call each other for ever
    must not hang the caller; the rest stays queued.
    """
    count = 0
    recorder = world.recorder
    step = recorder.step if recorder.is_on else world.router.step
    while count < world.limits.messages_per_settle and step():
        count += 1
        if world.stopping:
            finish_stops(world)
        if count % _MESSAGES_PER_ROUND == 0 and world.router.is_awaited():
            _queue_timers(world)
    if world.stopping:
        finish_stops(world)
        if world.router.queue and count < world.limits.messages_per_settle:
            count += settle(world)
    return count


def tick(world: World) -> int:
    """Run one round."""
    world.router.catch_up()
    for id_, runtime in sorted(world.canisters.items()):
        if not _is_running(runtime):
            continue
        _queue_timer(world, id_, runtime)
        if "canister_heartbeat" in runtime.module.hooks:
            world.router.queue.append(SystemTask(id_, "canister_heartbeat", Context.HEARTBEAT))
    count = settle(world)
    ratelimits.end_rounds(world.canisters.values())
    return count


def advance_to(world: World, time_ns: int) -> int:
    """Move the clock, stopping at everything that falls due; heartbeats run once, at the end."""
    count = 0
    while (due := _next_due(world)) is not None and due <= time_ns:
        move_clock(world, max(due, world.clock.now_ns))
        world.router.catch_up()
        _queue_timers(world)
        count += settle(world)
    move_clock(world, time_ns)
    return count + tick(world)


def why_unanswered(world: World) -> str:
    """Say why a call has no answer after ``settle``: what it takes to get one."""
    if world.router.queue:
        most = world.limits.messages_per_settle
        return (
            f"{most:,} messages ran and there are always more, as if canisters called each other "
            "for ever (the limit messages_per_settle)"
        )
    return "nothing more happens before the clock moves"


def move_clock(world: World, time_ns: int) -> None:
    """Set the clock; what canisters owe for the time between is paid, in whole seconds.

    For rate limits a second is a round: the IC makes about one.
    """
    world.clock.move_to(time_ns)
    seconds = (time_ns - world.paid_until_ns) // _SECOND_NS
    world.paid_until_ns += seconds * _SECOND_NS
    ratelimits.end_rounds(world.canisters.values(), seconds)
    if not seconds or not world.bank.prices.gib_second:
        return
    for runtime in list(world.canisters.values()):
        if not world.bank.charge_idle(runtime, seconds):
            _out_of_cycles(world, runtime)


def _out_of_cycles(world: World, runtime: CanisterRuntime) -> None:
    """Uninstall a canister that cannot pay any more: its code and snapshots are gone.

    Source: reference/management_canister.md section 2.4.
    """
    state = runtime.state
    settings = replace(state.settings, compute_allocation=0, memory_allocation_bytes=0)
    runtime.state = replace(state, settings=settings)
    world.snapshots.forget_canister(state.id)
    world.bank.consume(state.id, Use.UNINSTALL, runtime.state.cycles)
    runtime.state = replace(runtime.state, cycles=0)
    if state.module is None:
        return
    lifecycle.uninstall(runtime)
    world.router.forget_canister(state.id)
    note(runtime, history.from_canister(world.management, None), history.code_uninstall())


def _is_running(runtime: CanisterRuntime) -> bool:
    return runtime.state.module is not None and runtime.state.status is Status.RUNNING


def _next_due(world: World) -> int | None:
    timers = [
        runtime.state.timer_ns
        for runtime in world.canisters.values()
        if runtime.state.timer_ns and _is_running(runtime)
    ]
    event = world.router.next_event_ns()
    return min([*timers, event] if event is not None else timers, default=None)


def _queue_timers(world: World) -> None:
    for id_, runtime in sorted(world.canisters.items()):
        if _is_running(runtime):
            _queue_timer(world, id_, runtime)


def _queue_timer(world: World, id_: Principal, runtime: CanisterRuntime) -> None:
    due = runtime.state.timer_ns
    if not due or due > world.clock.now_ns:
        return
    # One-shot: deactivated when the task is scheduled.
    runtime.state = replace(runtime.state, timer_ns=0)
    if "canister_global_timer" in runtime.module.hooks:
        world.router.queue.append(SystemTask(id_, "canister_global_timer", Context.TIMER))
