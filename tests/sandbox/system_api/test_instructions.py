"""What the system API charges, in a canister that asks: performance_counter, limits, pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from sandbox import CanisterTrapped, Sandbox
from sandbox.limits import MAINNET

if TYPE_CHECKING:
    from sandbox import Canister
    from sandbox.engine import Compiler

# Replies with what some code costs: the counter behind it less the counter before.
ASKING: Final = """(module
  (import "ic0" "performance_counter" (func $counter (param i32) (result i64)))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "time" (func $time (result i64)))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
  (import "ic0" "is_controller" (func $is_controller (param i32 i32) (result i32)))
  (memory 2)
  (func (export "canister_update ask") (local $before i64)
    (local.set $before (call $counter (i32.const 0)))
    {code}
    (i64.store (i32.const 0)
      (i64.sub (call $counter (i32.const 0)) (local.get $before)))
    (call $append (i32.const 0) (i32.const 8))
    (call $reply)))"""
# Instructions of Wasm are charged where their block begins, before the first look.
COSTS: Final = {
    "": 0,
    "(drop (call $time))": 500,
    "(drop (call $is_controller (i32.const 0) (i32.const 4)))": 1_000 + 4,
    "(call $append (i32.const 0) (i32.const 1000))": 500 + 1_000,
    "(drop (call $grow (i64.const 1)))": 500,
    "(drop (call $grow (i64.const 1))) (call $write (i64.const 0) (i64.const 0) (i64.const 64))":
        500 + 20 + 64,
}  # fmt: skip


@pytest.mark.parametrize("code", COSTS)
def test_a_system_call_costs_its_overhead_and_its_bytes(ic: Sandbox, code: str) -> None:
    canister = ic.install(ASKING.format(code=code).encode())

    reply = canister.update_raw("ask")

    assert int.from_bytes(reply[-8:], "little") - _nothing(ic) == COSTS[code]


def test_changed_pages_are_charged_when_the_message_is_done(ic: Sandbox) -> None:
    canister = ic.install(b"""(module
      (import "ic0" "msg_reply" (func $reply))
      (memory 9)
      (func (export "canister_update one") (i32.store (i32.const 0) (i32.const 1)) (call $reply))
      (func (export "canister_update two") (i32.store (i32.const 8192) (i32.const 1))
        (i32.store (i32.const 16384) (i32.const 1)) (call $reply)))""")

    assert _instructions(ic, canister, "one") == 1 + 3 + 5 + 500 + 1_000
    assert _instructions(ic, canister, "two") == 1 + 6 + 5 + 500 + 2_000
    # the same bytes again are no change
    assert _instructions(ic, canister, "two") == 1 + 6 + 5 + 500


def test_a_64_bit_heap_pays_four_times_for_a_page(ic: Sandbox) -> None:
    canister = ic.install(b"""(module
      (import "ic0" "msg_reply" (func $reply))
      (memory i64 1)
      (func (export "canister_update one")
        (i32.store (i64.const 0) (i32.const 1)) (call $reply)))""")

    assert _instructions(ic, canister, "one") == 1 + 4 + 5 + 500 + 4_000


def test_system_calls_use_up_the_limit(compiler: Compiler) -> None:
    with Sandbox(compiler=compiler, limits=MAINNET.relaxed(update_instructions=200_000)) as ic:
        canister = ic.install(b"""(module
          (import "ic0" "time" (func $time (result i64)))
          (func (export "canister_update few") (call $few))
          (func $few (local $left i32) (local.set $left (i32.const 390))
            (loop $next (drop (call $time))
              (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
          (func (export "canister_update more") (call $few) (call $few)))""")

        with pytest.raises(CanisterTrapped, match="IC0522"):
            canister.update_raw("more")
        with pytest.raises(Exception, match="IC0506"):  # within the limit, but no reply
            canister.update_raw("few")


def _nothing(ic: Sandbox) -> int:
    reply = ic.install(ASKING.format(code="").encode()).update_raw("ask")
    return int.from_bytes(reply, "little")


def _instructions(ic: Sandbox, canister: Canister, method: str) -> int:
    with ic.trace() as trace:
        canister.update_raw(method)
    return trace.executions[0].instructions
