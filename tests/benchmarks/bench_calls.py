"""Calls between canisters, and many canisters at once.

A call is what its caller sees: two messages with a queue between them, both paid for. The
baseline is the same pair of messages as two updates from outside.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from benchmarks.report import Row, best_us
from sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

_CALLS: Final = 2_000
_CANISTERS: Final = 100
# Makes as many calls to the canister in its init argument as the message's argument says,
# one after the other, each from the reply callback of the one before.
_CALLER: Final = b"""(module
  (import "ic0" "msg_arg_data_copy" (func $argument (param i32 i32 i32)))
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "call_new" (func $new (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "ic0" "call_perform" (func $perform (result i32)))
  (import "ic0" "msg_reply" (func $reply))
  (memory 1)
  (table funcref (elem $next))
  (data (i32.const 64) "go")
  (func $next (param i32)
    (if (i32.eqz (i32.load (i32.const 0))) (then (call $reply) (return)))
    (i32.store (i32.const 0) (i32.sub (i32.load (i32.const 0)) (i32.const 1)))
    (call $new (i32.const 32) (i32.load (i32.const 16)) (i32.const 64) (i32.const 2)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (drop (call $perform)))
  (func (export "canister_init")
    (i32.store (i32.const 16) (call $size))
    (call $argument (i32.const 32) (i32.const 0) (call $size)))
  (func (export "canister_update run")
    (call $argument (i32.const 0) (i32.const 0) (i32.const 4))
    (call $next (i32.const 0))))"""
_CALLEE: Final = b"""(module
  (import "ic0" "msg_reply" (func $reply))
  (memory 1)
  (func (export "canister_update go")
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (call $reply)))"""
# A heap of 1 MiB of which every page holds something.
_FULL: Final = b"""(module
  (import "ic0" "msg_reply" (func $reply))
  (memory 16)
  (func (export "canister_init") (memory.fill (i32.const 0) (i32.const 7) (i32.const 1048576)))
  (func (export "canister_update go")
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (call $reply)))"""


def rows() -> Iterator[Row]:
    """Measure everything."""
    with Sandbox() as ic:
        yield from _calls(ic)
    yield from _many()


def _calls(ic: Sandbox) -> Iterator[Row]:
    callee = ic.install(_CALLEE)
    caller = ic.install(_CALLER, bytes(callee.id), cycles=10**18)
    argument = _CALLS.to_bytes(4, "little")
    ours = best_us(lambda: caller.update_raw("run", argument), repeat=1) / _CALLS
    update = best_us(lambda: callee.update_raw("go"))
    yield Row(
        "inter-canister calls/s, WAT",
        f"{1e6 / ours:,.0f}",
        "≥ 3,000",
        f"{ours / update:.1f}× an update from outside",
    )
    with ic.trace():
        traced = best_us(lambda: caller.update_raw("run", argument), repeat=1, rounds=3) / _CALLS
    yield Row("the same while traced", f"{1e6 / traced:,.0f}", "", f"{traced / ours:.2f}× as long")


def _many() -> Iterator[Row]:
    before = _resident_bytes()
    with Sandbox() as ic:
        ic.install(_FULL)
        start = time.perf_counter()
        canisters = [ic.install(_FULL) for _ in range(_CANISTERS)]
        each_ms = (time.perf_counter() - start) / _CANISTERS * 1e3
        regions = sum(
            runtime.heap.allocated_bytes + runtime.stable.allocated_bytes
            for runtime in ic.world.canisters.values()
        )
        held = (_resident_bytes() - before + regions) / (_CANISTERS + 1) / (1 << 20)
        yield Row(f"create and install one of {_CANISTERS} with 1 MiB heaps", f"{each_ms:.1f} ms")
        yield Row("memory of each of them", f"{held:.2f} MiB", "", f"{held:.2f}× its heap")
        update = best_us(lambda: [canister.update_raw("go") for canister in canisters], repeat=1)
        yield Row("update, a different one each time", f"{update / _CANISTERS:.0f} µs")
        mark = best_us(lambda: ic.anchor().rewind(), repeat=20)
        yield Row(f"anchor over {_CANISTERS} canisters, set and rewound", f"{mark:.0f} µs")


def _resident_bytes() -> int:
    """Return the process's own memory; what lies in the files of regions is not in it."""
    with open("/proc/self/smaps_rollup", encoding="ascii") as file:  # noqa: PTH123  # a kernel file
        fields = dict(line.split(":", 1) for line in file if ":" in line and "kB" in line)
    return int(fields["Pss"].split()[0]) << 10
