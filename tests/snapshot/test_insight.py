"""Looking into states: what is told is true, held against plain bytes."""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.errors import UsageError
from sandbox.execution.canister import Held
from sandbox.memory import OS_PAGE, new_region
from sandbox.principal import Principal
from snapshot.content import GlobalValue
from snapshot.insight import (
    ABSENT,
    Change,
    GlobalPatch,
    HeapPatch,
    StablePatch,
    Use,
    ValueChange,
    cells,
    change_dump,
    changes_by_part,
    diff,
    diff_memories,
    diff_values,
    export,
    find,
    hexdump,
    html,
    needle,
    overview,
    patched,
    recognise,
    svg,
    text,
)
from snapshot.transfer import Part
from snapshot_canister import POKE, poke
from snapshot_world import PAGE, everything, region_of, snapshot_of

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox


def held(pages: dict[int, bytes], size_pages: int) -> Held:
    return Held(region_of(pages, size_pages))


# --- diff


def test_equal_states_do_not_differ() -> None:
    first = snapshot_of(region_of({0: b"same"}, 2))
    second = snapshot_of(region_of({0: b"same"}, 2), number=1)

    assert diff(first.content, second.content).is_same


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1 << 30), st.booleans())
def test_the_changes_turn_one_memory_into_the_other(seed: int, is_same_region: bool) -> None:
    rng = random.Random(seed)
    region = region_of({0: rng.randbytes(3_000)}, 3)
    before = Held(region)
    target = region if is_same_region else region.fork()
    for _ in range(rng.randrange(6)):
        target.write(rng.randrange(3 * PAGE - 40), rng.randbytes(rng.randrange(1, 40)))
    if rng.random() < 0.3:
        target.resize(rng.choice((1, 4)) * PAGE)
    after = Held(target)

    found = diff_memories(before, after)

    size = max(before.mark.size_bytes, after.mark.size_bytes)
    old = before.region.read(0, before.mark.size_bytes, at=before.mark).ljust(size, b"\0")
    new = after.region.read(0, after.mark.size_bytes, at=after.mark).ljust(size, b"\0")
    changed = bytearray(old)
    for change in found.changes:
        end = change.offset + len(change.after)
        assert old[change.offset : end] == change.before
        changed[change.offset : end] = change.after
    assert changed == new
    assert found.bytes_changed == sum(a != b for a, b in zip(old, new, strict=True))
    pages = {at // OS_PAGE for at in range(size) if old[at] != new[at]}
    assert found.pages_changed == len(pages)
    assert found.is_same == (old == new and before.mark.size_bytes == after.mark.size_bytes)


def test_comparing_sparse_memories_of_100_gib_reads_only_what_is_there() -> None:
    before = held({50_000: b"a"}, 100 << 14)
    after = held({50_000: b"b", 1_000_000: b"c"}, 100 << 14)

    assert diff_memories(before, after).changes == (
        Change(50_000 * PAGE, b"a", b"b"),
        Change(1_000_000 * PAGE, b"\0", b"c"),
    )


def test_more_changes_than_asked_for_are_counted_but_not_listed() -> None:
    before = held({}, 4)
    after = held({0: b"1", 1: b"2", 2: b"3"}, 4)

    found = diff_memories(before, after, max_changes=2)

    assert (len(found.changes), found.is_complete, found.bytes_changed) == (2, False, 3)


def test_globals_are_named_and_small_parts_told(ic: Sandbox) -> None:
    canister = ic.install(POKE)
    before = canister.take_snapshot().content
    poke(canister, "heap", 70_000, b"x")
    canister.update_raw("certify", b"\xab")
    after = canister.take_snapshot().content

    found = diff(before, after)

    assert [(item.name, item.before, item.after) for item in found.globals] == [
        ("count", GlobalValue("i64", 5), GlobalValue("i64", 6))
    ]
    assert [(item.name, item.before, item.after) for item in found.fields] == [
        ("certified data", "", "ab")
    ]
    assert Change(70_000, b"\0", b"x") in found.heap.changes
    assert found.stable.is_same


# --- find


def test_a_pattern_is_found_across_pieces_and_pages() -> None:
    wanted = b"needle"
    region = new_region(64 * PAGE)
    for offset in (0, (1 << 20) - 3, 3 * PAGE - 1, 64 * PAGE - len(wanted)):
        region.write(offset, wanted)
    content = snapshot_of(region, region_of({2: wanted}, 3)).content

    hits = [(hit.memory, hit.offset) for hit in find(content, wanted)]

    assert hits == [
        ("heap", 0), ("heap", 3 * PAGE - 1), ("heap", (1 << 20) - 3),
        ("heap", 64 * PAGE - len(wanted)), ("stable memory", 2 * PAGE),
    ]  # fmt: skip


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([b"\0", b"a", b"b"]), min_size=1, max_size=4), st.integers(0, 99))
def test_finding_finds_what_bytes_find_does(pattern: list[bytes], seed: int) -> None:
    wanted = b"".join(pattern)
    if not any(wanted):
        return
    rng = random.Random(seed)
    region = new_region(2 * PAGE)
    for _ in range(30):
        region.write(rng.choice((0, OS_PAGE, PAGE)) + rng.randrange(20), rng.choice((b"a", b"b")))
    region.write(2 * PAGE - 1, b"a")
    data = region.read(0, 2 * PAGE)

    hits = [hit.offset for hit in find(snapshot_of(region).content, wanted)]

    assert hits == [at for at in range(len(data)) if data.startswith(wanted, at)]


