"""A world in a directory: all of it comes back, one writer at a time, damage is named."""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import Sandbox, UsageError
from sandbox.cycles import FREE
from sandbox.durable import WorldDirectory
from sandbox.durable.recordfile import publish_record, read_record
from sandbox.limits import GENEROUS, MAINNET
from snapshot.store import Store, StoreError, StoreWriteFailed
from snapshot.store.packs import Packs

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.durable.records import WorldRecord
    from sandbox.engine import Compiler
    from sandbox.handle import Canister
    from snapshot.ids import ChunkId
    from snapshot.store.packs import Place

    Open = Callable[..., Sandbox]

WAT = Path(__file__).parents[3] / "wat" / "counter.wat"
GROWING = """(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
  (memory 1 20)
  (global $runs (mut i32) (i32.const 0))
  (func $step
    (global.set $runs (i32.add (global.get $runs) (i32.const 1)))
    (i32.store (i32.mul (global.get $runs) (i32.const 4000)) (global.get $runs)))
  (func (export "canister_update step") (call $step) (call $reply))
  (func (export "canister_update trap") (call $step) (unreachable))
  (func (export "canister_update grow")
    (call $step)
    (drop (memory.grow (i32.const 1)))
    (drop (call $grow (i64.const 1)))
    (call $write (i64.const 100) (i64.const 4000) (i64.const 200))
    (call $reply)))"""


BIG = GROWING.replace("(memory 1 20)", "(memory 256 300)").replace(
    "(func $step",
    """(func (export "canister_init") (local $at i32)
    (loop $next
      (i64.store (local.get $at) (i64.extend_i32_u (i32.add (local.get $at) (i32.const 1))))
      (local.set $at (i32.add (local.get $at) (i32.const 1024)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 0x1000000)))))
  (func $step""",
    1,
)


@pytest.fixture
def reopen(tmp_path: Path, compiler: Compiler) -> Open:
    """Open the one world of this test."""

    def opened(**options: object) -> Sandbox:
        return Sandbox(tmp_path / "world", compiler=compiler, **options)  # type: ignore[arg-type]  # forwarded

    return opened


def count(canister: Canister) -> int:
    return int.from_bytes(canister.query_raw("get"), "little")


def test_canisters_come_back_with_names_memory_and_cycles(reopen: Open) -> None:
    with reopen() as ic:
        counter = ic.install(WAT, name="counter")
        counter.update_raw("inc")
        checksum, status = counter.checksum, counter.status()

    with reopen() as ic:
        assert count(ic.canister("counter")) == 1
        assert ic.canister("counter").checksum == checksum
        assert ic.canister("counter").status() == status


def test_the_limits_come_back_until_others_are_put_in_force(reopen: Open) -> None:
    relaxed = MAINNET.relaxed(chunk_bytes=5)
    with reopen(limits=relaxed):
        pass

    with reopen() as ic:
        assert ic.limits == relaxed
    with reopen(limits="generous") as ic:
        assert ic.limits is GENEROUS
    with reopen() as ic:
        assert ic.limits == GENEROUS


def test_a_world_saved_before_limits_were_recorded_has_the_mainnets(
    reopen: Open, tmp_path: Path
) -> None:
    with reopen(limits="generous"):
        pass
    _rewrite(tmp_path / "world", lambda record: replace(record, limits={}))

    with reopen() as ic:
        assert ic.limits is MAINNET


def test_a_world_with_a_limit_of_a_later_version_is_refused_and_stays(
    reopen: Open, tmp_path: Path
) -> None:
    with reopen():
        pass
    _rewrite(tmp_path / "world", lambda record: replace(record, limits={"speed": 1}))

    for _ in range(2):  # the first failure has not kept the lock
        with pytest.raises(UsageError, match="saved by another version: there is no limit speed"):
            reopen()


def _rewrite(directory: Path, change: Callable[[WorldRecord], WorldRecord]) -> None:
    with Store(directory / "store") as store:
        record = read_record(directory / "world.json")
        assert record is not None
        publish_record(change(record), directory / "world.json", store)


