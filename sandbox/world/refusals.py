"""Why a call cannot even start, in the replica's words.

Source: reference/limits_and_costs.md section 7.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sandbox import texts
from sandbox.messages import Reject, reject
from sandbox.state import Status
from sandbox.wasm.methods import MethodKind

if TYPE_CHECKING:
    from sandbox.execution.canister import CanisterRuntime
    from sandbox.principal import Principal

DEADLINE_EXPIRED: Final = reject("IC0601", "Call deadline has expired.")


def refusal_of(
    runtime: CanisterRuntime | None, canister: Principal, method: str, *, is_query: bool = False
) -> Reject | None:
    """Return why a call is refused; None when it can start."""
    if runtime is None:
        unknown = reject("IC0301", f"Canister {canister} not found")
        # No subnet has ids of another form: the network does not even know where to send it.
        has_route = bytes(canister).endswith(b"\x01\x01")
        return unknown if has_route else replace(unknown, told=f"No route to canister {canister}")
    state = runtime.state
    if state.status is not Status.RUNNING:
        code = "IC0508" if state.status is Status.STOPPED else "IC0509"
        word = "not running" if is_query else state.status.name.lower()
        return reject(code, f"Canister {canister} is {word}")
    if state.module is None:
        message = "Attempted to execute a message, but the canister contains no Wasm module."
        refusal = reject("IC0537", texts.error_from(str(canister), message, texts.NO_MODULE))
        return refusal.with_code
    found = state.module.methods.get(method)
    if found is not None and found.kind is MethodKind.COMPOSITE_QUERY and not is_query:
        return reject("IC0527", "Composite query cannot be called in replicated mode").with_code
    if found is None or (is_query and found.kind is MethodKind.UPDATE):
        kind = "query" if is_query else "update"
        message = f"Canister has no {kind} method '{method}'."
        help_ = texts.METHOD_NOT_FOUND
        return reject("IC0536", texts.error_from(str(canister), message, help_)).with_code
    return None


def refuse_poor(runtime: CanisterRuntime, sender: Principal, cycles: int) -> Reject | None:
    """Refuse another canister's call with fewer cycles than the settings ask for."""
    state = runtime.state
    needed = state.settings.minimum_incoming_cycles
    if cycles >= needed or sender == state.id:
        return None
    return reject(
        "IC0520",
        f"Canister {state.id} accepts calls from other canisters only with at least {needed} "
        f"cycles attached; {cycles} were",
    )
