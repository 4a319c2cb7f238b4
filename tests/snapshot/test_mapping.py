"""Memories mapped from packs: the same as when they are read, and nothing is read for it."""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_arena import COPY_ON_WRITE_WORKS, Arena

if not COPY_ON_WRITE_WORKS:
    pytest.skip("needs copy-on-write memories", allow_module_level=True)

from sandbox.memory import FilePart, Region, RegionRefused, mapped_region, new_region
from snapshot.store import ChunkDamaged, Store, collect, verify
from snapshot.store.pack import read_index
from snapshot.store.proofs import about
from snapshot_world import PAGE, everything, region_of, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from snapshot.record import Snapshot
    from snapshot.store import Manifest, Saved


@pytest.fixture(autouse=True)
def _small_memories_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snapshot.store.mapping._WORTH_MAPPING", PAGE)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store") as opened:
        yield opened


class Mapper:
    """Maps, and remembers of what."""

    def __init__(self) -> None:
        self.parts: list[FilePart] = []

    def __call__(self, parts: Sequence[FilePart], size_bytes: int) -> Region:
        self.parts += parts
        return mapped_region(parts, size_bytes)


class ReadingCounted:
    """Counts the chunks of memories that are read one by one; tables and modules are shorter."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        original = Store.__init__.__globals__["Packs"].read

        def read(packs: object, chunk: object, place: object) -> bytes:
            data: bytes = original(packs, chunk, place)
            self.count += len(data) == PAGE
            return data

        monkeypatch.setattr("snapshot.store.packs.Packs.read", read)


def random_heap(chunks: int, seed: int = 0) -> Region:
    rng = random.Random(seed)
    return region_of({number: rng.randbytes(PAGE) for number in range(chunks)}, chunks)


def mapped(store: Store, manifest: Manifest) -> tuple[Snapshot, list[FilePart]]:
    mapper = Mapper()
    with Store(store.path, read_only=True) as reopened:
        return reopened.load(manifest, new_region, mapper), mapper.parts


def test_neighbours_are_one_part_and_nothing_is_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    heap = random_heap(40)
    saved = store.save(snapshot_of(heap))
    reading = ReadingCounted(monkeypatch)

    loaded, parts = mapped(store, saved.manifest)

    assert reading.count == 0
    assert [(part.start, part.length) for part in parts] == [(0, 40 * PAGE)]
    assert everything(loaded)[0] == heap.read(0, heap.size_bytes)


def test_zeros_between_chunks_stay_holes(store: Store) -> None:
    heap = region_of({0: os.urandom(PAGE), 1: os.urandom(PAGE), 7: os.urandom(PAGE)}, 9)
    saved = store.save(snapshot_of(heap))

    loaded, parts = mapped(store, saved.manifest)

    assert [(part.start // PAGE, part.length // PAGE) for part in parts] == [(0, 2), (7, 1)]
    region = loaded.content.heap.region
    assert list(region.extents()) == [(0, 2 * PAGE), (7 * PAGE, PAGE)]
    assert everything(loaded)[0] == heap.read(0, heap.size_bytes)


def test_of_a_patch_its_pages_are_written_over_its_base(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    heap = random_heap(40)
    base = store.save(snapshot_of(heap))
    for chunk in (3, 20, 39):
        heap.write(chunk * PAGE + 4_097, b"changed")
    saved = store.save(snapshot_of(heap, number=1), base=base)
    reading = ReadingCounted(monkeypatch)

    loaded, parts = mapped(store, saved.manifest)

    assert reading.count == 0
    assert len(parts) == 1
    assert loaded.content.heap.region.allocated_bytes == 3 * 4_096
    assert everything(loaded)[0] == heap.read(0, heap.size_bytes)


def test_a_memory_of_many_patches_is_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snapshot.store.mapping._MAX_PATCHED_PAGES", 5)
    heap = random_heap(40)
    base = store.save(snapshot_of(heap))
    counts = list[bool]()
    for changed in (5, 6):
        for chunk in range(changed):
            heap.write(chunk * PAGE, b"changed")
        base = store.save(snapshot_of(heap, number=changed), base=base)
        loaded, parts = mapped(store, base.manifest)
        counts.append(bool(parts))
        assert everything(loaded)[0] == heap.read(0, heap.size_bytes)

    assert counts == [True, False]


def test_chunks_written_anew_and_zeroed_do_not_tear_a_part(store: Store) -> None:
    heap = random_heap(40)
    base = store.save(snapshot_of(heap))
    heap.write(5 * PAGE, os.urandom(PAGE))
    heap.write(30 * PAGE, bytes(PAGE))
    saved = store.save(snapshot_of(heap, number=1), base=base)

    loaded, parts = mapped(store, saved.manifest)

    assert [(part.start // PAGE, part.length // PAGE) for part in parts] == [(0, 30), (31, 9)]
    assert everything(loaded)[0] == heap.read(0, heap.size_bytes)


def test_a_memory_of_equal_chunks_is_right_however_it_is_cut(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snapshot.store.mapping._MAX_RUNS", 3)
    rng = random.Random(1)
    alphabet = [rng.randbytes(PAGE) for _ in range(3)]
    heap = region_of({number: rng.choice(alphabet) for number in range(60)}, 60)
    saved = store.save(snapshot_of(heap))

    loaded, parts = mapped(store, saved.manifest)

    assert 1 <= len(parts) <= 3
    assert everything(loaded)[0] == heap.read(0, heap.size_bytes)


def test_a_mapped_memory_survives_its_snapshot_and_is_saved_again(store: Store) -> None:
    heap = random_heap(20)
    saved = store.save(snapshot_of(heap))
    loaded, base = store.reload(saved.manifest, new_region, mapped_region)
    store.delete(saved.manifest)
    collect(store)
    assert not list(store.packs_path.iterdir())
    region = loaded.content.heap.region

    region.write(7 * PAGE, b"after all")
    again = store.save(snapshot_of(region, number=2), base=base)

    expected = bytearray(heap.read(0, heap.size_bytes))
    expected[7 * PAGE : 7 * PAGE + 9] = b"after all"
    assert everything(store.load(again.manifest, new_region))[0] == bytes(expected)
    assert not list((store.path / "proven").glob(f"{saved.manifest.stored_id}*"))
    assert {path.name for path in (store.path / "proven").iterdir()} == {
        path.name for path in store.packs_path.iterdir()
    }


def test_a_collection_puts_a_memory_in_order_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snapshot.store.gc._DEAD_SHARE", -1)
    heap, base, rng = random_heap(60), None, random.Random(2)
    for number in range(6):
        for chunk in rng.sample(range(60), 20):
            heap.write(chunk * PAGE, rng.randbytes(PAGE))
        base = store.save(snapshot_of(heap, number=number), base=base)
    heap.write(7 * PAGE + 5, b"a patch")
    saved = store.save(snapshot_of(heap, number=9), base=base)
    assert len(mapped(store, saved.manifest)[1]) > 5
    for manifest in store.manifests():
        if manifest.stored_id != saved.manifest.stored_id:
            store.delete(manifest)

    collect(store)

    loaded, parts = mapped(store, saved.manifest)
    assert [(part.start, part.length) for part in parts] == [(0, 60 * PAGE)]
    assert everything(loaded)[0] == heap.read(0, heap.size_bytes)
    assert verify(store).is_sound


def test_a_view_of_a_mapped_memory_commits_and_rolls_back(store: Store) -> None:
    heap = random_heap(20)
    saved = store.save(snapshot_of(heap))
    region = store.load(saved.manifest, new_region, mapped_region).content.heap.region
    packs = [path.read_bytes() for path in store.packs_path.iterdir()]

    with Arena(24 * PAGE) as arena:
        region.attach(arena.address, 20 * PAGE)
        arena.write(19 * PAGE + 5, b"kept")
        region.commit(21 * PAGE)
        arena.write(3, b"given up")
        region.roll_back()
        assert arena.read(0, PAGE) == heap.read(0, PAGE)
        assert arena.read(19 * PAGE + 5, 4) == b"kept"
        region.detach()

    assert region.read(19 * PAGE + 5, 4) == b"kept"
    assert [path.read_bytes() for path in store.packs_path.iterdir()] == packs


@pytest.mark.parametrize("is_patch", [False, True])
def test_damage_is_found_though_nothing_is_read(store: Store, is_patch: bool) -> None:
    heap = random_heap(20)
    base = store.save(snapshot_of(heap))
    heap.write(7 * PAGE, b"changed")
    saved = store.save(snapshot_of(heap, number=1), base=base)
    chunk = (saved if is_patch else base).heap.tree.levels[0][7]
    (path, entry) = next(
        (path, item) for path, items in store.packs for item in items if item.chunk == chunk
    )
    data = bytearray(path.read_bytes())
    data[entry.offset + 9] ^= 1
    path.write_bytes(data)

    with pytest.raises(ChunkDamaged, match=str(entry.offset)):
        mapped(store, saved.manifest)


def test_damage_to_a_chunk_of_another_snapshot_does_no_harm(store: Store) -> None:
    store.save(snapshot_of(random_heap(20, seed=1)))
    heap = random_heap(20, seed=2)
    saved = store.save(snapshot_of(heap, number=1))
    other = store.manifests()[0]
    path = next(iter(store.packs))[0]
    for path, entries in store.packs:
        if all(entry.chunk not in saved.heap.tree.ids() for entry in entries):
            data = bytearray(path.read_bytes())
            data[entries[0].offset] ^= 1
            path.write_bytes(data)

    loaded, parts = mapped(store, saved.manifest)

    assert len(parts) == 1
    assert everything(loaded)[0] == heap.read(0, heap.size_bytes)
    with pytest.raises(ChunkDamaged):
        mapped(store, other)


def test_a_damaged_pack_is_read_once_for_all_memories_in_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    heap = random_heap(40)
    store.save(snapshot_of(heap))
    part = region_of({0: heap.read(0, 10 * PAGE)}, 10)
    saved = store.save(snapshot_of(part, number=1))
    pack, entries = max(store.packs, key=lambda item: len(item[1]))
    data = bytearray(pack.read_bytes())
    data[entries[39].offset] ^= 1
    pack.write_bytes(data)
    reading = ReadingCounted(monkeypatch)
    counts = []

    for _ in range(3):
        loaded = store.load(saved.manifest, new_region, mapped_region)
        counts.append(reading.count)
        assert everything(loaded)[0] == part.read(0, part.size_bytes)

    assert counts == [39 + 10, 39 + 20, 39 + 30]


def test_a_copied_store_is_read_once_and_then_proven(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heap = random_heap(20)
    saved = store.save(snapshot_of(heap))
    shutil.copytree(store.path, tmp_path / "copy")
    reading = ReadingCounted(monkeypatch)
    counts = []

    for _ in range(3):
        with Store(tmp_path / "copy") as copy:
            loaded = copy.load(saved.manifest, new_region, mapped_region)
            assert everything(loaded)[0] == heap.read(0, heap.size_bytes)
        counts.append(reading.count)

    assert counts == [20, 20, 20]


def test_proofs_that_cannot_be_written_or_read_cost_only_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(store.path / "proven", ignore_errors=True)
    (store.path / "proven").write_bytes(b"not a directory")
    heap = random_heap(20)
    saved = store.save(snapshot_of(heap))
    reading = ReadingCounted(monkeypatch)

    for _ in range(2):
        loaded, parts = mapped(store, saved.manifest)
        assert len(parts) == 1
        assert everything(loaded)[0] == heap.read(0, heap.size_bytes)

    assert reading.count == 40


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"1 2 3 4\n", b"x" * 100_000])
def test_a_proof_that_is_nonsense_proves_nothing(
    store: Store, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = store.save(snapshot_of(random_heap(20)))
    for path in (store.path / "proven").iterdir():
        path.write_bytes(text)
    reading = ReadingCounted(monkeypatch)

    mapped(store, saved.manifest)

    assert reading.count == 20


def test_a_patch_that_nobody_could_verify_is_not_proven(store: Store) -> None:
    """Its base may come back, and with it the patch, which was damaged meanwhile."""
    heap = random_heap(20)
    first = store.save(snapshot_of(heap))
    heap.resize(60 * PAGE)
    heap.write(20 * PAGE, random.Random(1).randbytes(40 * PAGE))
    heap.write(7 * PAGE, b"changed")
    second = store.save(snapshot_of(heap, number=1), base=first)
    rest = region_of({0: heap.read(20 * PAGE, 40 * PAGE)}, 40)
    third = store.save(snapshot_of(rest, number=2))
    store.delete(first.manifest)
    store.delete(second.manifest)
    collect(store)
    (pack, patch) = next((path, it) for path, items in store.packs for it in items if it.pages)
    data = bytearray(pack.read_bytes())
    data[patch.offset + 9] ^= 1
    pack.write_bytes(data)

    mapped_now = store.load(third.manifest, new_region, mapped_region)
    again = store.save(snapshot_of(random_heap(20), number=3))
    heap.resize(20 * PAGE)
    last = store.save(snapshot_of(heap, number=4), base=replace(again, heap=first.heap))

    assert everything(mapped_now)[0] == rest.read(0, rest.size_bytes)
    with pytest.raises(ChunkDamaged):
        mapped(store, last.manifest)


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_proves_nothing(
    store: Store, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    heap = random_heap(20)
    saved = store.save(snapshot_of(heap))
    (proof,) = (store.path / "proven").iterdir()
    proof.unlink()
    make(proof)
    reading = ReadingCounted(monkeypatch)

    loaded, _ = mapped(store, saved.manifest)

    assert reading.count == 20
    assert everything(loaded)[0] == heap.read(0, heap.size_bytes)


def test_a_repaired_pack_is_read_anew_by_those_who_have_the_damaged_one_open(store: Store) -> None:
    heap = random_heap(20)
    saved = store.save(snapshot_of(heap))
    (pack,) = store.packs_path.iterdir()
    with Store(store.path) as other:
        other.load(saved.manifest, new_region)
        pack.write_bytes(b"\1" * pack.stat().st_size)
        with Store(store.path) as third:
            third.save(snapshot_of(heap))
        assert [pack] == list(store.packs_path.iterdir())

        loaded = other.load(saved.manifest, new_region, mapped_region)

    assert everything(loaded)[0] == heap.read(0, heap.size_bytes)


def test_only_a_file_as_it_is_open_is_proven(store: Store) -> None:
    """A proof of the file that took a pack's place says nothing of the one that is mapped."""
    saved = store.save(snapshot_of(random_heap(20)))
    (pack,) = store.packs_path.iterdir()
    file = store.packs.opened(pack)
    assert store.proofs.holds(pack, file)

    shutil.copy(pack, store.path / "tmp" / "new")
    (store.path / "tmp" / "new").rename(pack)
    store.proofs.add(pack, about(pack))

    assert not store.proofs.holds(pack, file)
    assert store.packs.opened(pack) is file
    assert everything(store.load(saved.manifest, new_region))