def test_the_clock_timers_and_logs_come_back(reopen: Open) -> None:
    timer = """(module
      (import "ic0" "global_timer_set" (func $set (param i64) (result i64)))
      (import "ic0" "debug_print" (func $print (param i32 i32)))
      (memory 1) (data (i32.const 0) "rang")
      (func (export "canister_init") (drop (call $set (i64.const 1735689700000000000))))
      (func (export "canister_global_timer") (call $print (i32.const 0) (i32.const 4))))"""
    with reopen() as ic:
        ic.install(timer.encode(), name="timer")
        ic.advance(seconds=99)

    with reopen() as ic:
        assert ic.canister("timer").logs == ()
        ic.advance(seconds=2)

    with reopen() as ic:
        assert [record.text for record in ic.canister("timer").logs] == ["rang"]
        assert ic.time_ns == 1_735_689_701_000_000_000


def test_an_empty_and_a_stopped_canister_come_back(reopen: Open) -> None:
    with reopen() as ic:
        empty = ic.create_canister(name="empty", environment={"A": "1"})
        ic.install(WAT, name="stopped").stop()
        settings_before = empty.status().settings

    with reopen() as ic:
        assert ic.canister("empty").module_hash is None
        assert ic.canister("empty").status().settings == settings_before
        assert ic.canister("stopped").status().status.name == "STOPPED"


def test_a_given_interface_comes_back(reopen: Open) -> None:
    with reopen() as ic:
        ic.install(WAT, did="service : { get : () -> () query }", name="counter")

    with reopen() as ic:
        assert "get" in ic.canister("counter").methods
        assert ic.canister("counter").codec("get").is_query


def test_randomness_and_ids_go_on_where_they_were(reopen: Open, compiler: Compiler) -> None:
    with reopen() as ic:
        first = ic.create_canister().id
    with reopen() as ic:
        second = ic.create_canister().id

    with Sandbox(compiler=compiler) as other:
        assert [other.create_canister().id for _ in range(2)] == [first, second]


def test_the_seed_comes_back(reopen: Open) -> None:
    with reopen(seed=7) as ic:
        before = ic.world.random.secret("any")

    with reopen() as ic:
        assert ic.world.random.secret("any") == before
        assert ic.world.router.choose is not None  # its order of messages, too
    with reopen(seed=7) as ic:
        assert ic.world.random.seed == 7


@pytest.mark.parametrize(("made", "given"), [(7, 8), (None, 0)])
def test_another_seed_is_refused_and_the_world_stays(
    reopen: Open, made: int | None, given: int
) -> None:
    with reopen(seed=made) as ic:
        ic.install(WAT, name="counter")

    with pytest.raises(UsageError, match="leave seed= out, or begin another world"):
        reopen(seed=given)

    with reopen() as ic:
        assert list(ic.names) == ["counter"]


def test_a_change_to_the_heap_alone_is_saved(reopen: Open) -> None:
    with reopen(prices=FREE) as ic:
        counter = ic.install(WAT, name="counter")
        ic.save()
        counter.update_raw("inc")

    with reopen(prices=FREE) as ic:
        assert count(ic.canister("counter")) == 1


def test_a_sandbox_that_is_abandoned_saves_nothing(reopen: Open) -> None:
    with reopen() as ic:
        ic.install(WAT, name="counter")
    ic = reopen()
    ic.canister("counter").update_raw("inc")
    ic.abandon()

    with reopen() as ic:
        assert count(ic.canister("counter")) == 0


def test_snapshots_come_back_and_load(reopen: Open) -> None:
    with reopen() as ic:
        counter = ic.install(WAT, name="counter")
        taken = counter.take_snapshot("zero")
        checksum = taken.checksum
        counter.update_raw("inc")

    with reopen() as ic:
        counter = ic.canister("counter")
        (found,) = counter.list_snapshots()
        assert (found.id, found.label, found.taken_on) == (taken.id, "zero", taken.taken_on)
        assert (found.total_size, found.checksum) == (taken.total_size, checksum)
        counter.load_snapshot(found)
        assert count(counter) == 0
        assert counter.checksum == checksum


def test_a_snapshot_is_not_read_before_it_is_needed(reopen: Open, tmp_path: Path) -> None:
    with reopen() as ic:
        counter = ic.install(WAT, name="counter")
        counter.update_raw("inc")
        counter.take_snapshot("one")
        ic.save()
        counter.reinstall(WAT)
    with reopen() as ic:
        for pack in (tmp_path / "world" / "store" / "packs").iterdir():
            pack.write_bytes(bytes(byte ^ 1 for byte in pack.read_bytes()))

        (found,) = ic.canister("counter").list_snapshots()
        assert found.total_size > 65_536
        with pytest.raises(StoreError):
            found.content.heap  # noqa: B018 - reading it is the test