def test_needles_are_text_principals_and_integers() -> None:
    owner = Principal.from_index(5)

    assert needle(text="é") == "é".encode()
    assert needle(principal=str(owner)) == bytes(owner)
    assert needle(integer=-2, width_bits=16) == b"\xfe\xff"
    assert needle(integer=1_000, width_bits=32) == struct.pack("<I", 1_000)


def test_needles_that_make_no_sense_are_refused() -> None:
    content = snapshot_of(region_of({}, 1)).content
    for wrong in (
        needle,
        lambda: needle(text="a", integer=1),
        lambda: needle(raw=b""),
        lambda: needle(integer=1 << 64),
        lambda: needle(integer=1, width_bits=7),
        lambda: needle(principal="nobody"),
        lambda: list(find(content, b"\0\0")),
    ):
        with pytest.raises(UsageError):
            wrong()


# --- patch


def test_a_patch_is_a_new_snapshot_that_says_what_changed(ic: Sandbox) -> None:
    canister = ic.install(POKE)
    canister.update_raw("grow_stable")
    snapshot = canister.take_snapshot()
    before = everything(snapshot)

    changed = patched(
        snapshot,
        [HeapPatch(70_000, b"new"), StablePatch(9, b"s"), GlobalPatch("count", 99)],
    )

    assert everything(snapshot) == before
    assert changed.origin.notes == (
        "heap at 0x11170: 000000 -> 6e6577", "stable memory at 0x9: 00 -> 73", "count: 0x5 -> 0x63",
    )  # fmt: skip
    adopted = ic.world.snapshots.adopt(ic.world.existing(canister.id), changed, label="patched")
    canister.load_snapshot(adopted)  # type: ignore[arg-type]  # a Reject would fail the test
    assert canister.heap[70_000:70_003] == b"new"
    assert canister.stable_memory[9:10] == b"s"
    assert canister.globals["count" if "count" in canister.globals else "global 0"] == 99
    poke(canister, "heap", 80_000, b"alive")


@pytest.mark.parametrize(
    "patch",
    [
        HeapPatch(2 * PAGE - 1, b"ab"),
        HeapPatch(-1, b"a"),
        StablePatch(0, b"a"),
        GlobalPatch("nobody", 1),
        GlobalPatch(7, 1),
        GlobalPatch(1, 1 << 32),
    ],
)
def test_a_patch_that_does_not_fit_is_refused(ic: Sandbox, patch: HeapPatch) -> None:
    canister = ic.install(POKE)
    snapshot = canister.take_snapshot()
    before = canister.checksum

    with pytest.raises(UsageError):
        patched(snapshot, [HeapPatch(0, b"x"), patch])

    assert canister.checksum == before == snapshot.checksum


