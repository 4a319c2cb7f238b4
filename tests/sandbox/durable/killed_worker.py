"""Worlds whose processes are killed: ``python killed_worker.py DIRECTORY RUNS SEED``.

Forks one worker after the other. A worker opens the world, says what it found, then counts two
counters up, replaces a snapshot, saves, and acknowledges, for ever; it is killed at a
random moment. Prints one JSON line per run: what it found and what it had acknowledged.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
from pathlib import Path

from sandbox import Sandbox

# Loaded before the fork, so that a worker's life is spent in the world and not in imports.
import sandbox.demo.story  # isort: skip
import sandbox.durable.directory  # noqa: F401 # isort: skip

WAT = Path(__file__).parents[3] / "wat" / "counter.wat"


def value(canister: object) -> int:
    return int.from_bytes(canister.query_raw("get"), "little")  # type: ignore[attr-defined]  # a handle


def begin(directory: str) -> None:
    with Sandbox(directory) as ic:
        for name in ("one", "two"):
            ic.install(WAT, name=name)
        ic.canister("one").take_snapshot("0")


def found(ic: Sandbox) -> dict[str, object]:
    one, two = ic.canister("one"), ic.canister("two")
    (snapshot,) = one.list_snapshots()
    heap = snapshot.content.heap
    kept = int.from_bytes(heap.region.read(8, 4, at=heap.mark), "little")
    return {"found": [value(one), value(two), int(snapshot.label), kept]}


def work(directory: str, report: int) -> None:
    def say(line: object) -> None:
        os.write(report, json.dumps(line).encode() + b"\n")

    with Sandbox(directory) as ic:
        say(found(ic))
        one, two = ic.canister("one"), ic.canister("two")
        while True:
            one.update_raw("inc")
            two.update_raw("inc")
            (old,) = one.list_snapshots()
            one.take_snapshot(str(value(one)), replace=old)
            ic.save()
            say({"acknowledged": value(one)})


def run_and_kill(directory: str, rng: random.Random) -> dict[str, object]:
    """Let a worker live for a random time after it has opened the world; return what it said."""
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(receive)
        try:
            work(directory, send)
        finally:
            os._exit(1)
    os.close(send)
    with os.fdopen(receive, "rb", buffering=0) as reader:
        if rng.random() < 0.8:  # the others are killed while they open it
            select.select([reader], [], [], 20)
        select.select([], [], [], rng.uniform(0, 0.06))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        lines = [json.loads(line) for line in reader.readall().splitlines()]
    return {key: item for line in lines for key, item in line.items()}


def main(directory: str, runs: int, seed: int) -> None:
    if os.fork() == 0:  # compiling starts threads, which a fork does not take along
        begin(directory)
        os._exit(0)
    os.wait()
    rng = random.Random(seed)
    for _ in range(runs):
        print(json.dumps(run_and_kill(directory, rng)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