def test_snapshots_can_be_read_before_the_directory_is_closed(
    reopen: Open, tmp_path: Path, ic: Sandbox
) -> None:
    with reopen() as first:
        counter = first.install(WAT, name="counter")
        counter.update_raw("inc")
        counter.take_snapshot("one")

    with ic.entered() as world, WorldDirectory(tmp_path / "world", read_only=True) as directory:
        directory.load_into(world)

    (canister,) = ic.canisters
    (found,) = canister.list_snapshots()
    assert found.content.heap.region.read(8, 1, at=found.content.heap.mark) == b"\x01"


def test_a_deleted_snapshot_that_an_anchor_brings_back_is_whole(reopen: Open) -> None:
    with reopen() as ic:
        ic.install(WAT, name="counter").take_snapshot("zero")

    with reopen() as ic:
        counter = ic.canister("counter")
        checksum = counter.checksum
        with ic.anchor():
            counter.delete_snapshot(counter.list_snapshots()[0])
            ic.save()
        counter.update_raw("inc")

    with reopen() as ic:
        counter = ic.canister("counter")
        counter.load_snapshot(counter.list_snapshots()[0])
        assert counter.checksum == checksum


def test_an_upload_goes_on_after_the_world_was_closed(reopen: Open) -> None:
    module = WAT.read_bytes()
    metadata = {
        "globals": [], "wasm_module_size": len(module), "wasm_memory_size": 0,
        "stable_memory_size": 0, "certified_data": b"",
        "global_timer": None, "on_low_wasm_memory_hook_status": None,
    }  # fmt: skip
    with reopen() as ic:
        counter = ic.install(WAT, name="counter")
        begun = ic.management.upload_canister_snapshot_metadata(
            {"canister_id": counter.id, "replace_snapshot": None, **metadata}
        )["snapshot_id"]
        ic.save()
        _upload(ic, counter, begun, 0, module[:10])

    with reopen() as ic:
        _upload(ic, ic.canister("counter"), begun, 10, module[10:])

    with reopen() as ic:
        (found,) = ic.canister("counter").list_snapshots()
        assert found.content.module == module


def _upload(ic: Sandbox, counter: Canister, id_: bytes, offset: int, data: bytes) -> None:
    ic.management.upload_canister_snapshot_data(
        {
            "canister_id": counter.id,
            "snapshot_id": id_,
            "kind": {"wasm_module": {"offset": offset}},
            "chunk": data,
        }
    )


_STEPS = st.lists(
    st.sampled_from(
        ["step", "trap", "grow", "take", "load", "drop", "upgrade", "reopen", "save", "clone"]
    ),
    max_size=14,
)


