"""The low-memory hook runs once when little heap is left, and again after there was more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from calling_room import caller
from canisters import universal as u
from engine_room import runtime_of
from sandbox.state import LowMemoryHook

if TYPE_CHECKING:
    from sandbox import Canister, Sandbox

MIB = 1 << 20


def watched(ic: Sandbox, free_bytes: int) -> Canister:
    """Install a canister that counts its hook's runs, with so much heap left to the hook."""
    canister = caller(ic)
    count = u.store(u.scratch(), u.load(u.scratch()) + 1)
    canister.update_raw("update", u.on(u.Hook.ON_LOW_WASM_MEMORY, count) + u.reply())
    limit = len(canister.heap) + 64 * MIB
    ic.management.update_settings(
        canister_id=canister.id,
        settings={
            "wasm_memory_limit": limit,
            "wasm_memory_threshold": 64 * MIB - free_bytes,
        },
    )
    return canister


def grow(canister: Canister, bytes_: int) -> None:
    canister.update_raw(
        "update", u.evaluate(u.heap_grow(bytes_ >> 16)) + u.store(u.scratch(8), 1) + u.reply()
    )


def runs(canister: Canister) -> int:
    return int.from_bytes(canister.query_raw("query", u.reply(u.load(u.scratch()))), "little")


def status(ic: Sandbox, canister: Canister) -> LowMemoryHook:
    return ic.world.canisters[canister.id].state.low_memory_hook


def test_the_hook_runs_once_when_memory_gets_low(ic: Sandbox) -> None:
    canister = watched(ic, free_bytes=MIB)

    grow(canister, MIB // 2)
    early = runs(canister)
    grow(canister, MIB)
    grow(canister, MIB)

    assert (early, runs(canister)) == (0, 1)
    assert status(ic, canister) is LowMemoryHook.EXECUTED


def test_a_setting_can_make_memory_low_and_plentiful_again(ic: Sandbox) -> None:
    canister = watched(ic, free_bytes=MIB)

    for threshold in (65 * MIB, 1, 65 * MIB):
        ic.management.update_settings(
            canister_id=canister.id, settings={"wasm_memory_threshold": threshold}
        )
        ic.tick()

    assert runs(canister) == 2


def test_without_a_threshold_there_is_no_hook(ic: Sandbox) -> None:
    canister = watched(ic, free_bytes=64 * MIB)

    grow(canister, 32 * MIB)

    assert runs(canister) == 0
    assert status(ic, canister) is LowMemoryHook.CONDITION_NOT_SATISFIED


@pytest.mark.parametrize("address", ["i32", "i64"])
def test_without_a_limit_four_gib_are_all_there_is_also_for_64_bit_heaps(
    ic: Sandbox, address: str
) -> None:
    canister = ic.install(
        f"""(module (import "ic0" "msg_reply" (func $reply))
          (memory {address} 1)
          (global $runs (mut i32) (i32.const 0))
          (func (export "canister_update grow")
            (drop (memory.grow ({address}.const 16)))
            ({address}.store ({address}.const 8) ({address}.const 1))
            (call $reply))
          (func (export "canister_on_low_wasm_memory")
            (global.set $runs (i32.add (global.get $runs) (i32.const 1)))))""".encode()
    )
    ic.management.update_settings(
        canister_id=canister.id, settings={"wasm_memory_threshold": (4 << 30) - MIB}
    )
    before = runtime_of(canister).state.globals

    canister.update_raw("grow")

    assert (before, runtime_of(canister).state.globals) == ((0,), (1,))


def test_what_a_snapshot_holds_is_not_there_for_the_heap(ic: Sandbox) -> None:
    canister = caller(ic)
    count = u.store(u.scratch(), u.load(u.scratch()) + 1)
    canister.update_raw("update", u.on(u.Hook.ON_LOW_WASM_MEMORY, count) + u.reply())
    used = ic.management.canister_status(canister_id=canister.id).memory_size
    ic.management.update_settings(
        canister_id=canister.id,
        settings={"memory_allocation": used + 64 * MIB, "wasm_memory_threshold": 64 * MIB - 65_536},
    )
    ic.tick()
    before = runs(canister)

    canister.take_snapshot()
    grow(canister, 65_536)

    assert (before, runs(canister)) == (0, 1)
