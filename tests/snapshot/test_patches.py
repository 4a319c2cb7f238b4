"""Patches: of a chunk that changed in a few pages only those are written, and all come back."""

from __future__ import annotations

import os
import random
import shutil
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.memory import new_region
from snapshot.ids import digest
from snapshot.store import ChunkDamaged, Store, StoreDamaged, collect, verify
from snapshot.store.pack import read_index
from snapshot.store.patch import PAGE_BYTES, applied, cut, pages_by_chunk
from snapshot_world import PAGE, everything, region_of, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sandbox.memory import Region
    from snapshot.ids import ChunkId
    from snapshot.store import Saved
    from snapshot.store.pack import Entry

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store") as opened:
        yield opened


class Nothing:
    """Packs of which nothing is known, so that a sink writes everything."""

    def __contains__(self, chunk: ChunkId) -> bool:
        return False

    def learn(self, path: Path, entries: Iterable[Entry]) -> None:
        pass


def random_heap(chunks: int = 4) -> Region:
    rng = random.Random(chunks)
    return region_of({number: rng.randbytes(PAGE) for number in range(chunks)}, chunks)


def stored_bytes(store: Store) -> int:
    return sum(path.stat().st_size for path in store.packs_path.iterdir())


def heap_entry(store: Store, saved: Saved, number: int = 0) -> Entry:
    """Return how the heap's chunk stands in the packs."""
    chunk = saved.heap.tree.levels[0][number]
    (entry,) = [item for _, entries in store.packs for item in entries if item.chunk == chunk]
    return entry


def everything_again(store: Store, saved: Saved) -> tuple[object, ...]:
    with Store(store.path, read_only=True) as reopened:
        return everything(reopened.load(saved.manifest, new_region))


# --- cutting and applying


