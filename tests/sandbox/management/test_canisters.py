"""Creating, topping up, starting, stopping, deleting: what comes back and what has changed."""

from __future__ import annotations

from hashlib import sha256

import pytest

from calling_room import ALICE, IDLE, ask, ask_management, caller, relay
from canisters import universal as u
from sandbox import CanisterRejected, Principal, Sandbox, Status
from sandbox.messages import Reject, Reply

T = 10**12
# The management canister, nobody, a user.
NO_CANISTERS = [
    Principal.management(), Principal.anonymous(), Principal.self_authenticating(b"a user"),
]  # fmt: skip


def test_a_canister_creates_another_and_controls_it(ic: Sandbox) -> None:
    parent = caller(ic)

    child = ask_management(parent, "create_canister", {}, cycles=2 * T).canister_id

    status = ic.management.canister_status(canister_id=child, caller=parent.id)
    assert status.settings.controllers == [parent.id]
    # The fee of being asked is paid by the canister asked about.
    assert 0 <= 2 * T - 500_000_000_000 - status.cycles < 2_000_000
    assert status.version == 0
    assert status.module_hash is None


def test_creation_with_too_few_cycles_returns_them(ic: Sandbox) -> None:
    parent = caller(ic)
    before = len(ic.canisters)

    with pytest.raises(CanisterRejected) as caught:
        ask_management(parent, "create_canister", {}, cycles=7)

    assert caught.value.message.startswith(
        "Creating a canister requires a fee of 500000000000 that is deducted from the "
        "canister's initial balance but only 7 cycles were received"
    )
    assert len(ic.canisters) == before


def test_creation_enters_the_history(ic: Sandbox) -> None:
    parent = caller(ic)
    child = ask_management(
        parent,
        "create_canister",
        {
            "settings": {"environment_variables": [{"name": "KEY", "value": "value"}]},
            "sender_canister_version": 3,
        },
        cycles=T,
    ).canister_id

    info = ask_management(
        parent, "canister_info", {"canister_id": child, "num_requested_changes": 1}
    )

    (change,) = info.recent_changes
    assert change.origin == {"from_canister": {"canister_id": parent.id, "canister_version": 3}}
    assert change.details.value["controllers"] == [parent.id]
    expected = sha256(sha256(b"KEY").digest() + sha256(b"value").digest()).digest()
    assert change.details.value["environment_variables_hash"] == expected


def test_a_provisional_canister_gets_its_cycles_from_nowhere(ic: Sandbox) -> None:
    rich = ic.management.provisional_create_canister_with_cycles(amount=5).canister_id
    usual = ic.management.provisional_create_canister_with_cycles({}).canister_id

    assert ic.canister(rich).status().cycles == 5
    assert ic.canister(usual).status().cycles == 100 * T


def test_a_provisional_canister_can_have_a_mainnet_id(ic: Sandbox) -> None:
    ledger = Principal("ryjl3-tyaaa-aaaaa-aaaba-cai")

    made = ic.management.provisional_create_canister_with_cycles(specified_id=ledger)

    assert made.canister_id == ledger
    assert ic.canister(ledger).status().controllers == (ic.identity,)


def test_a_specified_id_must_be_free_and_not_the_sandbox_s_own(ic: Sandbox) -> None:
    ledger = Principal("ryjl3-tyaaa-aaaaa-aaaba-cai")
    ic.management.provisional_create_canister_with_cycles(specified_id=ledger)
    own = ic.create_canister().id

    with pytest.raises(CanisterRejected, match=f"canister id {ledger} already exists"):
        ic.management.provisional_create_canister_with_cycles(specified_id=ledger)
    ic.management.stop_canister(canister_id=own)
    ic.management.delete_canister(canister_id=own)
    with pytest.raises(CanisterRejected, match="belongs to the canister allocation ranges"):
        ic.management.provisional_create_canister_with_cycles(specified_id=own)


@pytest.mark.parametrize("wanted", NO_CANISTERS, ids=str)
def test_a_specified_id_that_no_canister_has_is_hosted_nowhere(
    ic: Sandbox, wanted: Principal
) -> None:
    with pytest.raises(CanisterRejected, match=f"CanisterId {wanted} is not hosted") as caught:
        ic.management.provisional_create_canister_with_cycles(specified_id=wanted)

    assert (caught.value.error_code, caught.value.reject_code) == ("IC0405", 4)
    assert ic.canisters == ()
    assert ic.world.cycles.minted == 0


def test_anybody_tops_up(ic: Sandbox) -> None:
    canister = ic.create_canister(cycles=T)

    ic.management.provisional_top_up_canister(canister_id=canister.id, amount=T, caller=ALICE)

    # The canister pays for being told.
    assert T < canister.status().cycles <= 2 * T
    assert 2 * T - canister.status().cycles < 2_000_000


def test_a_balance_has_the_room_of_128_bits(ic: Sandbox) -> None:
    canister = ic.create_canister(cycles=T)

    ic.management.provisional_top_up_canister(canister_id=canister.id, amount=(1 << 128) - 1)
    assert canister.status().cycles < 1 << 128
    assert canister.status().cycles > 1 << 127


def test_what_is_no_u128_is_no_amount(ic: Sandbox) -> None:
    made = ic.management.provisional_create_canister_with_cycles(amount=1 << 128).canister_id
    ic.management.provisional_top_up_canister(canister_id=made, amount=1 << 128)

    assert 199 * T < ic.canister(made).status().cycles <= 200 * T