# --- show


def test_an_overview_names_globals_and_covers_the_heap(ic: Sandbox) -> None:
    canister = ic.install(
        b"""(module $shown
          (memory (export "memory") 20)
          (global $__stack_pointer (mut i32) (i32.const 65536))
          (data (i32.const 65536) "static data")
          (func (export "canister_update write")
            (i32.store (i32.const 1000000) (i32.const 1))))"""
    )
    with pytest.raises(Exception, match="did not"):
        canister.update_raw("write")
    region = canister.take_snapshot().content

    found = overview(region)

    assert found.module_name == "shown"
    assert [item.name for item in found.globals] == ["__stack_pointer"]
    assert found.heap_map[0].use is Use.STACK
    assert (found.heap_map[1].use, found.heap_map[1].length) == (Use.DATA, len(b"static data"))
    position = 0
    for item in found.heap_map:
        assert item.offset == position
        position += item.length
    assert position == found.heap_bytes == 20 * PAGE


def test_virtual_memories_of_stable_structures_are_recognised() -> None:
    sizes = [0] * 255
    sizes[3], sizes[7] = 130, 5
    header = struct.pack("<3sBHH32x255Q", b"MGR", 1, 3, 128, *sizes) + bytes([3, 7, 3])
    region = region_of({0: header, 1: b"BTR\1", 129: b"SCL\1"}, 1 + 3 * 128)

    layout = recognise(Held(region))

    assert layout.kind == "stable-structures MemoryManager"
    assert [(part.number, part.size_bytes, part.structure) for part in layout.parts] == [
        (3, 130 * PAGE, "BTreeMap (version 1)"),
        (7, 5 * PAGE, "Cell (version 1)"),
    ]
    assert layout.parts[0].pieces == ((PAGE, 128 * PAGE), (PAGE * 257, 128 * PAGE))


def test_motoko_regions_are_recognised() -> None:
    blocks = struct.pack("<QHB", 17, 1, 9) + struct.pack("<QHB", 17, 0, 128) + bytes(11)
    header = struct.pack("<8sIHQIQ", b"MOREGION", 2, 128, 16 * PAGE, 3, 17)
    region = region_of({0: header + blocks}, 16 + 3 * 128)

    layout = recognise(Held(region))

    assert layout.kind == "Motoko regions"
    (part,) = layout.parts
    assert (part.number, part.size_bytes) == (16, 137 * PAGE)
    assert part.pieces == (((16 + 128) * PAGE, 128 * PAGE), (16 * PAGE, 9 * PAGE))


@pytest.mark.parametrize("start", [b"", b"MGR", b"MGR\1\xff\xff", b"MOREGION" + b"\xff" * 40])
def test_a_damaged_header_is_no_reason_to_fail(start: bytes) -> None:
    assert recognise(held({0: start}, 1)).parts == ()


# --- pictures


def test_cells_count_what_lies_in_them() -> None:
    drawn = cells(4 * PAGE, [(0, 2 * PAGE)], [(PAGE - OS_PAGE, 2 * OS_PAGE)], count=4)

    assert [cell.filled for cell in drawn] == [1, 1, 0, 0]
    assert [cell.changed for cell in drawn] == [1 / 16, 1 / 16, 0, 0]
    assert [cell.level for cell in drawn] == [1, 1, None, None]


def test_an_svg_is_well_formed_and_has_a_cell_for_each() -> None:
    drawn = cells(100 << 30, [(0, PAGE)], [], count=256)

    root = ET.fromstring(svg(drawn, title='<heap> & "more"'))

    assert len(root.findall("{http://www.w3.org/2000/svg}rect")) == len(drawn) == 256


