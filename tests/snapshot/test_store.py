"""The store: what goes in comes out, nothing is written twice, damage is told by its place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sandbox.memory import new_region
from sandbox.principal import Principal
from snapshot.store import (
    ChunkDamaged,
    ChunkMissing,
    NotAStore,
    SnapshotUnknown,
    Store,
    StoreBusy,
    StoreDamaged,
    StoreReadOnly,
    collect,
    plan_collection,
    verify,
)
from snapshot_world import MODULE, PAGE, everything, region_of, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store") as opened:
        yield opened


def stored_bytes(store: Store) -> int:
    return sum(path.stat().st_size for path in store.packs_path.iterdir())


def test_a_stored_snapshot_comes_back_with_every_part(store: Store) -> None:
    heap = region_of({0: b"first", 2: b"third"}, 3)
    stable = region_of({700: b"far"}, 701)
    snapshot = snapshot_of(heap, stable, label="all", chunks={b"\1" * 32: b"x" * 70_000})

    manifest = store.save(snapshot).manifest
    with Store(store.path) as reopened:
        loaded = reopened.load(reopened.find("all"), new_region)

    assert everything(loaded) == everything(snapshot)
    assert (loaded.id, loaded.taken_on, loaded.label) == (snapshot.id, 1_000, "all")
    assert loaded.origin == snapshot.origin
    assert loaded.checksum == snapshot.checksum == manifest.checksum


def test_zero_chunks_take_no_room(store: Store) -> None:
    store.save(snapshot_of(region_of({}, 1), region_of({40_000: b"x"}, 50_000)))

    assert stored_bytes(store) < 3 * PAGE


def test_a_sparse_memory_is_sparse_again_when_loaded(store: Store) -> None:
    manifest = store.save(snapshot_of(region_of({40_000: b"x"}, 50_000))).manifest

    loaded = store.load(manifest, new_region)

    assert sum(length for _, length in loaded.content.heap.region.extents()) <= PAGE


def test_equal_chunks_of_two_canisters_are_stored_once(store: Store) -> None:
    data = os.urandom(PAGE)
    store.save(snapshot_of(region_of({0: data, 5: data}, 6)))
    before = stored_bytes(store)

    store.save(snapshot_of(region_of({3: data}, 9), canister=Principal.from_index(9)))

    assert stored_bytes(store) - before < 2_000


def test_the_same_snapshot_saved_twice_is_one(store: Store) -> None:
    snapshot = snapshot_of(region_of({0: b"x"}, 1))

    first, second = store.save(snapshot), store.save(snapshot)

    assert first.manifest == second.manifest
    assert len(store.manifests()) == 1


def test_with_a_base_only_changed_chunks_are_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    heap = region_of({page: b"%d" % page for page in range(600)}, 600)
    base = store.save(snapshot_of(heap))
    heap.write(300 * PAGE, b"changed")
    later = snapshot_of(heap, number=1)
    reads: list[int] = []
    read = type(heap).read
    monkeypatch.setattr(
        type(heap), "read", lambda *args, **kw: reads.append(args[2]) or read(*args, **kw)
    )

    saved = store.save(later, base=base)

    assert sum(reads) == PAGE
    monkeypatch.undo()
    assert saved.manifest.checksum == later.checksum


def test_a_base_whose_chunks_were_collected_is_not_trusted(store: Store) -> None:
    heap = region_of({0: b"a", 1: b"b"}, 2)
    base = store.save(snapshot_of(heap))
    store.delete(base.manifest)
    collect(store)
    heap.write(0, b"c")

    saved = store.save(snapshot_of(heap, number=1), base=base)

    assert everything(store.load(saved.manifest, new_region))[0] == heap.read(0, 2 * PAGE)


@pytest.mark.parametrize("size_pages", [0, 1, 511, 512, 513, 1_025])
def test_growing_and_shrinking_over_table_borders_keeps_the_checksum(
    store: Store, size_pages: int
) -> None:
    heap = region_of({0: b"a", 512: b"b", 1_024: b"c"}, 1_025)
    base = store.save(snapshot_of(heap))
    heap.resize(size_pages * PAGE)
    later = snapshot_of(heap, number=1)

    saved = store.save(later, base=base)
    heap.resize(1_100 * PAGE)
    heap.write(1_099 * PAGE, b"z")
    last = snapshot_of(heap, number=2)
    grown = store.save(last, base=saved)

    assert saved.manifest.checksum == later.checksum
    assert grown.manifest.checksum == last.checksum
    assert everything(store.load(saved.manifest, new_region)) == everything(later)


def test_a_reloaded_snapshot_is_a_base(store: Store) -> None:
    manifest = store.save(snapshot_of(region_of({9: b"x"}, 20))).manifest
    before = stored_bytes(store)

    loaded, base = store.reload(manifest, new_region)
    heap = loaded.content.heap.region
    heap.write(3 * PAGE, b"y")
    later = snapshot_of(heap, number=1)

    assert store.save(later, base=base).manifest.checksum == later.checksum
    assert stored_bytes(store) - before < 2 * PAGE


def test_names_are_found_by_prefix_id_and_label(store: Store) -> None:
    heap = region_of({0: b"1"}, 1)
    first = store.save(snapshot_of(heap, label="before")).manifest
    heap.write(0, b"2")
    second = store.save(snapshot_of(heap, label="before", number=1)).manifest

    assert store.find(first.stored_id[:12]) == first
    assert store.find(str(second.id)) == second
    assert store.find("before") == second


@pytest.mark.parametrize("name", ["", "abc", "0123456789", "../../etc/passwd"])
def test_an_unknown_name_is_refused(store: Store, name: str) -> None:
    with pytest.raises(SnapshotUnknown):
        store.find(name)


def test_two_processes_that_save_find_each_others_chunks(store: Store) -> None:
    heap = region_of({0: os.urandom(PAGE)}, 1)
    with Store(store.path) as other:
        other.save(snapshot_of(heap, label="other"))
        before = stored_bytes(store)

        store.save(snapshot_of(heap, label="mine"))

    assert stored_bytes(store) == before
    assert [item.label for item in store.manifests()] == ["mine", "other"] or [
        item.label for item in store.manifests()
    ] == ["other", "mine"]


def test_a_read_only_store_loads_and_refuses_to_save(store: Store) -> None:
    snapshot = snapshot_of(region_of({0: b"x"}, 1))
    manifest = store.save(snapshot).manifest
    (store.path / "lock").unlink()
    for path in [*store.path.rglob("*"), store.path]:
        path.chmod(0o555 if path.is_dir() else 0o444)

    with Store(store.path, read_only=True) as opened:
        assert everything(opened.load(manifest, new_region)) == everything(snapshot)
        for refused in (
            lambda: opened.save(snapshot),
            lambda: opened.delete(manifest),
            lambda: collect(opened),
        ):
            with pytest.raises(StoreReadOnly):
                refused()
    assert not (store.path / "lock").exists()


def test_a_directory_with_other_files_is_no_store_and_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")

    with pytest.raises(NotAStore):
        Store(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_store_of_another_format_is_refused(store: Store) -> None:
    (store.path / "format").write_text("canister-sandbox snapshot store, format 4\n")

    with pytest.raises(NotAStore, match="unknown format"):
        Store(store.path)


@pytest.mark.parametrize("name", ["packs", "snapshots"])
def test_a_store_that_lost_a_directory_is_refused_for_reading(store: Store, name: str) -> None:
    (store.path / name).rmdir()

    with pytest.raises(NotAStore, match=f"{name} is missing"):
        Store(store.path, read_only=True)


def test_a_collection_can_be_planned_on_a_store_without_tmp(store: Store) -> None:
    store.save(snapshot_of(region_of({}, 1)))
    store.temporary_path.rmdir()

    with Store(store.path, read_only=True) as opened:
        assert plan_collection(opened).removed == ()


def test_reading_a_store_that_does_not_exist_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotAStore):
        Store(tmp_path / "none", read_only=True)

    assert not (tmp_path / "none").exists()


# --- damage


def test_a_flipped_bit_is_named_with_file_and_offset_and_spares_other_snapshots(
    store: Store,
) -> None:
    good = snapshot_of(region_of({0: b"good"}, 1), label="good")
    store.save(good)
    bad = store.save(snapshot_of(region_of({0: b"bad!"}, 1), label="bad", number=1)).manifest
    (place,) = store.packs.places(bad.heap.chunk)
    flip(place.pack, place.offset + 77)

    with pytest.raises(ChunkDamaged) as caught:
        store.load(bad, new_region)
    report = verify(store)

    assert (caught.value.pack, caught.value.offset) == (place.pack, place.offset)
    assert everything(store.load(store.find("good"), new_region)) == everything(good)
    (finding,) = report.findings
    assert (finding.path, finding.offset) == (place.pack, place.offset)
    assert finding.hurts == (bad.stored_id,)


def test_a_truncated_pack_still_gives_the_chunks_before_the_cut(store: Store) -> None:
    stable = region_of({0: os.urandom(PAGE), 1: os.urandom(PAGE)}, 2)
    first = snapshot_of(region_of({0: b"first"}, 1), label="first")
    both = snapshot_of(first.content.heap.region, stable, label="both", number=1)
    store.save(both)
    store.save(first)
    ((pack, entries),) = store.packs
    os.truncate(pack, entries[-1].offset + 5)  # the table of the stable memory

    with Store(store.path) as opened:
        report = verify(opened)
        with pytest.raises(StoreDamaged):
            opened.load(opened.find("both"), new_region)
        loaded = everything(opened.load(opened.find("first"), new_region))

    assert any(finding.path == pack for finding in report.findings)
    assert loaded[0] == everything(first)[0]


def test_a_missing_pack_is_reported_for_each_chunk_with_the_snapshots_it_hurts(
    store: Store,
) -> None:
    manifest = store.save(snapshot_of(region_of({0: b"x"}, 1))).manifest
    next(store.packs_path.iterdir()).unlink()

    with Store(store.path) as opened:
        with pytest.raises(ChunkMissing):
            opened.load(manifest, new_region)
        findings = verify(opened).findings

    assert all(finding.hurts == (manifest.stored_id,) for finding in findings)
    assert len(findings) == 2  # the module's chunk and the heap's


def test_saving_again_heals_what_was_found_damaged(store: Store) -> None:
    snapshot = snapshot_of(region_of({0: b"precious"}, 1))
    saved = store.save(snapshot)
    (place,) = store.packs.places(saved.manifest.heap.chunk)
    flip(place.pack, place.offset)
    assert not verify(store).is_sound

    store.save(snapshot, base=saved)

    assert everything(store.load(saved.manifest, new_region)) == everything(snapshot)
    with Store(store.path) as reopened:
        assert everything(reopened.load(saved.manifest, new_region)) == everything(snapshot)


def test_one_good_copy_of_a_chunk_is_enough(store: Store) -> None:
    heap = region_of({0: b"twice"}, 1)
    manifest = store.save(snapshot_of(heap)).manifest
    (place,) = store.packs.places(manifest.heap.chunk)
    whole = place.pack.read_bytes()
    flip(place.pack, place.offset)
    assert not verify(store).is_sound
    store.save(snapshot_of(heap, region_of({0: b"more"}, 1), number=1))
    copies = store.packs.places(manifest.heap.chunk)

    assert len(copies) == 2
    assert place.pack.read_bytes() != whole
    assert everything(store.load(manifest, new_region))[0] == heap.read(0, PAGE)


def test_a_damaged_manifest_is_named_and_the_others_are_listed(store: Store) -> None:
    heap = region_of({0: b"x"}, 1)
    first = store.save(snapshot_of(heap, label="first")).manifest
    store.save(snapshot_of(heap, label="second", number=1))
    path = store.manifests_path / f"{first.stored_id}.json"
    flip(path, 30)

    assert [item.label for item in store.manifests()] == ["second"]
    (damage,) = store.damaged
    assert damage.path == path
    assert [finding.path for finding in verify(store).findings] == [path]


def test_every_single_flipped_bit_of_a_small_store_is_found(store: Store) -> None:
    store.save(snapshot_of(region_of({}, 1), certified_data=b"", globals=()))
    files = [*store.packs_path.iterdir(), *store.manifests_path.iterdir()]

    for path in files:
        for offset in range(path.stat().st_size):
            flip(path, offset)
            with Store(store.path) as opened:
                is_for_walking = path.suffix == ".pack" and 16 <= offset < 120
                # The mark and a record's header are needed only where the index is lost.
                assert is_for_walking or not verify(opened).is_sound, (path, offset)
            flip(path, offset)
    with Store(store.path) as opened:
        assert verify(opened).is_sound


def test_a_sample_reads_only_its_share(store: Store) -> None:
    store.save(snapshot_of(region_of({page: b"%d" % page for page in range(40)}, 40)))

    report = verify(store, sample=0.25)

    assert report.is_sound
    assert report.chunks in {10, 11}  # of 40 chunks, a table and the module


# --- collecting


def test_collecting_frees_what_only_a_deleted_snapshot_needed(store: Store) -> None:
    heap = region_of({0: os.urandom(PAGE)}, 1)
    doomed = store.save(snapshot_of(heap)).manifest
    heap.write(0, b"else")
    kept = snapshot_of(heap, number=1)
    kept_manifest = store.save(kept).manifest
    store.delete(doomed)
    (store.temporary_path / "left over").write_bytes(b"x" * 100)

    plan = plan_collection(store)
    before = stored_bytes(store)
    done = collect(store)

    assert plan == done
    assert before - stored_bytes(store) >= PAGE
    assert not list(store.temporary_path.iterdir())
    assert verify(store).is_sound
    assert everything(store.load(kept_manifest, new_region)) == everything(kept)


def test_a_plan_changes_nothing(store: Store) -> None:
    store.delete(store.save(snapshot_of(region_of({0: b"x"}, 1))).manifest)
    before = sorted(store.path.rglob("*"))

    plan = plan_collection(store)

    assert plan.removed
    assert sorted(store.path.rglob("*")) == before


def test_collecting_refuses_while_a_manifest_is_damaged(store: Store) -> None:
    manifest = store.save(snapshot_of(region_of({0: b"x"}, 1))).manifest
    flip(store.manifests_path / f"{manifest.stored_id}.json", 9)
    before = sorted(store.path.rglob("*"))

    with pytest.raises(StoreDamaged, match="manifest is damaged"):
        collect(store)

    assert sorted(store.path.rglob("*")) == before


def test_collecting_does_not_wait_for_a_process_that_uses_the_store(store: Store) -> None:
    with Store(store.path) as other, other.reading(), pytest.raises(StoreBusy):
        collect(store)


def test_a_module_of_many_versions_shares_the_data(store: Store) -> None:
    heap = region_of({page: os.urandom(PAGE) for page in range(8)}, 8)
    base = None
    for version in range(20):
        snapshot = snapshot_of(heap, number=version, module=MODULE + bytes([version] * 1_000))
        base = store.save(snapshot, base=base)

    assert stored_bytes(store) < 8 * PAGE + 20 * 3_000


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))
