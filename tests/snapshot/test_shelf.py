"""The management canister's snapshot rules: ids, limits, order of checks, codes and texts."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import CanisterRejected
from sandbox.limits import MAINNET
from sandbox.messages import Reject
from sandbox.principal import Principal
from snapshot.content import GlobalValue
from snapshot.ids import SnapshotId
from snapshot.record import Snapshot, Source
from snapshot.shelf import SnapshotShelf
from snapshot.transfer import Metadata, Part, Piece, metadata_of
from snapshot_canister import POKE, poke

if TYPE_CHECKING:
    from sandbox import Sandbox
    from sandbox.execution.canister import CanisterRuntime
    from sandbox.handle import Canister

STRANGER = Principal.from_index(99)


@pytest.fixture
def canister(ic: Sandbox) -> Canister:
    return ic.install(POKE)


def runtime_of(ic: Sandbox, canister: Canister) -> CanisterRuntime:
    return ic.world.existing(canister.id)


def uploaded(ic: Sandbox, source: Snapshot, target: Canister, **changes: Any) -> Snapshot:
    """Copy a snapshot to a canister through the pieces of the management canister."""
    shelf, runtime = ic.world.snapshots, runtime_of(ic, target)
    metadata = replace(metadata_of(source), low_memory_hook=None, **changes)
    begun = shelf.upload_metadata(runtime, metadata)
    assert isinstance(begun, Snapshot), begun
    for part, size in (
        (Part.MODULE, metadata.module_bytes),
        (Part.HEAP, metadata.heap_bytes),
        (Part.STABLE, metadata.stable_bytes),
    ):
        for offset in range(0, size, 50_000):
            length = min(50_000, size - offset)
            data = shelf.read_data(source.id, source.canister_id, Piece(part, offset, length))
            assert isinstance(data, bytes)
            assert shelf.upload_data(begun.id, target.id, Piece(part, offset), data) is None
    found = shelf.get(begun.id)
    assert found is not None
    return found


def code(answer: object) -> str:
    assert isinstance(answer, Reject)
    return answer.error_code


# --- taking and loading


def test_ids_count_up_per_canister_and_are_never_used_again(canister: Canister) -> None:
    first = canister.take_snapshot()
    canister.delete_snapshot(first)
    second = canister.take_snapshot()

    assert str(first.id) == "0000000000000000" + bytes(canister.id).hex()
    assert (second.id.local, second.canister_id) == (1, canister.id)


def test_replacing_gives_a_new_id(canister: Canister) -> None:
    first = canister.take_snapshot()

    second = canister.take_snapshot(replace=first)

    assert canister.list_snapshots() == (second,)
    assert second.id.local == 1


def test_the_eleventh_snapshot_is_refused_and_nothing_changes(canister: Canister) -> None:
    taken = tuple(canister.take_snapshot() for _ in range(10))

    with pytest.raises(CanisterRejected, match="maximum number of snapshots allowed: 10") as caught:
        canister.take_snapshot()

    assert caught.value.error_code == "IC0406"
    assert canister.list_snapshots() == taken


def test_with_one_per_canister_the_next_takes_its_place(ic: Sandbox, canister: Canister) -> None:
    shelf = SnapshotShelf(1, replaces=True)
    runtime = runtime_of(ic, canister)

    shelf.take(runtime, "first")
    second = shelf.take(runtime, "second")

    assert shelf.of(canister.id) == (second,)


def test_an_empty_canister_is_refused_after_the_limit_is_checked(ic: Sandbox) -> None:
    empty = ic.create_canister()

    with pytest.raises(CanisterRejected, match="Failed to create snapshot for empty canister"):
        empty.take_snapshot()


def test_an_unknown_snapshot_is_told_with_help(canister: Canister) -> None:
    id_ = SnapshotId.of(canister.id, 77)

    with pytest.raises(CanisterRejected) as caught:
        canister.load_snapshot(id_)

    assert caught.value.error_code == "IC0305"
    first, help_ = caught.value.message.split("\n")
    assert first == f"Could not find the snapshot ID {id_} for canister {canister.id}."
    assert help_.startswith("Use the `list_canister_snapshot` API")


def test_deleting_another_canisters_snapshot_is_refused(ic: Sandbox, canister: Canister) -> None:
    foreign = ic.install(POKE).take_snapshot()

    refusal = ic.world.snapshots.delete(foreign.id, canister.id)

    assert code(refusal) == "IC0406"
    assert ic.world.snapshots.get(foreign.id) is foreign


def test_loading_brings_back_memory_globals_and_certified_data(canister: Canister) -> None:
    poke(canister, "heap", 70_000, b"before")
    canister.update_raw("grow_stable")
    canister.update_raw("certify", b"before")
    snapshot = canister.take_snapshot()
    state = canister.checksum
    poke(canister, "heap", 70_000, b"after!")
    canister.update_raw("grow_heap")
    canister.update_raw("certify", b"after")

    canister.load_snapshot(snapshot)

    assert canister.checksum == state == snapshot.checksum
    assert canister.certified_data == b"before"


def test_loading_raises_the_version_and_leaves_timer_and_cycles(
    ic: Sandbox, canister: Canister
) -> None:
    snapshot = canister.take_snapshot()
    canister.update_raw("timer", struct.pack("<Q", ic.time_ns + 10**12))
    before = runtime_of(ic, canister).state

    canister.load_snapshot(snapshot)

    after = runtime_of(ic, canister).state
    assert after.version == before.version + 1
    assert after.timer_ns == before.timer_ns != 0


def test_a_foreign_snapshot_loads_for_who_controls_both(ic: Sandbox, canister: Canister) -> None:
    poke(canister, "heap", 70_000, b"mine")
    snapshot = canister.take_snapshot()
    other = ic.create_canister()

    other.load_snapshot(snapshot)
    poke(other, "heap", 70_000, b"else")

    assert canister.heap[70_000:70_004] == b"mine"
    assert other.heap[70_000:70_004] == b"else"
    assert canister.checksum == snapshot.checksum


def test_a_foreign_snapshot_of_somebody_else_is_refused(ic: Sandbox, canister: Canister) -> None:
    snapshot = canister.take_snapshot()
    other = ic.install(POKE, controllers=[STRANGER], caller=STRANGER)
    state = other.checksum

    with pytest.raises(CanisterRejected, match="Only a controller of the canister that snapshot"):
        other.load_snapshot(snapshot, caller=STRANGER)

    assert other.checksum == state


def test_waiting_for_a_checkpoint_is_an_option(ic: Sandbox, canister: Canister) -> None:
    shelf = ic.world.snapshots
    shelf.waits_for_checkpoint = True
    snapshot = canister.take_snapshot()
    other = ic.create_canister()

    with pytest.raises(CanisterRejected, match="is not currently loadable on the specified"):
        other.load_snapshot(snapshot)
    shelf.checkpoint()
    other.load_snapshot(snapshot)

    assert other.heap[:] == canister.heap[:]


# --- reading


def test_metadata_lists_constants_and_hidden_globals_in_snapshot_order(canister: Canister) -> None:
    metadata = metadata_of(canister.take_snapshot())

    assert metadata.globals == (
        GlobalValue("f64", 0x7FF8_0000_0000_0001),
        GlobalValue("i32", 42),
        GlobalValue("i64", 5),
        GlobalValue("v128", 1 | 2 << 64),
    )
    assert (metadata.heap_bytes, metadata.stable_bytes) == (2 * 65_536, 0)
    assert metadata.source is Source.TAKEN


def test_slices_are_limited_and_inside(ic: Sandbox, canister: Canister) -> None:
    shelf, id_ = ic.world.snapshots, canister.take_snapshot().id

    large = shelf.read_data(id_, canister.id, Piece(Part.HEAP, 0, 2_000_001))
    outside = shelf.read_data(id_, canister.id, Piece(Part.STABLE, 1, 5))
    short = shelf.read_data(id_, canister.id, Piece(Part.CHUNK, chunk_hash=b"\1\2"))
    missing = shelf.read_data(id_, canister.id, Piece(Part.CHUNK, chunk_hash=bytes(32)))

    assert isinstance(large, Reject)
    assert large.message == "Requested slice too large: 2000001 > 2000000"
    assert isinstance(outside, Reject)
    assert outside.message == "Invalid subslice into stable memory: offset: 1, size: 5"
    assert (code(large), code(outside)) == ("IC0408", "IC0408")
    assert isinstance(short, Reject)
    assert "Bytes [1, 2] are not a valid WasmChunkHash" in short.message
    assert code(missing) == "IC0504"


# --- uploading


def test_an_upload_of_a_download_loads_as_the_same_state(ic: Sandbox, canister: Canister) -> None:
    poke(canister, "heap", 100_000, b"data")
    canister.update_raw("grow_stable")
    snapshot = canister.take_snapshot()
    target = ic.create_canister()

    target.load_snapshot(uploaded(ic, snapshot, target))

    assert bytes(target.heap) == bytes(canister.heap)
    assert bytes(target.stable_memory) == bytes(canister.stable_memory)
    assert target.module_hash == canister.module_hash
    assert metadata_of(target.take_snapshot()).globals == metadata_of(snapshot).globals


def test_an_uploaded_snapshot_restores_the_timer(ic: Sandbox, canister: Canister) -> None:
    upload = uploaded(ic, canister.take_snapshot(), canister, timer_ns=ic.time_ns + 5)

    canister.load_snapshot(upload)

    assert runtime_of(ic, canister).state.timer_ns == ic.time_ns + 5


def test_an_upload_is_32_bytes_smaller_than_what_was_taken(ic: Sandbox, canister: Canister) -> None:
    snapshot = canister.take_snapshot()

    assert snapshot.total_size - uploaded(ic, snapshot, canister).total_size == 32


def test_what_is_uploaded_after_loading_does_not_reach_the_canister(
    ic: Sandbox, canister: Canister
) -> None:
    upload = uploaded(ic, canister.take_snapshot(), canister)
    canister.load_snapshot(upload)
    poke(canister, "heap", 70_000, b"mine")

    ic.world.snapshots.upload_data(upload.id, canister.id, Piece(Part.HEAP, 70_000), b"late")

    assert canister.heap[70_000:70_004] == b"mine"
    canister.load_snapshot(upload.id)
    assert canister.heap[70_000:70_004] == b"late"


def test_leaving_an_anchor_undoes_uploads(ic: Sandbox, canister: Canister) -> None:
    upload = uploaded(ic, canister.take_snapshot(), canister)
    before = upload.checksum

    with ic.anchor():
        ic.world.snapshots.upload_data(upload.id, canister.id, Piece(Part.HEAP, 5), b"undone")
    kept = ic.world.snapshots.get(upload.id)
    assert kept is not None
    assert kept.checksum == before
    ic.world.snapshots.upload_data(upload.id, canister.id, Piece(Part.HEAP, 9), b"x")

    canister.load_snapshot(upload.id)
    assert canister.heap[5:12] == b"\0\0\0\0x\0\0"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"module_bytes": 0, "heap_bytes": 1}, "WasmModuleEmpty"),
        ({"module_bytes": MAINNET.module_bytes + 1}, "WasmModuleTooLarge"),
        ({"heap_bytes": 65_537}, "WasmMemoryNotPageAligned"),
        ({"heap_bytes": (4 << 30) + 65_536}, "WasmMemoryTooLarge"),
        ({"stable_bytes": 1}, "StableMemoryNotPageAligned"),
        ({"stable_bytes": (500 << 30) + 65_536}, "StableMemoryTooLarge"),
        ({"globals": (GlobalValue("i32", 0),) * 1_001}, "ExportedGlobalsTooLarge"),
        ({"certified_data": bytes(33)}, "CertifiedDataTooLarge"),
    ],
)
def test_metadata_beyond_a_limit_is_refused_by_name(
    ic: Sandbox, canister: Canister, changes: dict[str, Any], fault: str
) -> None:
    fields: dict[str, Any] = {
        "module_bytes": 8, "globals": (), "heap_bytes": 65_536, "stable_bytes": 0,
    }  # fmt: skip
    metadata = Metadata(**(fields | changes))

    answer = ic.world.snapshots.upload_metadata(runtime_of(ic, canister), metadata)

    assert isinstance(answer, Reject)
    assert answer.message == f"Snapshot Metadata contains invalid data: {fault}"
    assert canister.list_snapshots() == ()


def test_a_500_gib_stable_memory_can_be_begun(ic: Sandbox, canister: Canister) -> None:
    metadata = Metadata(8, (), 4 << 30, 500 << 30)

    answer = ic.world.snapshots.upload_metadata(runtime_of(ic, canister), metadata)

    assert isinstance(answer, Snapshot)
    assert answer.total_size == 8 + (504 << 30)


def test_a_taken_snapshot_cannot_be_written_to(ic: Sandbox, canister: Canister) -> None:
    snapshot = canister.take_snapshot()
    before = snapshot.checksum

    answer = ic.world.snapshots.upload_data(snapshot.id, canister.id, Piece(Part.HEAP), b"x")

    assert code(answer) == "IC0409"
    assert canister.list_snapshots()[0].checksum == before


def test_data_past_the_end_is_refused(ic: Sandbox, canister: Canister) -> None:
    upload = uploaded(ic, canister.take_snapshot(), canister)
    shelf = ic.world.snapshots

    for part in (Part.MODULE, Part.HEAP, Part.STABLE):
        piece = Piece(part, 200_000)
        assert code(shelf.upload_data(upload.id, canister.id, piece, b"x")) == "IC0408"
    found = shelf.get(upload.id)
    assert found is not None
    assert found.checksum == upload.checksum


def test_chunks_are_kept_by_their_hash_and_restored(ic: Sandbox, canister: Canister) -> None:
    upload = uploaded(ic, canister.take_snapshot(), canister)
    shelf = ic.world.snapshots

    assert shelf.upload_data(upload.id, canister.id, Piece(Part.CHUNK), b"chunk") is None
    assert shelf.upload_data(upload.id, canister.id, Piece(Part.CHUNK), b"chunk") is None
    too_big = shelf.upload_data(upload.id, canister.id, Piece(Part.CHUNK), bytes((1 << 20) + 1))
    canister.load_snapshot(upload.id)

    assert code(too_big) == "IC0504"
    hash_ = hashlib.sha256(b"chunk").digest()
    assert dict(runtime_of(ic, canister).state.chunks) == {hash_: b"chunk"}
    grown = shelf.get(upload.id)
    assert grown is not None
    assert grown.total_size == upload.total_size + (1 << 20)


@pytest.mark.parametrize(
    "globals_", [(), (GlobalValue("i32", 1),) * 4], ids=["too few", "other types"]
)
def test_globals_that_do_not_fit_the_module_are_refused_on_load(
    ic: Sandbox, canister: Canister, globals_: tuple[GlobalValue, ...]
) -> None:
    upload = uploaded(ic, canister.take_snapshot(), canister, globals=globals_)
    state = canister.checksum

    with pytest.raises(CanisterRejected, match="do not match") as caught:
        canister.load_snapshot(upload)

    assert caught.value.error_code == "IC0408"
    assert canister.checksum == state


def test_a_module_that_is_none_is_refused_on_load(ic: Sandbox, canister: Canister) -> None:
    runtime = runtime_of(ic, canister)
    upload = ic.world.snapshots.upload_metadata(runtime, Metadata(8, (), 0, 0))
    assert isinstance(upload, Snapshot)
    state = canister.checksum

    with pytest.raises(CanisterRejected) as caught:
        canister.load_snapshot(upload)

    assert caught.value.error_code == "IC0505"
    assert canister.checksum == state


def test_a_hook_status_against_the_facts_is_refused(ic: Sandbox, canister: Canister) -> None:
    shelf, runtime = ic.world.snapshots, runtime_of(ic, canister)
    source = canister.take_snapshot()
    metadata = replace(metadata_of(source), low_memory_hook="executed")
    begun = shelf.upload_metadata(runtime, metadata)
    assert isinstance(begun, Snapshot)
    shelf.upload_data(begun.id, canister.id, Piece(Part.MODULE), source.content.module)

    with pytest.raises(CanisterRejected, match="hook condition satisfied: false"):
        canister.load_snapshot(begun.id)
