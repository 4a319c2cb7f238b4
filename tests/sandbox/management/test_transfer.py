"""Snapshots in pieces: read out here, uploaded there, the same state in the end."""

from __future__ import annotations

from typing import Any

import pytest

from calling_room import ALICE, caller
from canisters import universal as u
from sandbox import CanisterRejected, Sandbox

SLICE = 2_000_000


def pieces(total: int) -> list[tuple[int, int]]:
    return [(at, min(SLICE, total - at)) for at in range(0, total, SLICE)]


def read_all(ic: Sandbox, canister: Any, snapshot: bytes, part: str, total: int) -> bytes:
    return b"".join(
        ic.management.read_canister_snapshot_data(
            canister_id=canister.id,
            snapshot_id=snapshot,
            kind={part: {"offset": offset, "size": size}},
        ).chunk
        for offset, size in pieces(total)
    )


def filled(ic: Sandbox) -> Any:
    canister = caller(ic)
    ic.management.upload_chunk(canister_id=canister.id, chunk=b"a chunk")
    canister.update_raw(
        "update",
        u.evaluate(u.get("stable64_grow", 1))
        + u.stable_write(100, b"stable")
        + u.set_global(2**31 + 5)
        + u.do("certified_data_set", b"certified")
        + u.reply(),
    )
    return canister


def test_metadata_tells_everything_but_the_bytes(ic: Sandbox) -> None:
    canister = filled(ic)
    taken = ic.management.take_canister_snapshot(canister_id=canister.id)

    metadata = ic.management.read_canister_snapshot_metadata(
        canister_id=canister.id, snapshot_id=taken.id
    )

    assert metadata.source.tag == "taken_from_canister"
    assert metadata.taken_at_timestamp == taken.taken_at_timestamp
    assert metadata.canister_version == canister.status().version
    assert metadata.stable_memory_size == 65536
    assert metadata.certified_data == b"certified"
    assert len(metadata.wasm_chunk_store) == 1
    assert metadata.global_timer == "inactive"


def test_a_snapshot_read_out_and_uploaded_is_the_same_state(ic: Sandbox) -> None:
    source, target = filled(ic), caller(ic)
    taken = ic.management.take_canister_snapshot(canister_id=source.id)
    metadata = ic.management.read_canister_snapshot_metadata(
        canister_id=source.id, snapshot_id=taken.id
    )
    fields = {
        key: metadata[key]
        for key in (
            "wasm_module_size", "globals", "wasm_memory_size", "stable_memory_size",
            "certified_data", "global_timer", "on_low_wasm_memory_hook_status",
        )
    }  # fmt: skip

    uploaded = ic.management.upload_canister_snapshot_metadata(
        {"canister_id": target.id, **fields}
    ).snapshot_id
    for part in ("wasm_module", "wasm_memory", "stable_memory"):
        data = read_all(ic, source, taken.id, part, metadata[f"{part}_size"])
        for offset, size in pieces(len(data)):
            ic.management.upload_canister_snapshot_data(
                canister_id=target.id,
                snapshot_id=uploaded,
                kind={part: {"offset": offset}},
                chunk=data[offset : offset + size],
            )
    chunk = ic.management.read_canister_snapshot_data(
        canister_id=source.id,
        snapshot_id=taken.id,
        kind={"wasm_chunk": metadata.wasm_chunk_store[0]},
    ).chunk
    ic.management.upload_canister_snapshot_data(
        canister_id=target.id, snapshot_id=uploaded, kind="wasm_chunk", chunk=chunk
    )
    ic.management.load_canister_snapshot(canister_id=target.id, snapshot_id=uploaded)

    assert target.checksum == source.checksum
    assert target.stable_memory[100:106] == b"stable"


def test_reading_is_for_those_who_may_see(ic: Sandbox) -> None:
    canister = caller(ic)
    taken = ic.management.take_canister_snapshot(canister_id=canister.id)
    read = ic.management.read_canister_snapshot_metadata

    with pytest.raises(CanisterRejected) as caught:
        read(canister_id=canister.id, snapshot_id=taken.id, caller=ALICE)
    ic.management.update_settings(
        canister_id=canister.id, settings={"snapshot_visibility": {"public": None}}
    )

    assert caught.value.error_code == "IC0512"
    assert read(canister_id=canister.id, snapshot_id=taken.id, caller=ALICE).wasm_module_size > 0


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ({"wasm_module": {"offset": 0, "size": SLICE + 1}}, "IC0408"),
        ({"stable_memory": {"offset": 0, "size": 1}}, "IC0408"),
        ({"wasm_chunk": {"hash": bytes(32)}}, "IC0504"),
    ],
)
def test_pieces_that_are_not_there_are_refused_and_cost_nothing(
    ic: Sandbox, kind: dict[str, Any], code: str
) -> None:
    canister = caller(ic)
    taken = ic.management.take_canister_snapshot(canister_id=canister.id)
    before = ic.world.bank.consumed(canister.id)["instructions"]  # type: ignore[index]  # a str

    with pytest.raises(CanisterRejected) as caught:
        ic.management.read_canister_snapshot_data(
            canister_id=canister.id, snapshot_id=taken.id, kind=kind
        )

    assert caught.value.error_code == code
    assert ic.world.bank.consumed(canister.id)["instructions"] == before  # type: ignore[index]


def test_a_taken_snapshot_cannot_be_written(ic: Sandbox) -> None:
    canister = caller(ic)
    taken = ic.management.take_canister_snapshot(canister_id=canister.id)

    with pytest.raises(CanisterRejected) as caught:
        ic.management.upload_canister_snapshot_data(
            canister_id=canister.id,
            snapshot_id=taken.id,
            kind={"wasm_module": {"offset": 0}},
            chunk=b"x",
        )

    assert caught.value.error_code == "IC0409"


def test_metadata_that_makes_no_sense_is_refused(ic: Sandbox) -> None:
    canister = caller(ic)

    with pytest.raises(CanisterRejected) as caught:
        ic.management.upload_canister_snapshot_metadata(
            canister_id=canister.id,
            wasm_module_size=0,
            globals=[],
            wasm_memory_size=0,
            stable_memory_size=0,
            certified_data=b"",
        )

    assert caught.value.error_code == "IC0408"
    assert canister.list_snapshots() == ()
