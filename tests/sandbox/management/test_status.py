"""Status, metrics, info, metadata, logs: what they tell and whom."""

from __future__ import annotations

from typing import Any

import pytest

from calling_room import ALICE, IDLE, ask, ask_management, caller, relay
from canisters import universal as u
from engine_room import open_sandbox
from sandbox import CanisterRejected, Sandbox
from sandbox.engine.compiler import wat_to_wasm
from sandbox.limits import MAINNET, STRICT


def custom_section(name: bytes, content: bytes) -> bytes:
    body = bytes([len(name)]) + name + content
    return b"\x00" + bytes([len(body)]) + body


NAMED = (
    wat_to_wasm(IDLE.decode())
    + custom_section(b"icp:public motto", b"for all")
    + custom_section(b"icp:private secret", b"for some")
)


def test_status_adds_up_all_memory(ic: Sandbox) -> None:
    canister = ic.install(NAMED)
    canister.take_snapshot()
    ic.management.upload_chunk(canister_id=canister.id, chunk=b"x")

    status = ic.management.canister_status(canister_id=canister.id)

    metrics = status.memory_metrics
    assert status.memory_size == sum(metrics.values())
    assert metrics.wasm_memory_size == 65536
    assert metrics.wasm_binary_size == len(NAMED)
    assert metrics.custom_sections_size == len("motto" + "for all" + "secret" + "for some")
    assert metrics.wasm_chunk_store_size == 1 << 20
    assert metrics.log_memory_store_size == 3 * 4096  # header, index and the log itself
    assert metrics.snapshots_size == canister.list_snapshots()[0].total_size


def test_status_can_be_queried_and_costs_nothing_then(ic: Sandbox) -> None:
    canister = ic.install(IDLE)
    before = canister.status().cycles
    data = ic.management.encode("canister_status", canister_id=canister.id)

    ic.world.query(ic.management.id, "canister_status", data, ic.identity)

    assert canister.status().cycles == before


def test_queries_from_outside_are_counted(ic: Sandbox) -> None:
    canister, other = caller(ic), ic.install(IDLE)

    def counted(of: Any) -> list[int]:
        stats = ic.management.canister_status(canister_id=of.id).query_stats
        return [
            stats.num_calls_total,
            stats.num_instructions_total,
            stats.request_payload_bytes_total,
            stats.response_payload_bytes_total,
        ]

    script = u.reply(b"twelve bytes")
    canister.query_raw("query", script)
    calls, instructions, asked, answered = counted(canister)
    assert (calls, asked, answered) == (1, len(script), 12)
    assert instructions > 0
    with ic.anchor():
        canister.query_raw("composite_query", relay(other.id, "look"))
        assert (counted(canister)[0], counted(other)[0]) == (2, 1)
    assert (counted(canister)[0], counted(other)[0]) == (1, 0)
    ask(canister, other.id, "look")
    other.update_raw("look")
    assert counted(other) == [0, 0, 0, 0]


def test_a_query_that_fails_is_counted_too_and_a_new_canister_begins_anew(ic: Sandbox) -> None:
    id_ = "ryjl3-tyaaa-aaaaa-aaaba-cai"
    canister = caller(ic, specified_id=id_)
    with pytest.raises(CanisterRejected):
        canister.query_raw("query", u.unreachable())
    counted = ic.management.canister_status(canister_id=canister.id).query_stats
    canister.stop()
    canister.delete()
    again = ic.create_canister(specified_id=id_)

    assert counted.num_calls_total == 1
    assert ic.management.canister_status(canister_id=again.id).query_stats.num_calls_total == 0


def test_status_is_for_those_who_may_see_it(ic: Sandbox) -> None:
    canister = ic.install(IDLE)

    with pytest.raises(CanisterRejected) as caught:
        ic.management.canister_status(canister_id=canister.id, caller=ALICE)
    ic.management.update_settings(
        canister_id=canister.id, settings={"status_visibility": {"allowed_viewers": [ALICE]}}
    )
    seen = ic.management.canister_status(canister_id=canister.id, caller=ALICE)

    assert caught.value.error_code == "IC0512"
    assert seen.status == "running"


