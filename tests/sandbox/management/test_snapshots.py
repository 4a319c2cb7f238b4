"""The snapshot methods of the management canister."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calling_room import ALICE, ask_management, caller
from canisters import universal as u
from sandbox import CanisterRejected, Sandbox


def test_take_and_load_bring_the_state_back(ic: Sandbox) -> None:
    canister = caller(ic)
    canister.update_raw("update", u.set_global(1) + u.reply())
    before = canister.checksum
    taken = ic.management.take_canister_snapshot(canister_id=canister.id)
    canister.update_raw("update", u.set_global(2) + u.reply())
    version = canister.status().version

    ic.management.load_canister_snapshot(canister_id=canister.id, snapshot_id=taken.id)

    assert canister.checksum == before
    assert canister.status().version == version + 1
    assert taken.taken_at_timestamp == ic.time_ns


def test_loading_enters_the_history_and_taking_does_not(ic: Sandbox) -> None:
    canister, asking = caller(ic), caller(ic)
    version = canister.status().version
    taken = ic.management.take_canister_snapshot(canister_id=canister.id)
    ic.management.load_canister_snapshot(canister_id=canister.id, snapshot_id=taken.id)

    info = ask_management(
        asking, "canister_info", {"canister_id": canister.id, "num_requested_changes": 1}
    )

    assert info.total_num_changes == 3
    details = info.recent_changes[0].details.value
    assert details.from_canister_id is None
    assert details.snapshot_id == taken.id
    assert details.canister_version == version
    assert details.source.tag == "taken_from_canister"


def test_taking_can_uninstall_at_once(ic: Sandbox) -> None:
    canister = caller(ic)

    taken = ic.management.take_canister_snapshot(canister_id=canister.id, uninstall_code=True)
    empty = canister.module_hash
    ic.management.load_canister_snapshot(canister_id=canister.id, snapshot_id=taken.id)

    assert empty is None
    assert canister.update_raw("update", u.reply(b"back")) == b"back"


def test_replacing_gives_a_new_id(ic: Sandbox) -> None:
    canister = caller(ic)
    first = ic.management.take_canister_snapshot(canister_id=canister.id)

    second = ic.management.take_canister_snapshot(
        canister_id=canister.id, replace_snapshot=first.id
    )

    listed = ic.management.list_canister_snapshots(canister_id=canister.id)
    assert [row.id for row in listed] == [second.id]
    assert second.id != first.id


def test_a_deleted_snapshot_cannot_be_loaded(ic: Sandbox) -> None:
    canister = caller(ic)
    taken = ic.management.take_canister_snapshot(canister_id=canister.id)
    ic.management.delete_canister_snapshot(canister_id=canister.id, snapshot_id=taken.id)

    with pytest.raises(CanisterRejected) as caught:
        ic.management.load_canister_snapshot(canister_id=canister.id, snapshot_id=taken.id)

    assert caught.value.error_code == "IC0305"
    assert ic.management.list_canister_snapshots(canister_id=canister.id) == []


def test_listing_is_for_those_who_may_see(ic: Sandbox) -> None:
    canister = caller(ic)
    ic.management.take_canister_snapshot(canister_id=canister.id)

    with pytest.raises(CanisterRejected) as caught:
        ic.management.list_canister_snapshots(canister_id=canister.id, caller=ALICE)
    ic.management.update_settings(
        canister_id=canister.id, settings={"snapshot_visibility": {"allowed_viewers": [ALICE]}}
    )

    assert caught.value.error_code == "IC0512"
    listed = ic.management.list_canister_snapshots(canister_id=canister.id, caller=ALICE)
    assert len(listed) == 1


@pytest.mark.parametrize(("length", "text"), [(3, "provided 3, minumum"), (40, "maximum")])
def test_an_id_of_a_wrong_length_does_not_decode(ic: Sandbox, length: int, text: str) -> None:
    canister = caller(ic)

    with pytest.raises(CanisterRejected, match=text) as caught:
        ic.management.load_canister_snapshot(canister_id=canister.id, snapshot_id=bytes(length))

    assert caught.value.error_code == "IC0408"


def test_a_poor_canister_cannot_pay_for_a_snapshot(ic: Sandbox) -> None:
    canister = caller(ic, cycles=400_000_000_000)
    runtime = ic.world.canisters[canister.id]
    runtime.state = replace(runtime.state, cycles=1_000_000_000)

    with pytest.raises(CanisterRejected, match="Canister snapshotting failed with") as caught:
        ic.management.take_canister_snapshot(canister_id=canister.id)

    assert caught.value.error_code == "IC0207"
    assert canister.list_snapshots() == ()
