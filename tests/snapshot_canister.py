"""The smallest canister that writes wherever it is told, for tests of snapshots."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sandbox.handle import Canister

# poke: i32 where, then bytes; into the heap, the stable memory, the global, the certified data.
POKE: Final = b"""(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $copy (param i32 i32 i32)))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
  (import "ic0" "certified_data_set" (func $certify (param i32 i32)))
  (import "ic0" "global_timer_set" (func $timer (param i64) (result i64)))
  (memory (export "memory") 2 100)
  (global $count (mut i64) (i64.const 5))
  (global $ratio (export "ratio") (mut f64) (f64.const nan:0x8000000000001))
  (global (export "answer") i32 (i32.const 42))
  (global $wide (mut v128) (v128.const i32x4 1 0 2 0))
  (func $where (result i32)
    (call $copy (i32.const 0) (i32.const 0) (i32.const 4)) (i32.load (i32.const 0)))
  (func $heap (export "canister_update heap")
    (call $copy (call $where) (i32.const 4) (i32.sub (call $size) (i32.const 4)))
    (i32.store (i32.const 0) (i32.const 0))
    (global.set $count (i64.add (global.get $count) (i64.const 1)))
    (call $reply))
  (func (export "canister_update heap_and_trap")
    (call $heap)
    (unreachable))
  (func (export "canister_update stable")
    (call $copy (i32.const 64) (i32.const 4) (i32.sub (call $size) (i32.const 4)))
    (call $write (i64.extend_i32_u (call $where)) (i64.const 64)
      (i64.extend_i32_u (i32.sub (call $size) (i32.const 4))))
    (call $reply))
  (func (export "canister_update grow_heap")
    (drop (memory.grow (i32.const 1))) (call $reply))
  (func (export "canister_update grow_stable")
    (drop (call $grow (i64.const 1))) (call $reply))
  (func (export "canister_update certify")
    (call $copy (i32.const 128) (i32.const 0) (call $size))
    (call $certify (i32.const 128) (call $size)) (call $reply))
  (func (export "canister_update timer")
    (call $copy (i32.const 128) (i32.const 0) (i32.const 8))
    (drop (call $timer (i64.load (i32.const 128)))) (call $reply))
)"""


def poke(canister: Canister, memory: str, where: int, data: bytes) -> None:
    """Write bytes into ``heap`` or ``stable``."""
    canister.update_raw(memory, struct.pack("<I", where) + data)
