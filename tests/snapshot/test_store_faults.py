"""What the disk may do to a store: refuse, write short, lose what was not synced, be killed."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import killed_worker
from sandbox.memory import new_region
from snapshot.store import Store, StoreError, StoreWriteFailed, collect, verify
from snapshot.store.files import Disk
from snapshot_world import (
    PAGE,
    FaultyDisk,
    PowerLossDisk,
    everything,
    region_of,
    snapshot_of,
)

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_whichever_operation_fails_nothing_acknowledged_is_lost(tmp_path: Path, code: int) -> None:
    heap = region_of({0: b"old", 1: os.urandom(PAGE)}, 2)
    old = snapshot_of(heap, label="old")
    with Store(tmp_path) as store:
        store.save(old)
    heap.write(0, b"new")
    new = snapshot_of(heap, label="new", number=1)

    failures = 0
    for fails_at in range(200):
        with Store(tmp_path, disk=FaultyDisk(fails_at, code)) as store:
            try:
                store.save(new)
            except StoreWriteFailed:
                failures += 1
                assert verify(store).is_sound
                assert everything(store.load(store.find("old"), new_region)) == everything(old)
                continue
        break

    assert failures > 5
    with Store(tmp_path) as store:
        assert everything(store.load(store.find("new"), new_region)) == everything(new)
        collect(store)
        assert verify(store).is_sound
        assert len(store.manifests()) == 2


@pytest.mark.slow
def test_whichever_operation_of_a_collection_fails_no_snapshot_is_hurt(tmp_path: Path) -> None:
    heap = region_of({page: os.urandom(PAGE) for page in range(3)}, 3)
    kept = snapshot_of(heap, label="kept", number=1)
    for fails_at in range(300):
        with Store(tmp_path / str(fails_at)) as store:
            more = region_of({5: os.urandom(PAGE), 6: os.urandom(PAGE)}, 9)
            doomed = store.save(snapshot_of(heap, more)).manifest
            store.save(kept)
            store.delete(doomed)
        with Store(tmp_path / str(fails_at), disk=FaultyDisk(fails_at)) as store:
            is_done = False
            with contextlib.suppress(StoreWriteFailed):
                collect(store)
                is_done = True
            assert verify(store).is_sound
            assert everything(store.load(store.find("kept"), new_region)) == everything(kept)
        if is_done:
            break
    assert fails_at > 3
    assert is_done


class FullDisk(Disk):
    """Takes no more files."""

    def create(self, path: Path) -> int:
        raise OSError(errno.ENOSPC, str(path))


def test_a_full_disk_is_first_cleared_of_what_nothing_needs(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        half_dead = region_of({0: b"x" * PAGE, 1: os.urandom(PAGE)}, 2)
        doomed = [store.save(snapshot_of(half_dead)).manifest]
        (half_needed,) = store.packs_path.iterdir()
        dead = region_of({0: os.urandom(PAGE)}, 1)
        doomed.append(store.save(snapshot_of(dead, number=1, module=b"another")).manifest)
        kept = snapshot_of(region_of({0: b"x" * PAGE}, 1), number=2)
        store.save(kept)
        for manifest in doomed:
            store.delete(manifest)

    with Store(tmp_path, disk=FullDisk()) as store, pytest.raises(StoreWriteFailed):
        collect(store)

    assert list((tmp_path / "packs").iterdir()) == [half_needed]
    with Store(tmp_path) as store:
        assert everything(store.load(store.manifests()[0], new_region)) == everything(kept)
        assert verify(store).is_sound


def test_a_power_cut_after_any_save_keeps_all_that_was_acknowledged(tmp_path: Path) -> None:
    heap = region_of({0: b"x"}, 4)
    base = None
    for number in range(6):
        heap.write(number % 4 * PAGE, os.urandom(99))
        snapshot = snapshot_of(heap, number=number)
        disk = PowerLossDisk()
        with Store(tmp_path, disk=disk) as store:
            base = store.save(snapshot, base=base)
        disk.cut_power()

        with Store(tmp_path) as store:
            assert verify(store).is_sound
            assert len(store.manifests()) == number + 1
            assert everything(store.load(base.manifest, new_region)) == everything(snapshot)


def test_a_power_cut_inside_a_save_leaves_a_sound_store(tmp_path: Path) -> None:
    class Cut(PowerLossDisk):
        left = 0

        def sync_directory(self, path: Path) -> None:
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.EIO, "no power")
            super().sync_directory(path)

    heap = region_of({0: b"x"}, 1)
    with Store(tmp_path) as store:
        store.save(snapshot_of(heap))
    heap.write(0, b"y")
    for left in range(3):
        disk = Cut()
        disk.left = left
        with Store(tmp_path, disk=disk) as store, contextlib.suppress(StoreError):
            store.save(snapshot_of(heap, number=1))
        disk.cut_power()

        with Store(tmp_path) as store:
            assert verify(store).is_sound
            assert len(store.manifests()) == (2 if left == 2 else 1)


@pytest.mark.slow
def test_a_process_killed_at_any_moment_leaves_all_it_acknowledged(tmp_path: Path) -> None:
    """Workers save, delete and collect until they are killed (SIGKILL).

    Three of four die in an operation on the disk that was drawn, the others whenever it is.
    """
    driver = Path(killed_worker.__file__)
    log = tmp_path / "acknowledged"
    rng = random.Random(4)
    store_path = tmp_path / "store"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(CHECKOUT), str(CHECKOUT / "tests")]),
    }
    parent = subprocess.Popen(
        [sys.executable, str(driver), str(store_path), str(log)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    runs = 200
    for run in range(runs):
        dies_at = rng.randrange(1, 60) if run % 4 else 0
        parent.stdin.write(f"{dies_at}\n")
        parent.stdin.flush()
        worker = int(parent.stdout.readline())
        if not dies_at:
            time.sleep(rng.uniform(0.0, 0.06))
            os.kill(worker, signal.SIGKILL)
        parent.stdout.readline()  # it was waited for
    parent.stdin.close()
    parent.wait()

    with Store(store_path) as store:
        assert verify(store).is_sound
        kept = {item.checksum for item in store.manifests()}
        acknowledged = log.read_text().splitlines()
        saved = [line.split()[1] for line in acknowledged if line.startswith("saved ")]
        dropped = {line.split()[1] for line in acknowledged if line.startswith("dropping ")}
        assert len(saved) > runs / 4
        assert set(saved) - dropped <= kept
        collect(store)
        for manifest in store.manifests():
            loaded = store.load(manifest, new_region)
            assert loaded.checksum == manifest.checksum
    parent.stdout.close()


@pytest.mark.slow
def test_processes_that_save_and_collect_at_once_do_not_hurt_each_other(tmp_path: Path) -> None:
    log = os.open(tmp_path / "acknowledged", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    Store(tmp_path / "store").close()
    workers = []
    for seed in (1, 2, 3):
        pid = os.fork()
        if not pid:
            try:
                # Each dies in its 400th operation, after some fifty saves.
                killed_worker.work(tmp_path / "store", log, seed, 400)
            finally:
                os._exit(1)
        workers.append(pid)
    ends = [os.waitpid(pid, 0)[1] for pid in workers]

    assert [os.WTERMSIG(end) for end in ends] == [signal.SIGKILL] * 3
    lines = (tmp_path / "acknowledged").read_text().splitlines()
    saved = {line.split()[1] for line in lines if line.startswith("saved ")}
    dropped = {line.split()[1] for line in lines if line.startswith("dropping ")}
    with Store(tmp_path / "store") as store:
        assert verify(store).is_sound
        kept = {item.checksum for item in store.manifests()}
        assert saved - dropped <= kept
        for manifest in store.manifests():
            assert store.load(manifest, new_region).checksum == manifest.checksum
    assert len(saved) > 60
