"""The low-memory hook runs once when little heap is left, and again after there was more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calling_room import caller
from canisters import universal as u
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
