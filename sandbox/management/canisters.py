"""Making canisters, giving them cycles, starting, stopping and deleting them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.cycles import MOST_CYCLES
from sandbox.cycles.uses import Use
from sandbox.management.call import LATER, Later, check, refuse
from sandbox.management.settings import checked_settings
from sandbox.state import Settings, Status
from sandbox.world.controlling import with_help
from sandbox.world.ids import is_in_range

if TYPE_CHECKING:
    from sandbox.management.call import ManagementCall

_PROVISIONAL_CYCLES: Final = 100_000_000_000_000


def create(call: ManagementCall) -> dict[str, Any]:
    """Make a canister of the attached cycles less the fee."""
    fee = call.world.bank.prices.creation
    if call.cycles < fee:
        text = (
            f"Creating a canister requires a fee of {fee} that is deducted from the canister's "
            f"initial balance but only {call.cycles} cycles were received with the "
            "create_canister request."
        )
        help_ = "Try sending more cycles with the request."
        raise refuse("IC0403", with_help(text, help_, "create-canister-not-enough-cycles"))
    settings = _initial_settings(call)
    runtime = call.world.add_canister(settings, call.cycles - fee, None, call.origin)
    call.accepted = call.cycles
    call.world.bank.consume(runtime.state.id, Use.CANISTER_CREATION, fee)
    return {"canister_id": runtime.state.id}


def provide(call: ManagementCall) -> dict[str, Any]:
    """Make a canister of cycles from nowhere, with a wanted id if there is one."""
    amount, wanted = call.argument["amount"], call.argument["specified_id"]
    if wanted is not None and wanted in call.world.canisters:
        text = f"Unsuccessful canister creation: canister id {wanted} already exists."
        raise refuse("IC0205", text)
    if wanted is not None and is_in_range(wanted):
        text = (
            f"The `specified_id` {wanted} is invalid because it belongs to the canister "
            "allocation ranges of the test environment."
        )
        help_ = (
            "Use a `specified_id` that matches a canister ID on the ICP mainnet and a test "
            "environment that supports canister creation with `specified_id` (e.g., PocketIC)."
        )
        raise refuse("IC0408", with_help(text, help_))
    if wanted is not None and not wanted.is_opaque:  # in no subnet's ranges: our subnet's is wide
        text = f"Specified CanisterId {wanted} is not hosted by subnet {call.world.machine.subnet}."
        raise refuse("IC0405", f"Unsuccessful validation of specified ID: {text}")
    cycles = _provisional(amount)
    settings = _initial_settings(call)
    call.world.bank.mint(cycles)
    runtime = call.world.add_canister(settings, cycles, wanted, call.origin)
    return {"canister_id": runtime.state.id}


def top_up(call: ManagementCall) -> None:
    """Give a canister cycles from nowhere; anybody may."""
    runtime = call.target()
    # The replica's balances saturate.
    amount = min(_provisional(call.argument["amount"]), MOST_CYCLES - runtime.state.cycles)
    call.world.bank.mint(amount)
    call.world.bank.add(runtime, amount)


def deposit(call: ManagementCall) -> None:
    """Give a canister the attached cycles; any canister may."""
    call.world.bank.add(call.target(), call.cycles)
    call.accepted = call.cycles


def start(call: ManagementCall) -> None:
    """Let a canister run again."""
    call.world.start(call.target())


def stop(call: ManagementCall) -> Later | None:
    """Stop a canister; answered when it has stopped."""
    runtime = call.target()
    if runtime.state.status is Status.STOPPED:
        return None
    assert call.request is not None, "stop_canister is no query"
    call.world.stop_for(runtime, call.request)
    return LATER


def delete(call: ManagementCall) -> None:
    """Delete a stopped canister; a canister cannot delete itself."""
    runtime = call.target()
    if runtime.state.id == call.caller:
        text = f"Canister {call.caller} cannot delete itself."
        help_ = "Delete the canister from one of its other controllers."
        raise refuse("IC0512", with_help(text, help_, "delete-canister-self"))
    check(call.world.delete(runtime))


def _provisional(amount: int | None) -> int:
    """Return what is given from nowhere; to the replica what is no u128 is no amount."""
    return _PROVISIONAL_CYCLES if amount is None or amount > MOST_CYCLES else amount


def _initial_settings(call: ManagementCall) -> Settings:
    wanted = call.argument["settings"]
    return checked_settings(call.world.limits, Settings((call.caller,)), wanted or {})