def test_where_memories_cannot_be_mapped_they_are_read(store: Store) -> None:
    def refuse(_parts: Sequence[FilePart], _size_bytes: int) -> Region:
        raise RegionRefused("not here")

    heap = random_heap(20)
    saved = store.save(snapshot_of(heap))

    loaded = store.load(saved.manifest, new_region, refuse)

    assert everything(loaded)[0] == heap.read(0, heap.size_bytes)


def test_small_memories_are_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    saved = store.save(snapshot_of(random_heap(127)))

    _, parts = mapped(store, saved.manifest)

    assert not parts


def test_in_a_pack_chunks_stand_at_pages_and_records_behind_them(store: Store) -> None:
    heap = random_heap(600)  # with two tables and a root
    saved = store.save(snapshot_of(heap))

    (pack,) = store.packs_path.iterdir()

    entries = read_index(pack)
    chunks = [entry for entry in entries if entry.length == PAGE]
    assert [entry.offset for entry in chunks] == [4_096 + number * PAGE for number in range(600)]
    assert [entry.chunk for entry in chunks] == list(saved.heap.tree.levels[0].values())
    assert min(entry.offset for entry in entries if entry.length < PAGE) > chunks[-1].offset


def test_a_memory_cannot_pass_for_records_in_a_pack_that_lost_its_end(store: Store) -> None:
    """What a canister writes into its memory names no chunk but its own."""
    victim = b"CHN2" + (8).to_bytes(4, "little") + b"\1" * 32 + bytes(36) + b"sixteen."
    heap = region_of({0: victim * (PAGE // len(victim)), 1: os.urandom(PAGE)}, 2)
    saved = store.save(snapshot_of(heap))
    (pack,) = store.packs_path.iterdir()
    os.truncate(pack, 4_096 + 2 * PAGE)

    with Store(store.path) as opened, opened.reading():
        names = {entry.chunk for _, entries in opened.packs for entry in entries}

    assert names == set(saved.heap.tree.levels[0].values())


def test_an_overwritten_mark_is_no_mark(store: Store) -> None:
    """What a canister has prepared for a pack whose header became zeros names nothing."""
    forged = bytes(16) + (8).to_bytes(4, "little") + b"\1" * 32 + bytes(36) + b"sixteen."
    heap = region_of({0: os.urandom(PAGE), 1: forged + os.urandom(PAGE - len(forged))}, 2)
    saved = store.save(snapshot_of(heap))
    (pack,) = store.packs_path.iterdir()
    pack.write_bytes(bytes(4_096) + pack.read_bytes()[4_096:])

    with Store(store.path) as opened, opened.reading():
        names = {entry.chunk for _, entries in opened.packs for entry in entries}

    assert b"\1" * 32 not in names
    assert set(saved.heap.tree.levels[0].values()) <= names


def test_a_pack_of_zeros_is_walked_once(store: Store) -> None:
    store.save(snapshot_of(random_heap(20)))
    (pack,) = store.packs_path.iterdir()
    pack.write_bytes(bytes(pack.stat().st_size))

    with Store(store.path) as opened, opened.reading():
        ((_, entries),) = opened.packs

    assert len(entries) == 20


def test_behind_records_there_are_no_chunks(store: Store) -> None:
    """Else each of many records would be read again for every chunk before it."""
    heap = random_heap(2)
    saved = store.save(snapshot_of(heap, chunks={bytes([n]): os.urandom(40_000) for n in range(9)}))
    (pack,) = store.packs_path.iterdir()
    entries = read_index(pack)
    os.truncate(pack, pack.stat().st_size - 1)

    with Store(store.path) as opened, opened.reading():
        ((_, found),) = opened.packs

    assert found == entries
    assert everything(store.load(saved.manifest, new_region))[0] == heap.read(0, 2 * PAGE)


@pytest.mark.slow
@settings(max_examples=60)
@given(data=st.data())
def test_whatever_was_saved_is_mapped_as_it_is_read(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    heap = random_heap(12)
    known: list[tuple[Saved, bytes]] = []
    base = None
    with Store(tmp_path_factory.mktemp("store")) as store:
        for number in range(data.draw(st.integers(1, 8))):
            for _ in range(data.draw(st.integers(0, 4))):
                at = data.draw(st.integers(0, heap.size_bytes // PAGE - 1)) * PAGE
                kind = data.draw(st.sampled_from(["page", "chunk", "zeros", "copy"]))
                if kind == "page":
                    heap.write(at + 4_096 * data.draw(st.integers(0, 15)), os.urandom(99))
                elif kind == "chunk":
                    heap.write(at, os.urandom(PAGE))
                elif kind == "zeros":
                    heap.write(at, bytes(PAGE))
                else:
                    heap.write(at, heap.read(0, PAGE))
            action = data.draw(st.sampled_from(["save", "save", "save", "delete", "map", "resize"]))
            if action == "delete" and known:
                saved, _ = known.pop(data.draw(st.integers(0, len(known) - 1)))
                store.delete(saved.manifest)
                collect(store)
            elif action == "map" and known:
                saved, _ = known[-1]
                loaded, base = store.reload(saved.manifest, new_region, mapped_region)
                heap = loaded.content.heap.region
            elif action == "resize":
                heap.resize(data.draw(st.integers(1, 14)) * PAGE)
            else:
                base = store.save(snapshot_of(heap, number=number), base=base)
                known.append((base, heap.read(0, heap.size_bytes)))

        assert verify(store).is_sound
        for saved, expected in known:
            loaded = store.load(saved.manifest, new_region, mapped_region)
            assert everything(loaded)[0] == expected