def test_a_canister_may_see_its_own_status(ic: Sandbox) -> None:
    canister = caller(ic)

    assert ask_management(canister, "canister_status", {"canister_id": canister.id}).version > 0


def test_metrics_name_what_the_cycles_went_for(ic: Sandbox) -> None:
    canister = ic.install(IDLE, cycles=10**13)
    canister.update_raw("go")
    ic.advance(days=1)

    used = ic.management.canister_metrics(canister_id=canister.id).cycles_consumed

    left = canister.status().cycles
    assert sum(used.values()) == 10**13 - left
    assert used.memory > 0
    assert used.instructions > 5_000_000
    assert used.ingress_induction > 1_200_000


def info(ic: Sandbox, canister: Any, wanted: int | None) -> Any:
    return ask_management(
        caller(ic), "canister_info", {"canister_id": canister.id, "num_requested_changes": wanted}
    )


def test_info_gives_the_newest_changes_asked_for(ic: Sandbox) -> None:
    canister = ic.install(IDLE)
    canister.uninstall()

    none, one, all_ = (info(ic, canister, wanted) for wanted in (None, 1, 99))

    assert [len(item.recent_changes) for item in (none, one, all_)] == [0, 1, 3]
    assert one.recent_changes[0].details == {"code_uninstall": None}
    assert {item.total_num_changes for item in (none, one, all_)} == {3}


def test_the_history_keeps_twenty_changes_and_counts_all(ic: Sandbox) -> None:
    canister = ic.create_canister()
    for _ in range(12):
        canister.install(IDLE)
        canister.uninstall()

    found = info(ic, canister, 99)

    assert len(found.recent_changes) == 20
    assert found.total_num_changes == 25


def metadata(asking: Any, canister: Any, name: str) -> bytes:
    argument = {"canister_id": canister.id, "name": name}
    return bytes(ask_management(asking, "canister_metadata", argument).value)


def test_public_metadata_is_for_all_and_private_for_controllers(ic: Sandbox) -> None:
    stranger, canister = caller(ic), ic.install(NAMED)
    controller = caller(ic)
    ic.management.update_settings(
        canister_id=canister.id, settings={"controllers": [ic.identity, controller.id]}
    )

    assert metadata(stranger, canister, "motto") == b"for all"
    assert metadata(controller, canister, "secret") == b"for some"
    with pytest.raises(CanisterRejected, match="has no metadata section with the name secret"):
        metadata(stranger, canister, "secret")


def test_an_empty_canister_has_no_metadata(ic: Sandbox) -> None:
    with pytest.raises(CanisterRejected, match="has no Wasm module and hence no metadata"):
        metadata(caller(ic), ic.create_canister(), "motto")


def test_a_log_that_is_not_there_takes_no_memory(ic: Sandbox) -> None:
    silent, uninstalled = ic.install(IDLE), ic.install(IDLE)

    ic.management.update_settings(canister_id=silent.id, settings={"log_memory_limit": 0})
    uninstalled.uninstall()

    for canister in (silent, uninstalled):
        status = ic.management.canister_status(canister_id=canister.id)
        assert status.memory_metrics.log_memory_store_size == 0


def test_a_log_of_no_bytes_keeps_nothing(ic: Sandbox) -> None:
    canister = caller(ic)
    canister.update_raw("update", u.debug_print(b"before") + u.reply())

    ic.management.update_settings(canister_id=canister.id, settings={"log_memory_limit": 0})
    canister.update_raw("update", u.debug_print(b"silent") + u.reply())
    ic.management.update_settings(canister_id=canister.id, settings={"log_memory_limit": 4096})
    canister.update_raw("update", u.debug_print(b"after") + u.reply())

    (record,) = ic.management.fetch_canister_logs(canister_id=canister.id).canister_log_records
    assert (record.idx, record.content) == (1, b"after")


