"""The processes that ``test_store_faults`` kills: run with STORE and LOG as arguments.

For each line on its input it forks a worker, prints its pid, waits for it, prints "done".
A worker saves, deletes and collects for ever, and writes down what was acknowledged.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
from pathlib import Path

from snapshot.store import Store, StoreBusy, collect
from snapshot_world import PAGE, region_of, snapshot_of


def work(path: Path, log: int, seed: int) -> None:
    """Use the store until killed."""
    rng = random.Random(seed)
    heap = region_of({page: rng.randbytes(500) for page in range(6)}, 8)
    base = None
    number = seed << 20
    with Store(path) as store:
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
                store.delete(doomed)
            if rng.random() < 0.4:
                with contextlib.suppress(StoreBusy):
                    collect(store)


def main() -> None:
    """Fork a worker for each line of input."""
    path, log_path = map(Path, sys.argv[1:])
    log = os.open(log_path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    Store(path).close()
    for seed, _ in enumerate(sys.stdin, start=1):
        pid = os.fork()
        if not pid:
            work(path, log, seed)
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("done", flush=True)


if __name__ == "__main__":
    main()