def test_a_text_picture_shows_zero_unchanged_and_changed() -> None:
    drawn = cells(4 * OS_PAGE, [(0, 2 * OS_PAGE)], [(OS_PAGE, OS_PAGE)], count=4)

    assert text(drawn, columns=4) == "             0 |·█  |"


def test_nothing_has_no_cells() -> None:
    assert cells(0, [], []) == ()
    assert text(()) == ""


def test_hexdumps() -> None:
    assert hexdump(b"A\0" * 9, 0x20).splitlines()[1] == f"{0x30:012x}  {'41 00':<47}  A."
    assert change_dump(Change(0, b"a", b"b")).splitlines() == [
        f"- {0:012x}  {'61':<47}  a", f"+ {0:012x}  {'62':<47}  b",
    ]  # fmt: skip


# --- parts, values, files, pages


def test_changes_are_told_by_virtual_memory() -> None:
    sizes = [0] * 255
    sizes[3] = sizes[7] = 1
    header = struct.pack("<3sBHH32x255Q", b"MGR", 1, 2, 1, *sizes) + bytes([3, 7])
    before, after = held({0: header}, 3), held({0: header + b"\1", 2: b"in seven"}, 3)

    rows = changes_by_part(diff_memories(before, after), recognise(after))

    assert [(row.part and row.part.number, row.bytes_in_changed_pages, row.changes)
            for row in rows] == [(7, OS_PAGE, 1), (None, OS_PAGE, 1)]  # fmt: skip


def test_values_differ_at_paths() -> None:
    before = {"owner": "a", "accounts": [{"n": 1}, {"n": 2}], "gone": True, "blob": b"x"}
    after = {"owner": "a", "accounts": [{"n": 1}, {"n": 3}, {"n": 4}], "blob": b"y"}

    assert list(diff_values(before, after)) == [
        ValueChange("accounts[1].n", 2, 3),
        ValueChange("accounts[2]", ABSENT, {"n": 4}),
        ValueChange("gone", True, ABSENT),
        ValueChange("blob", b"x", b"y"),
    ]


def test_values_of_different_types_differ() -> None:
    assert list(diff_values((1,), (True,))) == [ValueChange("[0]", 1, True)]


@pytest.mark.parametrize(("offset", "length"), [(0, None), (PAGE - 2, 7), (5, 0)])
def test_a_range_is_exported(tmp_path: Path, offset: int, length: int | None) -> None:
    snapshot = snapshot_of(region_of({0: b"zero", 1: b"one"}, 3))
    heap = everything(snapshot)[0]
    assert isinstance(heap, bytes)
    end = None if length is None else offset + length

    count = export(snapshot.content, Part.HEAP, tmp_path / "out", offset=offset, length=length)

    assert (tmp_path / "out").read_bytes() == heap[offset:end]
    assert count == len(heap[offset:end])


def test_an_export_outside_or_over_a_file_is_refused(tmp_path: Path) -> None:
    content = snapshot_of(region_of({}, 1)).content
    (tmp_path / "mine").write_bytes(b"mine")

    with pytest.raises(UsageError, match="not inside"):
        export(content, Part.HEAP, tmp_path / "out", offset=PAGE, length=1)
    with pytest.raises(UsageError, match="exists"):
        export(content, Part.HEAP, tmp_path / "mine")

    assert (tmp_path / "mine").read_bytes() == b"mine"
    assert not (tmp_path / "out").exists()


def test_the_page_tells_changes_and_escapes_what_it_shows() -> None:
    before = snapshot_of(region_of({0: b"<b>"}, 1), globals=(GlobalValue("i32", 1),)).content
    after = snapshot_of(region_of({0: b"<i>"}, 1), globals=(GlobalValue("i32", 2),)).content

    page = html(diff(before, after), before, after, title="<A> to B")

    assert "<h1>&lt;A&gt; to B</h1>" in page
    assert "<td>1</td><td>2</td>" in page
    assert "<svg" in page
    assert "<b>" not in page