def test_a_larger_log_keeps_more_than_the_profile() -> None:
    with open_sandbox(limits=STRICT) as ic:
        canister = caller(ic)
        ic.management.update_settings(
            canister_id=canister.id, settings={"log_memory_limit": 1 << 20}
        )

        canister.update_raw("update", u.debug_print(b"x" * 3_000) * 20 + u.reply())

        got = ic.management.fetch_canister_logs(canister_id=canister.id)
        assert len(got.canister_log_records) == 20


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"by_idx": {"start": 1, "end": 3}}, [1, 2]),
        ({"by_idx": {"start": 3, "end": 9}}, [3]),
        ({"by_idx": {"start": 3, "end": 1}}, []),
        ({"by_timestamp_nanos": {"start": 0, "end": 1 << 63}}, [0, 1, 2, 3]),
        ({"by_timestamp_nanos": {"start": 0, "end": 1}}, []),
    ],
)
def test_logs_are_fetched_by_number_and_by_time(
    ic: Sandbox, chosen: dict[str, Any], found: list[int]
) -> None:
    canister = caller(ic)
    for _ in range(4):
        canister.update_raw("update", u.debug_print(b"hello") + u.reply())

    got = ic.management.fetch_canister_logs(canister_id=canister.id, filter=chosen)

    assert [record.idx for record in got.canister_log_records] == found


def test_of_logs_that_are_too_long_the_newest_come_and_by_a_filter_the_oldest() -> None:
    with open_sandbox(limits=MAINNET.relaxed(log_bytes=1 << 26)) as ic:
        canister = caller(ic)
        for _ in range(4):
            canister.update_raw("update", u.debug_print(b"x" * 32_000) * 20 + u.reply())
        fetch = ic.management.fetch_canister_logs

        newest = fetch(canister_id=canister.id)
        oldest = fetch(canister_id=canister.id, filter={"by_idx": {"start": 0, "end": 99}})

        assert [record.idx for record in newest.canister_log_records] == [*range(18, 80)]
        assert [record.idx for record in oldest.canister_log_records] == [*range(62)]


def test_a_canister_fetches_the_logs_it_may_see(ic: Sandbox) -> None:
    asking, canister = caller(ic), caller(ic)
    canister.update_raw("update", u.debug_print(b"hello") + u.reply())
    ic.management.update_settings(
        canister_id=canister.id, settings={"log_visibility": {"allowed_viewers": [asking.id]}}
    )

    got = ask_management(asking, "fetch_canister_logs", {"canister_id": canister.id})

    assert [record.content for record in got.canister_log_records] == [b"hello"]


def test_the_history_of_a_canister_can_be_queried_by_anybody(ic: Sandbox) -> None:
    canister = ic.install(IDLE)

    info = ic.management.canister_info(
        canister_id=canister.id, num_requested_changes=1, caller=ALICE
    )

    assert (info.total_num_changes, info.controllers) == (2, [ic.identity])
    assert "code_deployment" in info.recent_changes[0].details


def test_logs_are_fetched_by_those_who_may(ic: Sandbox) -> None:
    canister = caller(ic)
    canister.update_raw("update", u.debug_print(b"hello") + u.reply())
    fetch = ic.management.fetch_canister_logs

    (record,) = fetch(canister_id=canister.id).canister_log_records
    with pytest.raises(CanisterRejected, match="not allowed to access canister logs"):
        fetch(canister_id=canister.id, caller=ALICE)
    ic.management.update_settings(
        canister_id=canister.id, settings={"log_visibility": {"public": None}}
    )

    assert (record.idx, record.timestamp_nanos, record.content) == (0, ic.time_ns, b"hello")
    assert len(fetch(canister_id=canister.id, caller=ALICE).canister_log_records) == 1