def test_deposited_cycles_arrive(ic: Sandbox) -> None:
    giver, taker = caller(ic), ic.create_canister(cycles=T)

    ask_management(giver, "deposit_cycles", {"canister_id": taker.id}, cycles=12345)

    assert taker.status().cycles == T + 12345


def test_stop_and_start_change_status_and_version(ic: Sandbox) -> None:
    canister = ic.install(IDLE)
    version = canister.status().version

    ic.management.stop_canister(canister_id=canister.id)
    stopped = canister.status()
    ic.management.start_canister(canister_id=canister.id)

    assert (stopped.status, stopped.version) == (Status.STOPPED, version + 2)
    assert canister.status().status is Status.RUNNING


def test_a_stopped_canister_takes_no_calls(ic: Sandbox) -> None:
    asking, canister = caller(ic), ic.install(IDLE)
    ic.management.stop_canister(canister_id=canister.id)

    answer = ask(asking, canister.id, "go")
    with pytest.raises(CanisterRejected) as caught:
        canister.update_raw("go")

    text = f"Canister {canister.id} is stopped"
    assert (getattr(answer, "code", 0), getattr(answer, "message", "")) == (5, text)
    assert (caught.value.error_code, caught.value.message) == ("IC0508", text)


def never_ending(ic: Sandbox) -> tuple[Principal, int]:
    """Return a canister with a call open that is answered in an hour, and the call's id."""
    waiting, slow = caller(ic), ic.install(IDLE)
    ic.mock(slow).delays("go", hours=1)
    call = ic.world.submit(waiting.id, "update", relay(slow.id, "go"), ic.identity)
    assert isinstance(call, int)
    ic.world.settle()
    return waiting.id, call


def test_stopping_waits_for_open_calls(ic: Sandbox) -> None:
    waiting, call = never_ending(ic)

    refusal = ic.world.stop(ic.world.canisters[waiting])
    stopping = ic.canister(waiting).status().status
    ic.advance(hours=1)

    assert isinstance(refusal, Reject)
    assert refusal.error_code == "IC0206"
    assert stopping is Status.STOPPING
    assert isinstance(ic.world.router.take_answer(call), Reply)
    assert ic.canister(waiting).status().status is Status.STOPPED


def test_a_stopping_canister_takes_no_calls(ic: Sandbox) -> None:
    waiting, _ = never_ending(ic)
    ic.world.stop(ic.world.canisters[waiting])

    with pytest.raises(CanisterRejected) as caught:
        ic.canister(waiting).update_raw("update", u.reply())

    assert (caught.value.error_code, caught.value.message) == (
        "IC0509",
        f"Canister {waiting} is stopping",
    )


def test_start_cancels_a_stop_that_waits(ic: Sandbox) -> None:
    waiting, _ = never_ending(ic)
    controller = caller(ic)
    ic.management.update_settings(
        canister_id=waiting, settings={"controllers": [controller.id, ic.identity]}
    )
    argument = ic.management.encode("stop_canister", canister_id=waiting)
    stop = relay(Principal.management(), "stop_canister", argument)
    call = ic.world.submit(controller.id, "update", stop, ic.identity)
    ic.world.settle()

    ic.management.start_canister(canister_id=waiting)

    assert isinstance(call, int)
    answer = ic.world.router.take_answer(call)
    assert isinstance(answer, Reply)
    assert answer.data[9:] == f"Canister {waiting}'s stop request was cancelled.".encode()
    assert ic.canister(waiting).status().status is Status.RUNNING


def test_a_stop_that_waits_five_minutes_times_out(ic: Sandbox) -> None:
    waiting, _ = never_ending(ic)
    argument = ic.management.encode("stop_canister", canister_id=waiting)
    call = ic.world.submit(Principal.management(), "stop_canister", argument, ic.identity)
    ic.world.settle()
    assert isinstance(call, int)

    ic.advance(minutes=4)
    early = ic.world.router.take_answer(call)
    ic.advance(minutes=1)

    assert early is None
    assert getattr(ic.world.router.take_answer(call), "error_code", "") == "IC0206"
    assert ic.canister(waiting).status().status is Status.STOPPING


def test_only_a_stopped_canister_is_deleted(ic: Sandbox) -> None:
    canister = ic.install(IDLE)

    with pytest.raises(CanisterRejected) as caught:
        ic.management.delete_canister(canister_id=canister.id)
    ic.management.stop_canister(canister_id=canister.id)
    ic.management.delete_canister(canister_id=canister.id)

    assert caught.value.error_code == "IC0510"
    assert canister not in ic.canisters
    with pytest.raises(CanisterRejected, match=f"Canister {canister.id} not found"):
        canister.update_raw("go")


def test_a_canister_does_not_delete_itself(ic: Sandbox) -> None:
    canister = caller(ic)
    canister_id = canister.id
    ic.management.update_settings(
        canister_id=canister_id, settings={"controllers": [canister_id, ic.identity]}
    )

    with pytest.raises(CanisterRejected, match="cannot delete itself"):
        ask_management(canister, "delete_canister", {"canister_id": canister_id})

    assert canister in ic.canisters


def test_deleting_a_canister_deletes_its_snapshots(ic: Sandbox) -> None:
    canister = ic.install(IDLE)
    snapshot = canister.take_snapshot()
    canister.stop()

    ic.management.delete_canister(canister_id=canister.id)

    assert ic.world.snapshots.get(snapshot.id) is None