@settings(deadline=None)
@given(st.binary(max_size=64), st.binary(max_size=64), st.integers(0, 0xFFFF))
def test_a_patch_makes_of_its_base_what_it_was_cut_from(old: bytes, new: bytes, pages: int) -> None:
    base, data = (random.Random(seed).randbytes(PAGE) for seed in (old, new))
    changed = bytearray(base)
    for page in range(16):
        if pages >> page & 1:
            at = slice(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)
            changed[at] = data[at]

    patch = cut(changed, pages)

    assert len(patch) == pages.bit_count() * PAGE_BYTES
    assert applied(base, pages, patch) == changed


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5 * PAGE), st.integers(1, 2 * PAGE)), max_size=4))
def test_the_pages_of_runs_are_those_that_they_touch(runs: list[tuple[int, int]]) -> None:
    touched = {
        page
        for at, length in runs
        for page in range(at // PAGE_BYTES, (at + length - 1) // PAGE_BYTES + 1)
    }

    found = pages_by_chunk(runs)

    listed = {
        number * 16 + bit
        for number, pages in found.items()
        for bit in range(16)
        if pages >> bit & 1
    }
    assert listed == touched
    assert all(found.values())


# --- saving


def test_of_a_chunk_with_one_changed_page_only_that_is_written(store: Store) -> None:
    heap = random_heap()
    base = store.save(snapshot_of(heap))
    before = stored_bytes(store)
    heap.write(2 * PAGE + 5_000, b"changed")
    later = snapshot_of(heap, number=1)

    saved = store.save(later, base=base)

    assert stored_bytes(store) - before < 2 * PAGE_BYTES
    assert saved.manifest.checksum == later.checksum
    assert everything_again(store, saved) == everything(later)


def test_a_chunk_with_most_pages_changed_is_written_whole(store: Store) -> None:
    heap = random_heap()
    base = store.save(snapshot_of(heap))
    heap.write(0, os.urandom(9 * PAGE_BYTES))
    heap.write(PAGE, os.urandom(8 * PAGE_BYTES))

    saved = store.save(snapshot_of(heap, number=1), base=base)

    assert heap_entry(store, saved, 0).pages == 0
    assert heap_entry(store, saved, 1).pages == 0xFF


def test_a_patch_of_a_patch_is_one_of_the_whole_chunk(store: Store) -> None:
    heap = random_heap()
    saved = first = store.save(snapshot_of(heap))
    for number, page in enumerate((1, 5, 5), start=1):
        heap.write(page * PAGE_BYTES, os.urandom(10))
        snapshot = snapshot_of(heap, number=number)
        saved = store.save(snapshot, base=saved)

    entry = heap_entry(store, saved)

    assert entry.base == first.heap.tree.levels[0][0]
    assert entry.pages == 1 << 1 | 1 << 5
    assert everything_again(store, saved) == everything(snapshot)


def test_patches_that_add_up_become_a_whole_chunk(store: Store) -> None:
    heap = random_heap(1)
    saved = store.save(snapshot_of(heap))
    sizes = []
    for page in range(12):
        heap.write(page * PAGE_BYTES, os.urandom(10))
        snapshot = snapshot_of(heap, number=page + 1)
        saved = store.save(snapshot, base=saved)
        sizes.append(heap_entry(store, saved).pages.bit_count())

    assert sizes == [1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3]
    assert everything_again(store, saved) == everything(snapshot)


def test_a_new_chunk_of_a_grown_memory_is_written_whole(store: Store) -> None:
    heap = random_heap()
    base = store.save(snapshot_of(heap))
    heap.resize(6 * PAGE)
    heap.write(5 * PAGE, b"new")

    saved = store.save(snapshot_of(heap, number=1), base=base)

    assert heap_entry(store, saved, 5).pages == 0


def test_a_store_of_format_one_gets_no_patches(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "v1", tmp_path / "store")
    with Store(tmp_path / "store") as store:
        snapshot, base = store.reload(store.find("first"), new_region)
        heap = snapshot.content.heap.region
        heap.write(100, b"changed")
        later = snapshot_of(heap, number=9)

        saved = store.save(later, base=base)

        assert store.format == 1
        assert all(entry.pages == 0 for _, entries in store.packs for entry in entries)
        assert {path.read_bytes()[8] for path in store.packs_path.iterdir()} == {1}
        assert everything_again(store, saved) == everything(later)


# --- collecting


def test_the_base_of_a_patch_stays_when_its_own_snapshot_goes(store: Store) -> None:
    heap = random_heap()
    first = store.save(snapshot_of(heap))
    heap.write(0, b"changed")
    later = snapshot_of(heap, number=1)
    saved = store.save(later, base=first)
    store.delete(first.manifest)

    collect(store)

    assert verify(store).is_sound
    assert everything_again(store, saved) == everything(later)


def test_a_rewritten_pack_keeps_its_patches_as_patches(store: Store) -> None:
    heap, other = random_heap(), random_heap(3)
    first = store.save(snapshot_of(heap))
    heap.write(0, b"changed")
    both = store.save(snapshot_of(heap, other, number=1), base=first)
    later = snapshot_of(heap, number=2)
    saved = store.save(later, base=both)
    store.delete(both.manifest)

    plan = collect(store)

    assert len(plan.rewritten) == 1
    assert heap_entry(store, saved).pages == 1
    assert verify(store).is_sound
    assert everything_again(store, saved) == everything(later)


def test_a_whole_chunk_is_not_given_up_for_a_patch_that_makes_the_same(store: Store) -> None:
    heap, other = random_heap(1), random_heap(3)
    first = store.save(snapshot_of(heap))
    old, _ = heap.read(0, PAGE), heap.write(0, b"changed")
    new = heap.read(0, PAGE)
    both = store.save(snapshot_of(heap, other, number=1))
    with store.sink(Nothing()) as sink:  # as a process would that did not know the chunk yet
        sink.keep(digest(new), new, digest(old), 1)
        sink.publish()
    heap.write(PAGE_BYTES, b"again")
    last = snapshot_of(heap, number=2)
    saved = store.save(last, base=both)
    assert heap_entry(store, saved).base == digest(new)
    (pack,) = {place.pack for place in store.packs.places(digest(new)) if not place.pages}
    store.delete(first.manifest)
    store.delete(both.manifest)

    plan = collect(store)

    assert pack in plan.rewritten
    assert verify(store).is_sound
    assert everything_again(store, saved) == everything(last)


def test_a_patch_whose_base_was_collected_is_not_trusted(store: Store) -> None:
    heap, other = random_heap(1), random_heap(12)
    first = store.save(snapshot_of(heap))
    heap.write(0, b"changed")
    changed = snapshot_of(heap, number=1)
    second = store.save(snapshot_of(heap, other, number=1), base=first)
    store.save(snapshot_of(new_region(0), other, number=2))
    orphan = heap_entry(store, second)
    for doomed in (first, second):
        store.delete(doomed.manifest)
    collect(store)
    assert store.packs.places(orphan.chunk), "the dead patch is in a pack that stays"
    assert orphan.chunk not in store.packs

    again = store.save(changed)

    assert verify(store).is_sound
    assert everything_again(store, again) == everything(changed)


@pytest.mark.parametrize("seed", range(6))
def test_of_two_patches_that_make_the_same_the_one_with_a_base_is_kept(
    store: Store, seed: int
) -> None:
    # The order depends on the packs' names, that is on the bytes.
    rng = random.Random(seed)
    filler = region_of({number: rng.randbytes(PAGE) for number in range(3)}, 3)
    old = region_of({0: rng.randbytes(PAGE)}, 1)
    first = store.save(snapshot_of(old))
    old.write(0, b"flag=1")
    both = store.save(snapshot_of(old, filler, number=1), base=first)
    kept = store.save(snapshot_of(region_of({}, 1), filler, number=2))
    for doomed in (first, both):
        store.delete(doomed.manifest)
    collect(store)  # the patch is dead and stays, its base goes
    new = region_of({0: old.read(0, PAGE)}, 1)
    new.write(0, b"flag=2")
    base = store.save(snapshot_of(new, number=3))
    new.write(0, b"flag=1")
    other = region_of({number: rng.randbytes(PAGE) for number in range(3)}, 3)
    again = store.save(snapshot_of(new, other, number=4), base=base)
    last = snapshot_of(new, number=5)
    saved = store.save(last)
    assert verify(store).is_sound
    for doomed in (kept, again):
        store.delete(doomed.manifest)

    collect(store)

    assert verify(store).is_sound
    assert collect(store).rewritten == ()
    assert everything_again(store, saved) == everything(last)


def test_a_good_copy_does_not_go_for_a_damaged_one_that_stays(store: Store) -> None:
    heap, filler = random_heap(1), random_heap(6)
    first = store.save(snapshot_of(heap, filler))
    entry = heap_entry(store, first)
    (pack,) = {path for path, entries in store.packs if entry in entries}
    flip(pack, entry.offset)
    assert not verify(store).is_sound
    other = region_of({number: os.urandom(PAGE) for number in range(2)}, 2)
    healed = store.save(snapshot_of(heap, other, number=1))
    assert len(store.packs.places(entry.chunk)) == 2
    store.delete(healed.manifest)

    with Store(store.path) as opened:
        plan = collect(opened)

    assert plan.rewritten, "the pack with the good copy, most of which is dead"
    assert everything_again(store, first)[0] == heap.read(0, PAGE)


@pytest.mark.parametrize("sample", [0.0, 1.0])
def test_a_lost_base_is_found_in_any_sample(store: Store, sample: float) -> None:
    heap = random_heap(1)
    first = store.save(snapshot_of(heap))
    heap.write(0, b"changed")
    saved = store.save(snapshot_of(heap, number=1), base=first)
    store.delete(first.manifest)
    base = heap_entry(store, saved).base
    (place,) = store.packs.places(base)
    place.pack.unlink()

    with Store(store.path) as opened:
        findings = verify(opened, sample=sample).findings
        with pytest.raises(StoreDamaged, match="not collecting"):
            collect(opened)

    assert any(saved.manifest.stored_id in finding.hurts for finding in findings)


# --- damage


def test_damage_to_a_base_is_told_for_every_patch_of_it(store: Store) -> None:
    heap = random_heap(1)
    first = store.save(snapshot_of(heap))
    heap.write(0, b"changed")
    saved = store.save(snapshot_of(heap, number=1), base=first)
    base = heap_entry(store, first)
    (pack,) = {path for path, entries in store.packs if base in entries}
    flip(pack, base.offset + 9_000)

    with Store(store.path) as opened:
        with pytest.raises(
            ChunkDamaged, match=f"changes another chunk, and chunk {base.chunk.hex()} at"
        ):
            opened.load(saved.manifest, new_region)
        findings = verify(opened).findings

    hurt = {stored for finding in findings for stored in finding.hurts}
    assert hurt == {first.manifest.stored_id, saved.manifest.stored_id}
    assert pack in {finding.path for finding in findings}


def test_every_flipped_bit_of_a_patch_and_its_index_is_found(store: Store) -> None:
    heap = random_heap(1)
    first = store.save(snapshot_of(heap))
    heap.write(0, b"changed")
    saved = store.save(snapshot_of(heap, number=1), base=first)
    entry = heap_entry(store, saved)
    (pack,) = {path for path, entries in store.packs if entry in entries}
    end = entry.offset + entry.length

    for offset in (*range(16), *range(entry.offset, end, 97), *range(end, pack.stat().st_size)):
        flip(pack, offset)
        with Store(store.path) as opened:
            assert not verify(opened).is_sound, offset
        flip(pack, offset)

    assert verify(store).is_sound


def test_saving_again_heals_a_patch_whose_base_is_damaged(store: Store) -> None:
    heap = random_heap(1)
    first = store.save(snapshot_of(heap))
    heap.write(0, b"changed")
    later = snapshot_of(heap, number=1)
    saved = store.save(later, base=first)
    base = heap_entry(store, first)
    (pack,) = {path for path, entries in store.packs if base in entries}
    flip(pack, base.offset)
    assert not verify(store).is_sound

    store.save(later, base=saved)

    assert everything_again(store, saved) == everything(later)


def test_patches_in_a_circle_are_damage(store: Store) -> None:
    one, two = (digest(bytes([number]) * PAGE) for number in (1, 2))
    with store.sink(Nothing()) as sink:
        sink.keep(one, bytes(PAGE), two, 1)
        sink.keep(two, bytes(PAGE), one, 1)
        sink.publish()
    with Store(store.path) as opened, opened.reading():
        assert one not in opened.packs
        assert not opened.packs.has_all([two])
        with pytest.raises(ChunkDamaged, match="is in no pack"):
            opened.packs.fetch(one)


@pytest.mark.parametrize("pages", [1, 0xFFFF, 0xFFFF_FFFF])
def test_a_patch_of_the_wrong_length_is_damage(store: Store, pages: int) -> None:
    name = digest(b"something else")
    with store.sink(Nothing()) as sink:
        whole = sink(os.urandom(PAGE))
        assert sink._writer is not None
        sink._writer.add(name, b"short", whole, pages)
        sink.publish()
    with Store(store.path) as opened, opened.reading():
        assert name not in opened.packs
        assert whole in opened.packs, "the records before it are found all the same"
        (damage,) = opened.packs.damaged.values()
    assert "names chunks that cannot be" in str(damage)


@pytest.mark.parametrize("count", [1 << 20, (1 << 20) + 1, 1 << 60])
def test_an_index_that_nobody_writes_is_not_read(store: Store, count: int) -> None:
    store.save(snapshot_of(random_heap(1)))
    (pack,) = store.packs_path.iterdir()
    with pack.open("r+b") as file:
        start = struct.unpack("<Q", pack.read_bytes()[-56:-48])[0]
        file.truncate(min(start + count * 80, 1 << 40))
        file.seek(0, os.SEEK_END)
        file.write(struct.pack("<QQ32s8s", start, count, bytes(32), b"CSBXEND."))

    with Store(store.path) as opened, opened.reading():
        assert list(opened.packs.damaged) == [pack]
        assert len(list(opened.packs)) == 1


@pytest.mark.parametrize("name", ["notes.pack", "A" * 64 + ".pack", "0" * 64 + ".pack"])
def test_what_is_no_pack_is_left_alone(store: Store, name: str) -> None:
    os.mkfifo(store.packs_path / name)
    saved = store.save(snapshot_of(random_heap(1)))

    assert verify(store).is_sound
    assert collect(store).removed == ()
    assert everything_again(store, saved)


def test_a_disk_that_does_not_answer_once_makes_no_chunk_bad(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    heap = random_heap(1)
    first = store.save(snapshot_of(heap))
    heap.write(0, b"changed")
    saved = store.save(snapshot_of(heap, number=1), base=first)
    chunk = heap_entry(store, saved).chunk

    def refuse(*_unused: object) -> bytes:
        raise OSError(5, "I/O error")

    monkeypatch.setattr("snapshot.store.packs.read_exactly", refuse)
    with pytest.raises(ChunkDamaged, match="I/O error"):
        store.packs.fetch(chunk)
    monkeypatch.undo()

    assert store.packs.fetch(chunk) == heap.read(0, PAGE)


@pytest.mark.parametrize("is_header_gone", [False, True])
def test_a_truncated_pack_still_gives_the_patches_before_the_cut(
    store: Store, is_header_gone: bool
) -> None:
    heap = random_heap(3)
    first = store.save(snapshot_of(heap))
    for chunk in range(3):
        heap.write(chunk * PAGE, b"changed")
    saved = store.save(snapshot_of(heap, number=1), base=first)
    entries = [heap_entry(store, saved, number) for number in range(3)]
    (pack,) = {path for path, listed in store.packs if entries[0] in listed}
    data = pack.read_bytes()[: entries[2].offset + 10]
    pack.write_bytes(bytes(16) + data[16:] if is_header_gone else data)

    with Store(store.path) as opened, opened.reading():
        found = [entry.chunk in opened.packs for entry in entries]
        whole = opened.packs.fetch(entries[1].chunk)

    assert found == [True, True, False]
    assert whole == heap.read(PAGE, PAGE)


# --- everything at once


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_was_saved_and_collected_comes_back(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    heap = random_heap(3)
    known: list[tuple[Saved, bytes]] = []
    base = None
    with Store(tmp_path_factory.mktemp("store")) as store:
        for number in range(data.draw(st.integers(1, 12))):
            for _ in range(data.draw(st.integers(0, 4))):
                at = data.draw(st.integers(0, heap.size_bytes - 9))
                heap.write(at, data.draw(st.binary(min_size=1, max_size=9)))
            action = data.draw(
                st.sampled_from(["save", "save", "save", "delete", "resize", "forget"])
            )
            if action == "delete" and known:
                saved, _ = known.pop(data.draw(st.integers(0, len(known) - 1)))
                store.delete(saved.manifest)
                collect(store)
            elif action == "resize":
                heap.resize(data.draw(st.integers(1, 5)) * PAGE)
            elif action == "forget":
                base = None
            else:
                base = store.save(snapshot_of(heap, number=number), base=base)
                known.append((base, heap.read(0, heap.size_bytes)))

        assert verify(store).is_sound
        for saved, expected in known:
            loaded = store.load(saved.manifest, new_region)
            assert everything(loaded)[0] == expected
            assert loaded.checksum == saved.manifest.checksum


def test_a_pack_of_a_new_store_is_of_version_three(store: Store) -> None:
    store.save(snapshot_of(random_heap(1)))

    (pack,) = store.packs_path.iterdir()

    assert pack.read_bytes()[:12] == b"CSBXPACK\3\0\0\0"
    assert all(entry.pages == 0 for entry in read_index(pack))


def flip(path: Path, offset: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)
