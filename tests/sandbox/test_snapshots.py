"""``ic.snapshots``: stores, directories, clones, differences and patches, for users."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import CanisterRejected, Sandbox
from sandbox.errors import UsageError
from sandbox.limits import MAINNET
from sandbox.principal import Principal
from snapshot.directory import DirectoryRefused
from snapshot.insight import HeapPatch
from snapshot.store import SnapshotUnknown, Store
from snapshot_canister import POKE, poke

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.handle import Canister
    from snapshot.record import Snapshot

STRANGER = Principal.from_index(99)
PLAIN = POKE.replace(b"nan:0x8000000000001", b"1.5")


@pytest.fixture
def canister(ic: Sandbox) -> Canister:
    canister = ic.install(PLAIN)
    poke(canister, "heap", 70_000, b"data")
    canister.update_raw("grow_stable")
    poke(canister, "stable", 9, b"stable")
    return canister


def test_a_stored_snapshot_loads_in_another_sandbox(
    ic: Sandbox, canister: Canister, tmp_path: Path
) -> None:
    ic.snapshots.save(canister.take_snapshot("kept"), tmp_path / "store")
    with Sandbox() as other:
        target = other.create_canister()

        fetched = other.snapshots.fetch("kept", tmp_path / "store", target)
        target.load_snapshot(fetched)

        assert (fetched.label, fetched.canister_id) == ("kept", target.id)
        assert target.checksum == fetched.checksum
        assert bytes(target.heap) == bytes(canister.heap)
        assert bytes(target.stable_memory) == bytes(canister.stable_memory)


def test_a_snapshot_names_the_limits_it_was_taken_under_wherever_it_goes(tmp_path: Path) -> None:
    relaxed = MAINNET.relaxed(update_instructions=80_000_000_000)
    told = "mainnet 2026-08 with update_instructions=80,000,000,000"
    with Sandbox(limits=relaxed) as ic:
        canister = ic.install(PLAIN)
        snapshot = canister.take_snapshot("kept")
        uploaded = ic.snapshots.upload(_downloaded(ic, snapshot, tmp_path / "files"), canister)
        ic.snapshots.save(snapshot, tmp_path / "store")

        assert snapshot.limits == uploaded.limits == ic.snapshots.now(canister).limits == told
    with Sandbox() as other:
        assert (
            other.snapshots.fetch("kept", tmp_path / "store", other.install(PLAIN)).limits == told
        )


def _downloaded(ic: Sandbox, snapshot: Snapshot, directory: Path) -> Path:
    ic.snapshots.download(snapshot, directory)
    return directory


def test_the_second_save_of_a_canister_stores_only_what_changed(
    ic: Sandbox, canister: Canister, tmp_path: Path
) -> None:
    with Store(tmp_path) as store:
        ic.snapshots.save(canister.take_snapshot(), store)
        before = sum(path.stat().st_size for path in store.packs_path.iterdir())
        poke(canister, "stable", 50, b"more")
        later = canister.take_snapshot()

        manifest = ic.snapshots.save(later, store)

        grown = sum(path.stat().st_size for path in store.packs_path.iterdir()) - before
        assert manifest.checksum == later.checksum
        assert grown < 3 * 65_536


def test_fetching_what_is_not_there_changes_nothing(
    ic: Sandbox, canister: Canister, tmp_path: Path
) -> None:
    Store(tmp_path).close()

    with pytest.raises(SnapshotUnknown):
        ic.snapshots.fetch("nothing", tmp_path, canister)

    assert canister.list_snapshots() == ()


@pytest.mark.parametrize("dialect", ["dfx", "icp-cli"])
def test_a_directory_moves_a_canister_to_another_sandbox(
    ic: Sandbox, canister: Canister, tmp_path: Path, dialect: str
) -> None:
    ic.snapshots.download(canister.take_snapshot(), tmp_path / "out", dialect=dialect)
    with Sandbox() as other:
        target = other.create_canister()

        uploaded = other.snapshots.upload(tmp_path / "out", target, label="in", dialect=dialect)
        target.load_snapshot(uploaded)

        assert bytes(target.heap) == bytes(canister.heap)
        assert target.list_snapshots()[0].label == "in"


def test_a_directory_becomes_a_canister_as_it_was(
    ic: Sandbox, canister: Canister, tmp_path: Path
) -> None:
    ic.advance(days=400)
    before = canister.take_snapshot()
    files = _downloaded(ic, before, tmp_path / "files")
    there = {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}
    with Sandbox() as other:
        found = other.snapshots.import_canister(files, name="poke", specified_id=canister.id)

        assert (found.id, found.checksum) == (canister.id, before.checksum)
        assert other.time_ns == before.taken_on
        assert other.canister("poke") == found
        (kept,) = found.list_snapshots()
        poke(found, "heap", 0, b"changed")
        found.load_snapshot(kept)
        assert (kept.label, found.checksum) == ("imported", before.checksum)
    assert {path: path.read_bytes() for path in files.rglob("*") if path.is_file()} == there


def test_a_directory_that_is_refused_makes_no_canister_and_moves_no_clock(
    ic: Sandbox, canister: Canister, tmp_path: Path
) -> None:
    ic.advance(days=400)
    files = _downloaded(ic, canister.take_snapshot(), tmp_path / "files")
    (files / "wasm_module.bin").write_bytes(b"no module")
    with Sandbox() as other:
        before = other.time_ns

        for directory in (files, tmp_path / "nothing"):
            with pytest.raises(DirectoryRefused):
                other.snapshots.import_canister(directory, name="poke")

        assert (other.canisters, other.names, other.time_ns) == ((), {}, before)


def test_a_refused_directory_leaves_no_snapshot(
    ic: Sandbox, canister: Canister, tmp_path: Path
) -> None:
    with pytest.raises(DirectoryRefused):
        ic.snapshots.upload(tmp_path / "none", canister)

    assert canister.list_snapshots() == ()


def test_a_clone_goes_its_own_way(ic: Sandbox, canister: Canister) -> None:
    snapshot = canister.take_snapshot()
    of_snapshot, of_canister = ic.snapshots.clone(snapshot), ic.snapshots.clone(canister)

    poke(of_snapshot, "heap", 70_000, b"one!")
    poke(of_canister, "heap", 70_000, b"two!")
    poke(canister, "heap", 70_000, b"mine")

    heaps = [item.heap[70_000:70_004] for item in (of_snapshot, of_canister, canister)]
    assert heaps == [b"one!", b"two!", b"mine"]
    assert canister.list_snapshots() == (snapshot,)
    assert of_canister.stable_memory[9:15] == b"stable"


def test_a_clone_that_fails_leaves_no_canister(ic: Sandbox, canister: Canister) -> None:
    empty = ic.create_canister()
    snapshot = canister.take_snapshot()
    before, names = ic.canisters, dict(ic.names)

    for source, caller in ((empty, None), (snapshot, STRANGER), (canister, STRANGER)):
        with pytest.raises(CanisterRejected):
            ic.snapshots.clone(source, name="clone", caller=caller)

    assert ic.canisters == before
    assert ic.names == names


def test_a_difference_can_be_asked_of_canisters_and_snapshots(
    ic: Sandbox, canister: Canister
) -> None:
    before = canister.take_snapshot()
    poke(canister, "heap", 70_000, b"else")

    found = ic.snapshots.diff(before, canister)

    assert [change.after for change in found.heap.changes if change.offset == 70_000] == [b"else"]
    assert ic.snapshots.diff(before, before).is_same


def test_a_patched_snapshot_is_a_new_one(ic: Sandbox, canister: Canister) -> None:
    before = canister.take_snapshot()

    changed = ic.snapshots.patch(before, [HeapPatch(70_000, b"hand")], label="by hand")
    canister.load_snapshot(changed)

    assert canister.heap[70_000:70_004] == b"hand"
    assert canister.list_snapshots() == (before, changed)
    assert (changed.label, changed.origin.notes) == (
        "by hand", ("heap at 0x11170: 64617461 -> 68616e64",),
    )  # fmt: skip


def test_only_controllers_bring_in_and_change(
    ic: Sandbox, canister: Canister, tmp_path: Path
) -> None:
    snapshot = canister.take_snapshot("s")
    ic.snapshots.save(snapshot, tmp_path / "store")
    ic.snapshots.download(snapshot, tmp_path / "out")

    for refused in (
        lambda: ic.snapshots.fetch("s", tmp_path / "store", canister, caller=STRANGER),
        lambda: ic.snapshots.upload(tmp_path / "out", canister, caller=STRANGER),
        lambda: ic.snapshots.patch(snapshot, [], caller=STRANGER),
    ):
        with pytest.raises(CanisterRejected, match="Only controllers of canister"):
            refused()
    assert canister.list_snapshots() == (snapshot,)


def test_a_patch_outside_the_memory_is_refused(ic: Sandbox, canister: Canister) -> None:
    snapshot = canister.take_snapshot()

    with pytest.raises(UsageError):
        ic.snapshots.patch(snapshot, [HeapPatch(1 << 40, b"x")])

    assert canister.list_snapshots() == (snapshot,)


def test_one_snapshot_per_canister_that_the_next_replaces(ic: Sandbox, canister: Canister) -> None:
    ic.snapshots.policy(max_per_canister=1, replaces=True)

    canister.take_snapshot("first")
    second = canister.take_snapshot("second")

    assert canister.list_snapshots() == (second,)


def test_waiting_for_a_checkpoint_can_be_asked_for(ic: Sandbox, canister: Canister) -> None:
    ic.snapshots.policy(waits_for_checkpoint=True)
    snapshot = canister.take_snapshot()

    with pytest.raises(CanisterRejected, match="not currently loadable"):
        ic.snapshots.clone(snapshot)
    ic.world.snapshots.checkpoint()

    assert ic.snapshots.clone(snapshot).heap[70_000:70_004] == b"data"


def test_a_policy_of_no_snapshots_is_refused(ic: Sandbox, canister: Canister) -> None:
    with pytest.raises(UsageError):
        ic.snapshots.policy(max_per_canister=0)

    assert canister.take_snapshot() in canister.list_snapshots()
