"""Messages from outside: what is let in, who pays for it, how its answer comes back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from sandbox.cycles import checked_cycles
from sandbox.cycles.uses import Use
from sandbox.messages import Answer, Reject, Task, reject
from sandbox.system_api.table import Context
from sandbox.world import rounds
from sandbox.world.refusals import refusal_of

if TYPE_CHECKING:
    from sandbox.execution.canister import CanisterRuntime
    from sandbox.principal import Principal
    from sandbox.world.world import World

_NO_METHOD: Final = "IC0536"
_NO_MODULE: Final = "IC0537"


def submit(
    world: World,
    canister: Principal,
    method: str,
    argument: bytes,
    caller: Principal,
    cycles: int,
) -> int | Reject:
    """Queue an update call that the system and the canister let in; return its id.

    Raises: UsageError for cycles that cannot be.
    """
    checked_cycles(cycles)
    if len(argument) > world.limits.ingress_payload_bytes:
        return too_large(argument)
    payer = canister
    if canister == world.management:
        effective = world.manager.admit(method, argument, caller)
        if isinstance(effective, Reject):
            return effective
        payer = effective
    elif not world.mocks.covers(canister, method):
        refusal = _inspect(world, canister, method, argument, caller)
        if refusal is not None:
            return refusal
    refusal = _charge(world, payer, len(method) + len(argument))
    if refusal is not None:
        return refusal
    world.bank.mint(cycles)
    return world.router.submit(canister, method, argument, caller, cycles)


def deliver(
    world: World,
    canister: Principal,
    method: str,
    argument: bytes,
    caller: Principal,
    cycles: int,
) -> Answer:
    """Deliver an update call and everything it causes; return the answer.

    What is still to be done after the answer (calls nobody waits for) is done too.
    """
    send = partial(submit, world, canister, method, argument, caller, cycles)
    ingress = world.recorder.submit(send)
    if isinstance(ingress, Reject):
        return ingress
    world.settle()
    answer = world.router.take_answer(ingress)
    if answer is not None:
        return answer
    if any(stop.request.ingress == ingress for stop in world.router.stops):
        # Time does not pass while we wait, so the five minutes are over at once.
        world.router.stops = [s for s in world.router.stops if s.request.ingress != ingress]
        return reject("IC0206", "Stop canister request timed out")
    way_out = ""
    if not world.router.queue:
        way_out = " (submit the message instead, advance the time, ask for its answer)"
    return reject(
        "IC0202",
        f"Ingress message {ingress} timed out waiting for its answer: "
        f"{rounds.why_unanswered(world)}{way_out}",
    )


def _inspect(
    world: World, canister: Principal, method: str, argument: bytes, caller: Principal
) -> Reject | None:
    """Say why a message is not let in: the system, or canister_inspect_message."""
    runtime = world.canisters.get(canister)
    refusal = refusal_of(runtime, canister, method)
    if refusal is not None and refusal.error_code == _NO_MODULE:
        return reject(_NO_MODULE, "Requested canister has no wasm module")
    # Whether there is such a method is found out when the message runs, after the canister's say.
    if refusal is not None and refusal.error_code != _NO_METHOD:
        return refusal
    assert runtime is not None, "a canister that is not there is refused"
    hook = "canister_inspect_message"
    if hook not in runtime.module.hooks:
        return None
    outcome = runtime.execute(
        Task(
            hook,
            Context.INSPECT,
            world.limits.inspect_instructions,
            argument=argument,
            caller=caller,
            method=method,
            keeps=False,
            is_replicated=False,
        )
    )
    if outcome.failure is not None:
        return outcome.failure
    return None if outcome.accepted else reject("IC0406", "Canister rejected the message")


def _charge(world: World, payer: Principal, size_bytes: int) -> Reject | None:
    runtime: CanisterRuntime | None = world.canisters.get(payer)
    if runtime is None:
        return None
    fee = world.bank.prices.ingress_induction(size_bytes)
    return world.bank.charge(runtime, fee, Use.INGRESS_INDUCTION)


def too_large(argument: bytes) -> Reject:
    """Return the reject of a message that is too long."""
    return reject("IC0406", f"The argument of {len(argument):,} bytes is too large for a message.")
