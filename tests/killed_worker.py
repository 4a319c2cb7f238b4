"""The processes that ``test_store_faults`` kills: run with STORE and LOG as arguments.

For each line on its input, a number, it forks a worker, prints its pid, waits for it, prints
"done". A worker saves, deletes and collects, and writes down what was acknowledged, until it
is killed: by the test, or (the number is not 0) by itself in its n-th operation on the disk.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from snapshot.store import SnapshotUnknown, Store, StoreBusy, collect
from snapshot.store.files import Disk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snapshot.tree import Buffer
from snapshot_world import PAGE, region_of, snapshot_of


class DeadlyDisk(Disk):
    """A disk in whose n-th operation the process is killed; a write may be half done then."""

    def __init__(self, dies_at: int) -> None:
        self.left = dies_at or 1 << 60

    def _step(self) -> None:
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)

    def create(self, path: Path) -> int:
        self._step()
        return super().create(path)

    def write(self, descriptor: int, pieces: Sequence[Buffer]) -> int:
        if self.left == 1:
            super().write(descriptor, [memoryview(pieces[0])[: len(pieces[0]) // 2 + 1]])
        self._step()
        return super().write(descriptor, pieces)

    def sync(self, descriptor: int) -> None:
        self._step()
        super().sync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        self._step()
        super().rename(source, target)
        self._step()

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)


def work(path: Path, log: int, seed: int, dies_at: int) -> None:
    """Use the store until killed."""
    rng = random.Random(seed)
    heap = region_of({page: rng.randbytes(500) for page in range(6)}, 8)
    base = None
    number = seed << 20
    with Store(path, disk=DeadlyDisk(dies_at)) as store:
        while True:
            number += 1
            heap.write(rng.randrange(8) * PAGE, rng.randbytes(3_000))
            snapshot = snapshot_of(heap, number=number)
            base = store.save(snapshot, base=base)
            # One write each, to a file opened for appending: a kill cannot tear it.
            os.write(log, f"saved {base.manifest.checksum}\n".encode())
            listed = store.manifests()
            if len(listed) > 12:
                doomed = listed[0]
                os.write(log, f"dropping {doomed.checksum}\n".encode())
                with contextlib.suppress(SnapshotUnknown):  # another worker was faster
                    store.delete(doomed)
            if rng.random() < 0.4:
                with contextlib.suppress(StoreBusy):
                    collect(store)


def main() -> None:
    """Fork a worker for each line of input."""
    path, log_path = map(Path, sys.argv[1:])
    log = os.open(log_path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    Store(path).close()
    for seed, line in enumerate(sys.stdin, start=1):
        pid = os.fork()
        if not pid:
            work(path, log, seed, int(line))
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("done", flush=True)


if __name__ == "__main__":
    main()