@settings(
    max_examples=15, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(steps=_STEPS)
@pytest.mark.slow
def test_a_world_kept_on_disk_goes_the_same_way_as_one_in_memory(
    steps: list[str], tmp_path_factory: pytest.TempPathFactory, compiler: Compiler
) -> None:
    directory = tmp_path_factory.mktemp("world")
    kept, plain = Sandbox(directory, compiler=compiler), Sandbox(compiler=compiler)
    with plain:
        for ic in (kept, plain):
            ic.install(GROWING.encode(), name="0")
        for step in steps:
            if step == "reopen":
                kept.close()
                kept = Sandbox(directory, compiler=compiler)
            elif step == "save":
                kept.save()
            else:
                for ic in (kept, plain):
                    _do(ic, step)
            assert _looks(kept) == _looks(plain)
        kept.close()
        with Sandbox(directory, compiler=compiler) as last:
            assert _looks(last) == _looks(plain)


def _do(ic: Sandbox, step: str) -> None:
    canister = ic.canisters[-1]
    snapshots = canister.list_snapshots()
    match step:
        case "step" | "grow":
            canister.update_raw(step)
        case "trap":
            with pytest.raises(Exception, match="IC0502"):
                canister.update_raw(step)
        case "take" if len(snapshots) < 10:
            canister.take_snapshot(f"at {len(snapshots)}")
        case "load" if snapshots:
            canister.load_snapshot(snapshots[0])
        case "drop" if snapshots:
            canister.delete_snapshot(snapshots[0])
        case "clone" if snapshots:
            ic.snapshots.clone(snapshots[-1])
        case "upgrade":
            canister.upgrade(GROWING.encode())


def _looks(ic: Sandbox) -> list[object]:
    return [
        (item.id, item.checksum, item.status(), item.logs,
         [(each.id, each.checksum, each.total_size) for each in item.list_snapshots()])
        for item in ic.canisters
    ]  # fmt: skip


def test_what_no_world_names_is_swept_up(reopen: Open, tmp_path: Path) -> None:
    with reopen() as ic:
        counter = ic.install(WAT, name="counter")
        for _ in range(40):
            counter.update_raw("inc")
            ic.save()

    store = tmp_path / "world" / "store"
    assert len(list((store / "snapshots").iterdir())) == 1
    assert len(list((store / "packs").iterdir())) < 40
    assert list((store / "tmp").iterdir()) == []


def test_a_sandbox_in_memory_cannot_be_saved(ic: Sandbox) -> None:
    with pytest.raises(UsageError, match="in memory only"):
        ic.save()


# --- who may have it open


def test_a_world_is_open_once(reopen: Open, tmp_path: Path) -> None:
    told: list[str] = []
    with reopen(), pytest.raises(UsageError, match="in use by another process"):
        WorldDirectory(tmp_path / "world", wait_s=0.1, waiting=lambda: told.append("waiting"))

    assert told == ["waiting"]


def test_who_waits_gets_the_world_as_it_was_left(reopen: Open, tmp_path: Path) -> None:
    first = reopen()
    counter = first.install(WAT, name="counter")
    counter.update_raw("inc")
    waiting = threading.Event()

    def leave() -> None:
        assert waiting.wait(20)
        first.close()

    other = threading.Thread(target=leave)
    other.start()
    directory = WorldDirectory(tmp_path / "world", waiting=waiting.set)
    other.join()

    with Sandbox(directory) as ic:
        assert count(ic.canister("counter")) == 1


def test_lookers_look_together_and_cannot_save(reopen: Open, tmp_path: Path) -> None:
    with reopen() as ic:
        ic.install(WAT, name="counter")
    path = tmp_path / "world"

    with WorldDirectory(path, read_only=True):
        looker = Sandbox(WorldDirectory(path, read_only=True, wait_s=0))
        assert count(looker.canister("counter")) == 0
        with pytest.raises(UsageError, match="looking only"):
            looker.save()
        looker.abandon()


def test_looking_where_no_world_is_says_so_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no world in"):
        WorldDirectory(tmp_path / "nothing", read_only=True)

    assert not (tmp_path / "nothing").exists()


def test_a_world_on_a_disk_that_cannot_be_written_can_be_looked_at(
    reopen: Open, tmp_path: Path
) -> None:
    with reopen() as ic:
        ic.install(WAT, name="counter")
    path = tmp_path / "world"
    (path / "lock").unlink()  # nobody could make one there

    with Sandbox(compiler=None, directory=WorldDirectory(path, read_only=True)) as ic:
        assert count(ic.canister("counter")) == 0
        ic.abandon()

    assert not (path / "lock").exists()


# --- what goes wrong


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[: len(text) // 2], "cannot be read"),
        (lambda text: b"\xff" + text, "cannot be read"),
        (lambda _: b"[" * 100_000, "cannot be read"),
        (lambda _: b"[]", "not a world of this version"),
        (lambda text: text.replace(b'"format": 1', b'"format": 2'), "not a world of this version"),
        (lambda text: text.replace(b'"now_ns",1', b'"now_ns",2'), "is damaged"),
        (lambda text: text.replace(b'"blake3": "', b'"blake3": "0'), "is damaged"),
        (lambda _: b'{"format": 1}', "is damaged"),
    ],
)
def test_a_damaged_record_is_named_and_left_alone(
    reopen: Open, tmp_path: Path, damage: Callable[[bytes], bytes], said: str
) -> None:
    with reopen() as ic:
        ic.install(WAT, name="counter")
    path = tmp_path / "world" / "world.json"
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()

    with pytest.raises(UsageError, match=said):
        reopen()

    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["packs", "snapshots"])
def test_a_lost_part_of_the_store_is_named(reopen: Open, tmp_path: Path, kind: str) -> None:
    with reopen() as ic:
        ic.install(WAT, name="counter").update_raw("inc")
    for path in (tmp_path / "world" / "store" / kind).iterdir():
        path.unlink()

    with pytest.raises(StoreError):
        reopen()


