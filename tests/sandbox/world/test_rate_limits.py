"""Rate limits: what is used beyond a round's share is refused or waits, until it is paid off."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from calling_room import ALICE, IDLE, caller
from canisters import universal as u
from canisters.build import built as built_canister
from engine_room import compiler, open_sandbox, runtime_of
from sandbox import CanisterRejected, Sandbox
from sandbox.candid.values import VariantValue
from sandbox.limits import MAINNET, MIB, STRICT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox import Canister

PAGE = 4096
# Writes 20 OS pages each time; the limit below is 16 of them.
WRITER = b"""(module
  (import "ic0" "msg_reply" (func $reply))
  (memory 4)
  (global $times (mut i32) (i32.const 0))
  (func (export "canister_update write") (local $at i32)
    (global.set $times (i32.add (global.get $times) (i32.const 1)))
    (loop $next
      (i32.store (local.get $at) (global.get $times))
      (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 81920))))
    (call $reply))
  (func (export "canister_update rest") (call $reply)))"""
SHARE = 16 * PAGE


@pytest.fixture
def ic() -> Iterator[Sandbox]:
    with open_sandbox(limits=MAINNET.relaxed(heap_delta_bytes_per_round=SHARE)) as opened:
        yield opened


def built() -> str:
    return str(built_canister("c/wasm32/universal"))


def debit(canister: Canister) -> int:
    return runtime_of(canister).state.heap_delta_debit_bytes


def heavy(ic: Sandbox) -> Canister:
    """Install a canister that has written more than its share in this round."""
    canister = ic.install(WRITER)
    canister.update_raw("write")
    assert debit(canister) == 20 * PAGE
    return canister


def test_without_the_limits_nothing_is_counted_and_nothing_refused() -> None:
    with open_sandbox() as ic:
        canister = ic.install(WRITER)
        canister.update_raw("write")
        for _ in range(3):
            canister.reinstall(WRITER)

        assert debit(canister) == 0


# --- install_code


def installing(instructions: int) -> Sandbox:
    limits = MAINNET.relaxed(install_instructions_per_round=instructions, compile_instructions=0)
    return open_sandbox(limits=limits)


def test_an_installation_waits_until_the_last_one_is_paid_off() -> None:
    with installing(1_000) as ic:
        work = u.repeat(100, b"")
        canister = ic.create_canister()
        cost = canister.install(built(), work).instructions
        rounds = -(-cost // 1_000)
        assert rounds > 2

        for _ in range(rounds - 1):
            ic.tick()
        version = canister.status().version
        with pytest.raises(CanisterRejected) as caught:
            canister.upgrade(built(), work)
        assert canister.status().version == version
        ic.tick()
        canister.upgrade(built(), work)

    assert caught.value.error_code == "IC0209"
    assert caught.value.message == (
        f"Canister {canister.id} is rate limited because it executed too many instructions in the "
        "previous install_code messages. Please retry installation after several minutes.\n"
        "Retry the installation at a later time. See documentation: https://internetcomputer.org"
        "/docs/current/references/execution-errors#install-code-rate-limited"
    )


def test_a_second_of_the_clock_is_a_round() -> None:
    with installing(1_000) as ic:
        canister = ic.create_canister()
        cost = canister.install(built(), u.repeat(100, b"")).instructions

        ic.time_ns += -(-cost // 1_000) * 10**9

        canister.reinstall(built(), b"")


def test_a_debit_counts_no_more_when_the_limit_is_lifted(tmp_path: Path) -> None:
    limits = STRICT.relaxed(install_instructions_per_round=1, heap_delta_bytes_per_round=1)
    with Sandbox(tmp_path, compiler=compiler(), limits=limits) as ic:
        ic.install(WRITER, name="writer").update_raw("write")

    with Sandbox(tmp_path, compiler=compiler()) as ic, pytest.raises(CanisterRejected):
        ic.canister("writer").reinstall(WRITER)
    with Sandbox(tmp_path, compiler=compiler(), limits=MAINNET) as ic:
        ic.canister("writer").reinstall(WRITER)
        ic.management.take_canister_snapshot(canister_id=ic.canister("writer").id)


def test_a_failed_installation_counts_too() -> None:
    with installing(1_000) as ic:
        canister = ic.create_canister()
        with pytest.raises(CanisterRejected, match="IC0502"):
            canister.install(built(), u.repeat(100, b"") + u.unreachable())

        with pytest.raises(CanisterRejected, match="IC0209"):
            canister.install(built(), b"")


def test_compiling_counts_as_well() -> None:
    with open_sandbox(limits=STRICT.relaxed(install_instructions_per_round=1)) as ic:
        canister = ic.install(IDLE)

        with pytest.raises(CanisterRejected, match="IC0209"):
            canister.reinstall(IDLE)


def test_what_a_canister_is_not_empty_for_is_said_first() -> None:
    with open_sandbox(limits=STRICT) as ic:
        canister = ic.install(IDLE)

        with pytest.raises(CanisterRejected, match="IC0514"):
            canister.install(IDLE)


# --- messages


def test_a_canister_that_wrote_too_much_waits_for_later_rounds(ic: Sandbox) -> None:
    canister = heavy(ic)

    canister.update_raw("rest")

    assert debit(canister) == 4 * PAGE  # one round had to pass


def test_others_go_first_meanwhile(ic: Sandbox) -> None:
    writer, other = heavy(ic), ic.install(IDLE)

    with ic.trace() as trace:
        late = ic.world.submit(writer.id, "rest", b"", ALICE)
        early = ic.world.submit(other.id, "go", b"", ALICE)
        ic.world.settle()

    assert isinstance(late, int)
    assert isinstance(early, int)
    ran = [item.canister for span in trace.roots for item in span.executions]
    assert sorted(ran) == sorted([writer.id, other.id])
    assert debit(writer) == 4 * PAGE


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_messages_of_a_canister_stay_in_order_whoever_waits(seed: int | None) -> None:
    limits = MAINNET.relaxed(heap_delta_bytes_per_round=SHARE)
    with Sandbox(compiler=compiler(), limits=limits, seed=seed) as ic:
        sender, writer = caller(ic), ic.install(WRITER)
        calls = b"".join(
            u.perform(u.call(bytes(writer.id), name, on_reply=b""))
            for name in ("write", "write", "rest", "write")
        )

        with ic.trace() as trace:
            sender.update_raw("update", u.on(u.Hook.HEARTBEAT, calls) + u.reply())
            ic.tick()

    ran = [item.entry for item in trace.executions if item.canister == writer.id]
    assert ran == ["write", "write", "rest", "write"]


def test_an_anchor_takes_the_debit_back(ic: Sandbox) -> None:
    canister = ic.install(WRITER)

    with ic.anchor():
        canister.update_raw("write")
        assert debit(canister)

    assert debit(canister) == 0


# --- snapshots and chunks


def refused(call: Any) -> CanisterRejected:
    with pytest.raises(CanisterRejected) as caught:
        call()
    return caught.value


def test_snapshots_are_refused_and_nothing_changes(ic: Sandbox) -> None:
    canister = ic.install(WRITER)
    taken = ic.management.take_canister_snapshot(canister_id=canister.id)
    ic.advance(minutes=1)
    canister.update_raw("write")
    before, version = canister.checksum, canister.status().version
    metadata = {
        "wasm_module_size": 1, "globals": [], "wasm_memory_size": 0, "stable_memory_size": 0,
        "certified_data": b"", "global_timer": None, "on_low_wasm_memory_hook_status": None,
    }  # fmt: skip

    for call in (
        lambda: ic.management.take_canister_snapshot(canister_id=canister.id),
        lambda: ic.management.load_canister_snapshot(canister_id=canister.id, snapshot_id=taken.id),
        lambda: ic.management.upload_canister_snapshot_metadata(
            canister_id=canister.id, **metadata
        ),
    ):
        error = refused(call)
        assert error.error_code == "IC0210"
        assert error.message == (
            f"Canister {canister.id} is heap delta rate limited: current delta debit is "
            f"{20 * PAGE}, but limit is {SHARE}.\n"
            "Try waiting a few seconds before retrying the operation. See documentation: "
            "https://internetcomputer.org/docs/current/references/execution-errors"
            "#canister-heap-delta-rate-limited"
        )

    assert (canister.checksum, canister.status().version) == (before, version)
    assert len(ic.list_snapshots(canister.id)) == 1
    ic.tick()
    ic.management.load_canister_snapshot(canister_id=canister.id, snapshot_id=taken.id)


def test_a_snapshot_that_does_not_fit_in_number_is_refused_for_that(ic: Sandbox) -> None:
    canister = ic.install(WRITER)
    for _ in range(10):
        canister.take_snapshot()
    canister.update_raw("write")

    error = refused(lambda: ic.management.take_canister_snapshot(canister_id=canister.id))

    assert "maximum number of snapshots" in error.message


def test_taking_and_loading_count_what_the_memories_hold(ic: Sandbox) -> None:
    canister = heavy(ic)
    ic.advance(minutes=1)

    taken = ic.management.take_canister_snapshot(canister_id=canister.id)
    assert debit(canister) == 20 * PAGE
    ic.advance(minutes=1)
    ic.management.load_canister_snapshot(canister_id=canister.id, snapshot_id=taken.id)

    assert debit(canister) == 20 * PAGE


def test_chunks_are_refused_in_words_of_their_own() -> None:
    with open_sandbox(limits=MAINNET.relaxed(heap_delta_bytes_per_round=2 * MIB)) as ic:
        canister = ic.create_canister()
        for number in range(2):
            ic.management.upload_chunk(canister_id=canister.id, chunk=bytes([number]))

        error = refused(lambda: ic.management.upload_chunk(canister_id=canister.id, chunk=b"more"))
        again = ic.management.upload_chunk(canister_id=canister.id, chunk=b"\0")

        assert error.error_code == "IC0504"
        assert (
            "Error from Wasm chunk store: Canister is heap delta rate limited. "
            f"Current delta debit: {2 * MIB}, limit: {2 * MIB}." in error.message
        )
        assert again.hash == sha256(b"\0").digest()  # it is there already
        assert len(ic.management.stored_chunks(canister_id=canister.id)) == 2


def test_the_data_of_an_upload_are_counted_and_refused_like_chunks(ic: Sandbox) -> None:
    canister = ic.install(IDLE)
    begun = ic.management.upload_canister_snapshot_metadata(
        canister_id=canister.id, wasm_module_size=2 * SHARE, globals=[], wasm_memory_size=0,
        stable_memory_size=0, certified_data=b"", global_timer=None,
        on_low_wasm_memory_hook_status=None,
    )  # fmt: skip

    def put(size: int) -> None:
        ic.management.upload_canister_snapshot_data(
            canister_id=canister.id, snapshot_id=begun.snapshot_id,
            kind=VariantValue("wasm_module", {"offset": 0}), chunk=bytes(size),
        )  # fmt: skip

    put(SHARE - 1)
    put(1)
    error = refused(lambda: put(1))

    assert debit(canister) == SHARE
    assert error.error_code == "IC0504"
    assert "Canister is heap delta rate limited" in error.message


def test_the_sandboxs_own_snapshots_wait_for_nothing(ic: Sandbox) -> None:
    canister = heavy(ic)

    snapshot = canister.take_snapshot()
    canister.load_snapshot(snapshot)

    assert debit(canister) == 20 * PAGE
