"""Snapshot directories: exactly dfx's and icp-cli's, sparse, resumable, hostile ones refused."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Sandbox
from sandbox.limits import MAINNET
from snapshot.directory import (
    Dialect,
    DirectoryRefused,
    NotRepresentable,
    ShelfTarget,
    TransferFailed,
    check,
    download,
    upload,
)
from snapshot.ids import SnapshotId
from snapshot.shelf import loader_of
from snapshot_canister import POKE, poke
from snapshot_world import PAGE, everything, region_of, snapshot_of

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.handle import Canister
    from sandbox.messages import Reject
    from snapshot.record import Snapshot
    from snapshot.transfer import Metadata, Piece

# The canister of the tests with its NaN global made an ordinary number.
PLAIN = POKE.replace(b"nan:0x8000000000001", b"1.5")


@pytest.fixture
def canister(ic: Sandbox) -> Canister:
    canister = ic.install(PLAIN)
    poke(canister, "heap", 100_000, b"in the heap")
    canister.update_raw("grow_stable")
    poke(canister, "stable", 60_000, b"in stable memory")
    canister.update_raw("certify", b"certified")
    return canister


@pytest.fixture
def snapshot(canister: Canister) -> Snapshot:
    return canister.take_snapshot()


def taken_in(ic: Sandbox, canister: Canister, directory: Path, **options: Any) -> Snapshot:
    """Upload a directory to a canister."""
    shelf, runtime = ic.world.snapshots, ic.world.existing(canister.id)
    checked = check(directory, MAINNET, loader_of(runtime))
    id_ = upload(checked, ShelfTarget(shelf, runtime), MAINNET, **options)
    assert isinstance(id_, SnapshotId), id_
    found = shelf.get(id_)
    assert found is not None
    return found


def names(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def test_dfx_directory_has_exactly_these_files(snapshot: Snapshot, tmp_path: Path) -> None:
    download(snapshot, tmp_path)

    assert names(tmp_path) == [
        "metadata.json", "stable_memory.bin", "wasm_memory.bin", "wasm_module.bin",
    ]  # fmt: skip
    assert (tmp_path / "wasm_module.bin").read_bytes() == snapshot.content.module
    heap, stable, *_ = everything(snapshot)
    assert (tmp_path / "wasm_memory.bin").read_bytes() == heap
    assert (tmp_path / "stable_memory.bin").read_bytes() == stable


def test_dfx_leaves_out_an_empty_stable_memory_and_icp_cli_does_not(
    ic: Sandbox, tmp_path: Path
) -> None:
    snapshot = ic.install(PLAIN).take_snapshot()

    download(snapshot, tmp_path / "dfx")
    download(snapshot, tmp_path / "icp", dialect="icp-cli")

    assert names(tmp_path / "dfx") == ["metadata.json", "wasm_memory.bin", "wasm_module.bin"]
    assert names(tmp_path / "icp") == [
        "metadata.json", "stable_memory.bin", "wasm_chunk_store", "wasm_memory.bin",
        "wasm_module.bin",
    ]  # fmt: skip
    assert (tmp_path / "icp" / "stable_memory.bin").read_bytes() == b""


def test_chunks_stand_under_their_sha256(tmp_path: Path) -> None:
    hash_ = hashlib.sha256(b"chunk").digest()
    snapshot = snapshot_of(region_of({}, 1), globals=(), chunks={hash_: b"chunk"})

    download(snapshot, tmp_path)

    assert (tmp_path / "wasm_chunk_store" / f"{hash_.hex()}.bin").read_bytes() == b"chunk"


@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_directory_taken_in_and_loaded_is_the_same_state(
    ic: Sandbox, canister: Canister, snapshot: Snapshot, tmp_path: Path, dialect: Dialect
) -> None:
    download(snapshot, tmp_path, dialect=dialect)
    with Sandbox() as elsewhere:
        target = elsewhere.create_canister()
        target.load_snapshot(taken_in(elsewhere, target, tmp_path, dialect=dialect))

        assert bytes(target.heap) == bytes(canister.heap)
        assert bytes(target.stable_memory) == bytes(canister.stable_memory)
        assert target.globals == canister.globals
        assert target.certified_data == b"certified"
        poke(target, "heap", 5_000, b"alive")


def test_a_directory_written_by_dfx_loads_and_ours_is_the_same_bytes(
    ic: Sandbox, tmp_path: Path
) -> None:
    """The directory is built here by hand from the format reference, not by our writer."""
    module = ic.install(PLAIN).take_snapshot().content.module
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "wasm_module.bin").write_bytes(module)
    (theirs / "wasm_memory.bin").write_bytes(b"\7" * 2 * PAGE)
    text = """{
  "source": {
    "metadata_upload": null
  },
  "taken_at_timestamp": TIME,
  "wasm_module_size": SIZE,
  "globals": [
    {
      "f64": -0.1
    },
    {
      "i32": 42
    },
    {
      "i64": -9223372036854775808
    },
    {
      "v128": []
    }
  ],
  "wasm_memory_size": 131072,
  "stable_memory_size": 0,
  "wasm_chunk_store": [],
  "canister_version": 0,
  "certified_data": [
    255
  ],
  "global_timer": {
    "active": 1754900000000000000
  },
  "on_low_wasm_memory_hook_status": "condition_not_satisfied"
}""".replace("SIZE", str(len(module))).replace("TIME", str(ic.time_ns))
    (theirs / "metadata.json").write_text(text)
    target = ic.create_canister()

    uploaded = taken_in(ic, target, theirs)
    target.load_snapshot(uploaded)
    download(uploaded, tmp_path / "ours")

    assert target.heap[:] == b"\7" * 2 * PAGE
    assert target.globals["ratio"] == -0.1
    for name in names(tmp_path / "ours"):
        assert (tmp_path / "ours" / name).read_bytes() == (theirs / name).read_bytes()


def test_a_sparse_100_gib_stable_memory_stays_sparse_both_ways(
    ic: Sandbox, canister: Canister, tmp_path: Path
) -> None:
    source = canister.take_snapshot().content
    stable = region_of({0: b"start", (100 << 14) - 1: b"end"}, 100 << 14)
    big = snapshot_of(
        source.heap.region, stable, module=source.module, globals=source.globals,
        low_memory_hook=None,
    )  # fmt: skip

    download(big, tmp_path)
    file = tmp_path / "stable_memory.bin"
    loaded = taken_in(ic, canister, tmp_path)

    assert file.stat().st_size == 100 << 30
    assert file.stat().st_blocks * 512 < 1 << 20
    held = loaded.content.stable
    assert held.region.read((100 << 30) - PAGE, 3, at=held.mark) == b"end"
    assert held.region.allocated_bytes < 8 << 20


# --- resuming


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("after", [1, 2, 4, 7])
def test_an_interrupted_download_goes_on_to_the_same_bytes(
    tmp_path: Path, dialect: Dialect, after: int
) -> None:
    heap = region_of({page: os.urandom(PAGE) for page in range(120)}, 130)
    stable = region_of({page: os.urandom(PAGE) for page in range(40, 80)}, 100)
    snapshot = snapshot_of(heap, stable, globals=(), module=b"\0asm" + bytes(3_000_000))
    calls = 0

    def interrupt(_name: str, _done: int, _total: int) -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            raise Interrupted

    with pytest.raises(Interrupted):
        download(snapshot, tmp_path / "part", dialect=dialect, progress=interrupt)
    download(snapshot, tmp_path / "part", dialect=dialect, resume=True)
    download(snapshot, tmp_path / "whole", dialect=dialect)

    assert names(tmp_path / "part") == names(tmp_path / "whole")
    for name in names(tmp_path / "whole"):
        if name.endswith((".bin", ".json")):
            part = (tmp_path / "part" / name).read_bytes()
            assert part == (tmp_path / "whole" / name).read_bytes()


def test_a_resumed_download_does_not_write_again_what_is_there(
    snapshot: Snapshot, tmp_path: Path
) -> None:
    download(snapshot, tmp_path)
    (tmp_path / "wasm_memory.bin").write_bytes(b"x" * PAGE)
    download(snapshot, tmp_path, resume=True)

    heap = everything(snapshot)[0]
    assert isinstance(heap, bytes)
    assert (tmp_path / "wasm_memory.bin").read_bytes() == b"x" * PAGE + heap[PAGE:]


def test_another_snapshots_directory_is_not_resumed(
    canister: Canister, snapshot: Snapshot, tmp_path: Path
) -> None:
    download(snapshot, tmp_path)
    before = (tmp_path / "metadata.json").read_bytes()
    canister.update_raw("grow_heap")

    with pytest.raises(DirectoryRefused, match="another snapshot's"):
        download(canister.take_snapshot(), tmp_path, resume=True)

    assert (tmp_path / "metadata.json").read_bytes() == before


def test_a_directory_that_is_not_empty_is_refused_in_each_dialects_words(
    snapshot: Snapshot, tmp_path: Path
) -> None:
    (tmp_path / "metadata.json").write_text("mine")

    with pytest.raises(DirectoryRefused, match="to resume an aborted download, use `--resume`"):
        download(snapshot, tmp_path)
    with pytest.raises(DirectoryRefused, match="or choose an empty directory"):
        download(snapshot, tmp_path, dialect="icp-cli")

    assert names(tmp_path) == ["metadata.json"]
    assert (tmp_path / "metadata.json").read_text() == "mine"


def test_a_nan_global_is_refused_before_anything_is_written(ic: Sandbox, tmp_path: Path) -> None:
    snapshot = ic.install(POKE).take_snapshot()

    with pytest.raises(NotRepresentable, match="global 0 is the f64 nan"):
        download(snapshot, tmp_path / "new")

    assert not (tmp_path / "new").exists()


class Flaky:
    """A target that fails at the n-th piece, as a network may."""

    def __init__(self, target: ShelfTarget, fails_at: int) -> None:
        self.target = target
        self.left = fails_at
        self.id: SnapshotId | None = None
        self.pieces: list[Piece] = []

    def begin(self, metadata: Metadata) -> SnapshotId | Reject:
        begun = self.target.begin(metadata)
        self.id = begun if isinstance(begun, SnapshotId) else None
        return begun

    def put(self, id_: SnapshotId, piece: Piece, data: bytes) -> Reject | None:
        self.left -= 1
        if self.left < 0:
            raise TransferFailed("the line is dead")
        self.pieces.append(piece)
        return self.target.put(id_, piece, data)


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("fails_at", [0, 1, 2, 3])
def test_an_interrupted_upload_goes_on_to_the_same_state(
    ic: Sandbox,
    canister: Canister,
    snapshot: Snapshot,
    tmp_path: Path,
    dialect: Dialect,
    fails_at: int,
) -> None:
    download(snapshot, tmp_path, dialect=dialect)
    shelf, runtime = ic.world.snapshots, ic.world.existing(canister.id)
    checked = check(tmp_path, MAINNET, loader_of(runtime))
    target = Flaky(ShelfTarget(shelf, runtime), fails_at)
    with pytest.raises(TransferFailed):
        upload(checked, target, MAINNET, dialect=dialect)
    assert target.id is not None

    target.left = 99
    resumed = upload(checked, target, MAINNET, dialect=dialect, resume=target.id)

    assert resumed == target.id
    found = shelf.get(target.id)
    assert found is not None
    assert everything(found)[:4] == everything(snapshot)[:4]
    left = [name for name in names(tmp_path) if "progress" in name or name == f"{resumed}.json"]
    assert left == ([f"{resumed}.json"] if dialect is Dialect.DFX else [])


def test_an_upload_that_never_began_cannot_be_resumed(
    ic: Sandbox, canister: Canister, snapshot: Snapshot, tmp_path: Path
) -> None:
    download(snapshot, tmp_path)

    with pytest.raises(DirectoryRefused, match="the progress file was not found in directory"):
        taken_in(ic, canister, tmp_path, resume=SnapshotId.of(canister.id, 9))


# --- malformed


def edit(directory: Path, **changes: Any) -> None:
    path = directory / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def cut_heap(directory: Path) -> None:
    os.truncate(directory / "wasm_memory.bin", 100)


def lengthen_module(directory: Path) -> None:
    with (directory / "wasm_module.bin").open("ab") as file:
        file.write(b"\0")


def link_heap(directory: Path) -> None:
    (directory / "wasm_memory.bin").rename(directory / "elsewhere")
    (directory / "wasm_memory.bin").symlink_to("elsewhere")


def pipe_heap(directory: Path) -> None:
    (directory / "wasm_memory.bin").unlink()
    os.mkfifo(directory / "wasm_memory.bin")


def folder_module(directory: Path) -> None:
    (directory / "wasm_module.bin").unlink()
    (directory / "wasm_module.bin").mkdir()


def wrong_chunk(directory: Path) -> None:
    edit(directory, wasm_chunk_store=[{"hash": [7] * 32}])
    (directory / "wasm_chunk_store").mkdir()
    (directory / "wasm_chunk_store" / ("07" * 32 + ".bin")).write_bytes(b"something else")


def garbage_module(directory: Path) -> None:
    size = (directory / "wasm_module.bin").stat().st_size
    (directory / "wasm_module.bin").write_bytes(b"\0asm" + b"\xff" * (size - 4))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: (path / "metadata.json").unlink(), "metadata.json: No such file"),
        (lambda path: (path / "wasm_module.bin").unlink(), "wasm_module.bin: No such file"),
        (lambda path: (path / "wasm_memory.bin").unlink(), "wasm_memory.bin: No such file"),
        (lambda path: (path / "stable_memory.bin").unlink(), "stable_memory.bin: No such file"),
        (cut_heap, "has 100 bytes, but metadata.json says 131072"),
        (lengthen_module, "but metadata.json says"),
        (link_heap, "symbolic links"),
        (pipe_heap, "not a regular file"),
        (folder_module, "not a regular file"),
        (wrong_chunk, "do not hash to its name"),
        (garbage_module, "not a canister module"),
        (lambda path: edit(path, wasm_memory_size=100), "WasmMemoryNotPageAligned"),
        (lambda path: edit(path, stable_memory_size=1 << 50), "StableMemoryTooLarge"),
        (lambda path: edit(path, globals=[]), "but these are none"),
        (lambda path: edit(path, globals=[{"i32": 1}] * 4), "but these are i32, i32, i32, i32"),
        (lambda path: edit(path, certified_data=[1] * 33), "CertifiedDataTooLarge"),
        (lambda path: edit(path, wasm_chunk_store=[{"hash": [9] * 32}]), "No such file"),
    ],
)
def test_a_malformed_directory_is_refused_and_nothing_changes(
    ic: Sandbox, canister: Canister, snapshot: Snapshot, tmp_path: Path, spoil: Any, reason: str
) -> None:
    download(snapshot, tmp_path)
    spoil(tmp_path)
    state, listed, files = canister.checksum, canister.list_snapshots(), names(tmp_path)

    with pytest.raises(DirectoryRefused) as caught:
        taken_in(ic, canister, tmp_path)

    assert reason in str(caught.value)
    assert (canister.checksum, canister.list_snapshots()) == (state, listed)
    assert names(tmp_path) == files


def test_a_full_disk_is_told_and_the_download_can_go_on(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = os.pwrite

    def full(descriptor: int, data: memoryview, offset: int) -> int:
        if offset:
            raise OSError(28, "No space left on device")
        return written(descriptor, data[:1_000], offset)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(TransferFailed, match="No space left"):
        download(snapshot, tmp_path)
    monkeypatch.undo()

    download(snapshot, tmp_path, resume=True)

    assert (tmp_path / "wasm_module.bin").read_bytes() == snapshot.content.module