def test_a_damaged_manifest_is_named_with_its_file(reopen: Open, tmp_path: Path) -> None:
    with reopen() as ic:
        ic.install(WAT, name="counter")
    (path,) = (tmp_path / "world" / "store" / "snapshots").iterdir()
    path.write_bytes(path.read_bytes()[:-5])

    with pytest.raises(StoreError, match=path.name):
        reopen()


def test_a_world_that_failed_to_open_is_free_again(reopen: Open, tmp_path: Path) -> None:
    with reopen() as ic:
        ic.install(WAT, name="counter")
    path = tmp_path / "world" / "world.json"
    good = path.read_bytes()
    path.write_bytes(b"")
    with pytest.raises(UsageError):
        reopen()

    path.write_bytes(good)

    with WorldDirectory(tmp_path / "world", wait_s=0) as world:
        assert list(world.names) == ["counter"]


def test_a_full_disk_leaves_the_world_as_it_was_saved(
    reopen: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reopen() as ic:
        ic.install(WAT, name="counter")
    directory = WorldDirectory(tmp_path / "world")
    ic = Sandbox(directory)
    ic.canister("counter").update_raw("inc")

    def full(_descriptor: int, _pieces: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(directory.store.disk, "write", full)
    with pytest.raises(StoreWriteFailed, match="No space left"):
        ic.save()
    ic.abandon()

    with reopen() as ic:
        assert count(ic.canister("counter")) == 0


def test_after_a_save_that_failed_the_next_one_saves_all(
    reopen: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = WorldDirectory(tmp_path / "world")
    ic = Sandbox(directory)
    counter = ic.install(WAT, name="counter")
    counter.take_snapshot("zero")
    counter.update_raw("inc")
    with monkeypatch.context() as failing:
        failing.setattr(directory.store.disk, "rename", _refuse)
        with pytest.raises(StoreWriteFailed):
            ic.save()

    ic.close()

    with reopen() as ic:
        assert count(ic.canister("counter")) == 1
        assert [item.label for item in ic.canister("counter").list_snapshots()] == ["zero"]


def _refuse(_source: Path, _target: Path) -> None:
    raise OSError(5, "Input/output error")


def test_the_record_says_what_it_hashes_to(reopen: Open, tmp_path: Path) -> None:
    with reopen() as ic:
        ic.install(WAT, name="counter")

    data = json.loads((tmp_path / "world" / "world.json").read_bytes())

    assert sorted(data) == ["blake3", "format", "world"]
    assert len(data["blake3"]) == 64


def test_a_forked_child_does_not_write_the_parents_world(reopen: Open, tmp_path: Path) -> None:
    with reopen() as ic:
        ic.install(WAT, name="counter")
        ic.save()
        before = (tmp_path / "world" / "world.json").read_bytes()
        pid = os.fork()
        if pid == 0:
            try:
                ic.close()  # as a child does that leaves its with block
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
        assert (tmp_path / "world" / "world.json").read_bytes() == before
        with pytest.raises(UsageError, match="in use"):
            WorldDirectory(tmp_path / "world", wait_s=0)


@pytest.mark.skipif(sys.platform != "linux", reason="memories are mapped on Linux only")
def test_a_large_canister_is_mapped_not_read_and_goes_on(
    reopen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reopen() as ic:
        big = ic.install(BIG.encode(), name="big")
        snapshot = big.take_snapshot(label="before")
        big.update_raw("step")
        checksum = big.checksum
    read = []
    packs_read = Packs.read

    def counted(packs: Packs, chunk: ChunkId, place: Place) -> bytes:
        data = packs_read(packs, chunk, place)
        read.append(len(data))
        return data

    monkeypatch.setattr(Packs, "read", counted)
    for runs in range(2, 5):
        with reopen() as ic:
            big = ic.canister("big")
            assert big.checksum == checksum
            big.update_raw("step")
            assert big.globals == {"global 0": runs}
            assert int.from_bytes(big.heap[4000 * runs : 4000 * runs + 4], "little") == runs
            checksum = big.checksum
    with reopen() as ic:
        ic.canister("big").load_snapshot(snapshot.id)
        assert ic.canister("big").checksum == snapshot.checksum

    assert 65_536 not in read
