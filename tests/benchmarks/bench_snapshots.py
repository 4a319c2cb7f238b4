"""What snapshots cost: taking, loading, keeping, storing, moving, cloning.

The rows of design section 8 about snapshots. Times are the best of some tries in this one
run; the store's are with fsync, in the directory for temporary files. Needs 4 GiB of
memory and 2 GiB of disk for a minute.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from benchmarks.report import Row
from sandbox import Sandbox
from sandbox.execution.canister import Held
from sandbox.memory import mapped_region, new_region
from sandbox.principal import Principal
from snapshot.content import Content
from snapshot.directory import download
from snapshot.ids import SnapshotId
from snapshot.insight import diff_memories
from snapshot.record import Origin, Snapshot, Source
from snapshot.store import Store, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sandbox.handle import Canister
    from sandbox.memory import Region
    from snapshot.store import Saved

MIB, GIB = 1 << 20, 1 << 30
_OS_PAGE: Final = 4_096
# fill: writes every page of the heap. touch: the first word of ten pages, spread.
_CANISTER: Final = """(module
  (import "ic0" "msg_reply" (func $reply))
  (memory (export "memory") {pages})
  (func (export "canister_update fill") (local $at i32)
    (loop $more
      (i64.store (local.get $at) (i64.const 0x123456789))
      (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (br_if $more (i32.lt_u (local.get $at) (i32.const {bytes}))))
    (call $reply))
  (func (export "canister_update touch") (local $at i32)
    (loop $more
      (i64.store (local.get $at) (i64.add (i64.const 1) (i64.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const {step})))
      (br_if $more (i32.lt_u (local.get $at) (i32.const {bytes}))))
    (call $reply)))"""


def rows() -> Iterable[Row]:
    """Yield the rows."""
    with tempfile.TemporaryDirectory(prefix="bench-snapshots-") as directory:
        yield from _in_memory_rows()
        yield from _kept_rows()
        yield from _store_rows(Path(directory))
        yield from _version_rows(Path(directory))


def _in_memory_rows() -> Iterable[Row]:
    with Sandbox() as ic:
        times = {size: _take_and_load_us(_filled(ic, size)) for size in (MIB, GIB)}
        big = _filled(ic, GIB)
        copy_us = _best_us(lambda: bytes(big.heap), tries=2)
        clone_us = _clone_us(ic, big)
    (take_small, _), (take_big, load_big) = times[MIB], times[GIB]
    yield Row(
        "take an in-memory snapshot of 1 GiB", f"{take_big:.0f} µs", "≤ 100 µs, ratio ≤ 2",
        f"{take_big / take_small:.2f} × that of 1 MiB",
    )  # fmt: skip
    yield Row(
        "load it after 10 changed pages", f"{load_big:.0f} µs", "≤ 300 µs, ≥ 100 × faster",
        f"{copy_us / load_big:,.0f} × faster than copying the memory",
    )  # fmt: skip
    yield Row(
        "clone a canister of 1 GiB (create, share its pages)", f"{clone_us / 1e3:.1f} ms", "",
        f"{copy_us / clone_us:,.0f} × faster than copying the memory",
    )  # fmt: skip


def _kept_rows() -> Iterable[Row]:
    """Measure 100 snapshots of 256 MiB with 1 % changed between any two."""
    region, rng = _random_region(256 * MIB), random.Random(1)
    base = region.allocated_bytes
    kept = []
    for _ in range(100):
        kept.append(Held(region))
        _change(region, 0.01, rng)
    more = region.allocated_bytes - base
    assert len(kept) == 100
    yield Row(
        "memory held by 100 snapshots of 256 MiB, 1 % changed each", f"{more / MIB:,.0f} MiB", "",
        f"{100 * 256 * MIB / more:,.0f} × less than 100 copies",
    )  # fmt: skip
    region.close()


def _store_rows(directory: Path) -> Iterable[Row]:
    region, rng = _random_region(GIB), random.Random(2)
    plain_s = _plain_write_s(region, directory)
    with Store(directory / "store") as store:
        first = _snapshot(region, 0)
        start = perf_counter()
        saved = store.save(first)
        first_s = perf_counter() - start
        yield Row(
            "first durable snapshot of 1 GiB", f"{GIB / first_s / 1e6:,.0f} MB/s", "≥ 600 MB/s",
            f"{first_s / plain_s:.2f} × a plain write with fsync",
        )  # fmt: skip
        for name, is_scattered in (
            ("1 % changed, in one place", False),
            ("1 % changed, scattered over all chunks", True),
        ):
            _change(region, 0.01, rng, is_scattered=is_scattered)
            later = _snapshot(region, 1 + is_scattered)
            start = perf_counter()
            saved = store.save(later, base=saved)
            spent = perf_counter() - start
            yield Row(
                f"durable snapshot of 1 GiB, {name}", f"{spent * 1e3:,.0f} ms", "≤ 100 ms",
                f"{first_s / spent:,.0f} × faster than the first",
            )  # fmt: skip
        start = perf_counter()
        loaded = store.load(saved.manifest, new_region)
        load_s = perf_counter() - start
        yield Row("load 1 GiB from the store, verified", f"{GIB / load_s / 1e6:,.0f} MB/s")
        yield _mapped_row(store, saved, load_s)
        start = perf_counter()
        report = verify(store)
        assert report.is_sound
        spent = perf_counter() - start
        yield Row("verify the store", f"{report.bytes_read / spent / 1e6:,.0f} MB/s")
        yield from _other_rows(first, later, loaded, directory)
    region.close()


def _mapped_row(store: Store, saved: Saved, load_s: float) -> Row:
    with Store(store.path) as again:
        start = perf_counter()
        mapped = again.load(saved.manifest, new_region, mapped_region)
        spent = perf_counter() - start
        region = mapped.content.heap.region
    shared_share = 1 - region.allocated_bytes / GIB
    assert shared_share > 0.9, "it was read"
    return Row(
        "open 1 GiB of the store, mapped, 2 % changed since", f"{spent * 1e3:,.0f} ms", "",
        f"{load_s / spent:,.0f} × faster than reading it",
    )  # fmt: skip


def _other_rows(
    first: Snapshot, later: Snapshot, loaded: Snapshot, directory: Path
) -> Iterable[Row]:
    start = perf_counter()
    found = diff_memories(first.content.heap, later.content.heap)
    marks_s = perf_counter() - start
    start = perf_counter()
    same = diff_memories(first.content.heap, loaded.content.heap)
    regions_s = perf_counter() - start
    assert found.pages == same.pages
    yield Row(
        "difference of two snapshots of 1 GiB, 2 % changed", f"{marks_s * 1e3:,.0f} ms", "",
        f"{regions_s / marks_s:,.0f} × faster than of two separate memories",
    )  # fmt: skip
    start = perf_counter()
    download(first, directory / "download")
    spent = perf_counter() - start
    yield Row("download 1 GiB to a directory", f"{GIB / spent / 1e6:,.0f} MB/s")
    shutil.rmtree(directory / "download")


def _version_rows(directory: Path) -> Iterable[Row]:
    """Measure 20 versions of a 1 MiB module over the same 64 MiB of data."""
    region, rng = _random_region(64 * MIB), random.Random(3)
    module = b"\0asm\1\0\0\0" + rng.randbytes(MIB)
    saved = None
    with Store(directory / "versions") as store:
        for version in range(20):
            at = rng.randrange(8, MIB)
            module = module[:at] + bytes([version]) + module[at + 1 :]
            saved = store.save(_snapshot(region, version, module), base=saved)
        size = sum(path.stat().st_size for path in store.path.rglob("*") if path.is_file())
    yield Row(
        "store of 20 versions of a 1 MiB module, the same 64 MiB of data",
        f"{size / MIB:,.1f} MiB", "", f"{20 * 65 * MIB / size:,.0f} × less than 20 copies",
    )  # fmt: skip
    region.close()


def _filled(ic: Sandbox, size_bytes: int) -> Canister:
    source = _CANISTER.format(
        pages=size_bytes // 65_536, bytes=size_bytes, step=size_bytes // 10 // 4_096 * 4_096 + 4_096
    )
    canister = ic.install(source.encode())
    canister.update_raw("fill")
    return canister


def _take_and_load_us(canister: Canister) -> tuple[float, float]:
    takes, loads = [], []
    for _ in range(30):
        start = perf_counter()
        snapshot = canister.take_snapshot()
        takes.append(perf_counter() - start)
        canister.update_raw("touch")
        start = perf_counter()
        canister.load_snapshot(snapshot)
        loads.append(perf_counter() - start)
        canister.delete_snapshot(snapshot)
    return sorted(takes)[15] * 1e6, sorted(loads)[15] * 1e6


def _clone_us(ic: Sandbox, canister: Canister) -> float:
    snapshot = canister.take_snapshot()
    ic.snapshots.clone(snapshot)  # the first one makes the file a shared one
    return _best_us(lambda: ic.snapshots.clone(snapshot), tries=10)


def _best_us(action: Callable[[], object], *, tries: int) -> float:
    times = []
    for _ in range(tries):
        start = perf_counter()
        action()
        times.append(perf_counter() - start)
    return min(times) * 1e6


def _random_region(size_bytes: int) -> Region:
    region, rng = new_region(size_bytes), random.Random(0)
    for offset in range(0, size_bytes, MIB):
        region.write(offset, rng.randbytes(MIB))
    return region


def _change(
    region: Region, share: float, rng: random.Random, *, is_scattered: bool = False
) -> None:
    """Change some bytes in this share of the OS pages, neighbours or anywhere."""
    pages = region.size_bytes // _OS_PAGE
    count = int(pages * share)
    first = rng.randrange(pages - count)
    chosen = rng.sample(range(pages), count) if is_scattered else range(first, first + count)
    for page in chosen:
        region.write(page * _OS_PAGE + rng.randrange(4_000), rng.randbytes(16))


def _snapshot(region: Region, number: int, module: bytes = b"\0asm\1\0\0\0") -> Snapshot:
    content = Content(module, (), Held(region), Held(new_region(0)))
    id_ = SnapshotId.of(Principal.from_index(1), number)
    return Snapshot(id_, number, "", Origin(Source.TAKEN, 1), lambda: content)


def _plain_write_s(region: Region, directory: Path) -> float:
    """Return how long it takes to write the same bytes to a file and sync it."""
    from snapshot.store.files import Disk, NewFile

    start = perf_counter()
    with NewFile(Disk(), directory) as file:
        for offset in range(0, region.size_bytes, MIB):
            file.append([region.read(offset, MIB)])
        file.publish(directory / "plain")
    spent = perf_counter() - start
    (directory / "plain").unlink()
    return spent


if __name__ == "__main__":
    from benchmarks.report import machine, markdown

    print(machine())
    print(markdown(rows()))
