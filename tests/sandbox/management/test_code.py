"""install_code, install_chunked_code, uninstall_code and the chunk store."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from calling_room import IDLE, Rejected, ask, ask_management, caller, relay
from canisters import universal as u
from sandbox import CanisterRejected, Sandbox
from sandbox.engine.compiler import wat_to_wasm

WASM = wat_to_wasm(IDLE.decode())
HASH = sha256(WASM).digest()
TRAPPING = wat_to_wasm('(module (func (export "canister_init") unreachable))')


def install(ic: Sandbox, canister: Any, **fields: Any) -> None:
    ic.management.install_code(
        {"mode": "install", "canister_id": canister.id, "wasm_module": WASM, "arg": b"", **fields}
    )


def history(ic: Sandbox, canister: Any) -> list[Any]:
    info = ask_management(
        caller(ic), "canister_info", {"canister_id": canister.id, "num_requested_changes": 20}
    )
    return [change.details for change in info.recent_changes]


@pytest.mark.parametrize("mode", ["install", "reinstall", "upgrade"])
def test_each_mode_sets_module_version_and_history(ic: Sandbox, mode: str) -> None:
    canister = ic.create_canister()
    if mode != "install":
        install(ic, canister)
    version = canister.status().version

    install(ic, canister, mode=mode)

    status = ic.management.canister_status(canister_id=canister.id)
    assert (status.module_hash, status.version) == (HASH, version + 1)
    assert history(ic, canister)[-1] == {
        "code_deployment": {"mode": {mode: None}, "module_hash": HASH}
    }


def test_the_install_argument_and_the_sender_reach_init(ic: Sandbox) -> None:
    from canisters.build import built

    canister = ic.create_canister()
    script = u.stable_write(0, u.caller())
    wasm = built("c/wasm32/universal").read_bytes()

    install(ic, canister, wasm_module=wasm, arg=u.evaluate(u.get("stable64_grow", 1)) + script)

    assert canister.stable_memory[: len(bytes(ic.identity))] == bytes(ic.identity)


def test_install_over_code_is_refused_and_changes_nothing(ic: Sandbox) -> None:
    canister = ic.create_canister()
    install(ic, canister)
    before = canister.checksum

    with pytest.raises(CanisterRejected, match="the canister is not empty") as caught:
        install(ic, canister)

    assert caught.value.error_code == "IC0514"
    assert canister.checksum == before
    assert len(history(ic, canister)) == 2


def test_a_failed_installation_is_not_in_the_history(ic: Sandbox) -> None:
    canister = ic.create_canister()

    with pytest.raises(CanisterRejected) as caught:
        install(ic, canister, wasm_module=TRAPPING)

    assert caught.value.error_code == "IC0502"
    assert canister.module_hash is None
    assert len(history(ic, canister)) == 1


def test_a_module_that_is_none_is_refused(ic: Sandbox) -> None:
    canister = ic.create_canister()

    with pytest.raises(CanisterRejected) as caught:
        install(ic, canister, wasm_module=b"\x00asm\x09\x00\x00\x00")

    assert caught.value.error_code == "IC0505"


def test_chunks_are_stored_once_and_listed_by_hash(ic: Sandbox) -> None:
    canister = ic.create_canister()

    first = ic.management.upload_chunk(canister_id=canister.id, chunk=b"one")
    ic.management.upload_chunk(canister_id=canister.id, chunk=b"two")
    ic.management.upload_chunk(canister_id=canister.id, chunk=b"one")

    stored = ic.management.stored_chunks(canister_id=canister.id)
    assert first.hash == sha256(b"one").digest()
    assert [row.hash for row in stored] == sorted(
        [sha256(b"one").digest(), sha256(b"two").digest()]
    )
    metrics = ic.management.canister_status(canister_id=canister.id).memory_metrics
    assert metrics.wasm_chunk_store_size == 2 << 20


def test_the_chunk_store_can_be_cleared(ic: Sandbox) -> None:
    canister = ic.create_canister()
    ic.management.upload_chunk(canister_id=canister.id, chunk=b"one")

    ic.management.clear_chunk_store(canister_id=canister.id)

    assert ic.management.stored_chunks(canister_id=canister.id) == []


def test_a_canister_uploads_to_itself(ic: Sandbox) -> None:
    canister = caller(ic)

    ask_management(canister, "upload_chunk", {"canister_id": canister.id, "chunk": b"x"})

    assert len(ask_management(canister, "stored_chunks", {"canister_id": canister.id})) == 1


def test_a_chunk_over_one_mebibyte_is_refused(ic: Sandbox) -> None:
    canister = ic.create_canister()

    with pytest.raises(CanisterRejected, match="exceeds the maximum chunk size") as caught:
        ic.management.upload_chunk(canister_id=canister.id, chunk=bytes((1 << 20) + 1))

    assert caught.value.error_code == "IC0504"
    assert ic.management.stored_chunks(canister_id=canister.id) == []


def test_a_full_chunk_store_takes_no_more() -> None:
    from engine_room import open_sandbox
    from sandbox.limits import MAINNET

    with open_sandbox(limits=MAINNET.relaxed(chunk_store_chunks=1)) as ic:
        canister = ic.create_canister()
        ic.management.upload_chunk(canister_id=canister.id, chunk=b"one")

        with pytest.raises(CanisterRejected, match="already reached maximum capacity"):
            ic.management.upload_chunk(canister_id=canister.id, chunk=b"two")


def chunked(ic: Sandbox, target: Any, store: Any, pieces: list[bytes], **fields: Any) -> None:
    hashes = [ic.management.upload_chunk(canister_id=store.id, chunk=piece) for piece in pieces]
    ic.management.install_chunked_code(
        {
            "mode": "install",
            "target_canister": target.id,
            "store_canister": store.id,
            "chunk_hashes_list": hashes,
            "wasm_module_hash": HASH,
            "arg": b"",
            **fields,
        }
    )


def test_a_module_is_installed_from_another_canister_s_chunks(ic: Sandbox) -> None:
    target, store = ic.create_canister(), ic.create_canister()

    chunked(ic, target, store, [WASM[:50], WASM[50:]])

    assert target.module_hash == HASH


def test_chunks_that_do_not_make_the_module_are_refused(ic: Sandbox) -> None:
    target = ic.create_canister()

    with pytest.raises(CanisterRejected, match="does not match given hash"):
        chunked(ic, target, target, [WASM[50:], WASM[:50]])

    assert target.module_hash is None


def test_a_chunk_that_is_not_there_is_refused(ic: Sandbox) -> None:
    target = ic.create_canister()

    with pytest.raises(CanisterRejected, match="was not found"):
        chunked(ic, target, target, [], chunk_hashes_list=[{"hash": bytes(32)}])

    assert target.module_hash is None


def test_a_stranger_s_chunk_store_is_closed(ic: Sandbox) -> None:
    from calling_room import ALICE

    target, store = ic.create_canister(), ic.create_canister(controllers=[ALICE])

    with pytest.raises(CanisterRejected) as caught:
        chunked(ic, target, store, [], chunk_hashes_list=[])

    assert caught.value.error_code == "IC0512"


def test_uninstalling_empties_the_canister_and_keeps_its_cycles(ic: Sandbox) -> None:
    canister = ic.install(IDLE)
    ic.management.upload_chunk(canister_id=canister.id, chunk=b"x")
    before = canister.status()

    ic.management.uninstall_code(canister_id=canister.id)

    after = ic.management.canister_status(canister_id=canister.id)
    assert after.module_hash is None
    assert after.memory_metrics.wasm_chunk_store_size == 0
    assert after.version == before.version + 1
    assert after.cycles > 0
    assert history(ic, canister)[-1] == {"code_uninstall": None}


def test_uninstalling_answers_open_calls_and_late_replies_only_refund(ic: Sandbox) -> None:
    waiting, slow = caller(ic), ic.install(IDLE)
    ic.mock(slow).delays("go", hours=1)
    script = relay(slow.id, "go", cycles=10**9)
    call = ic.world.submit(waiting.id, "update", script, ic.identity)
    ic.world.settle()

    ic.management.uninstall_code(canister_id=waiting.id)
    assert isinstance(call, int)
    answer = ic.world.router.take_answer(call)
    before = waiting.status().cycles
    ic.advance(hours=1)

    assert getattr(answer, "error_code", "") == "IC0406"
    assert getattr(answer, "message", "") == "Canister has been uninstalled."
    assert waiting.status().cycles > before
    assert not ic.world.router.contexts


def test_a_reinstalled_canister_still_gets_its_responses(ic: Sandbox) -> None:
    from canisters.build import built

    waiting, slow = caller(ic), ic.install(IDLE)
    ic.mock(slow).delays("go", hours=1)
    call = ic.world.submit(waiting.id, "update", relay(slow.id, "go"), ic.identity)
    ic.world.settle()
    universal = built("c/wasm32/universal").read_bytes()

    install(ic, waiting, mode="reinstall", wasm_module=universal)
    ic.advance(hours=1)

    # The callback runs in the new instance, which has nothing kept under that number.
    assert isinstance(call, int)
    assert getattr(ic.world.router.take_answer(call), "error_code", "") == "IC0506"
    assert not ic.world.router.callbacks


def test_calls_to_an_empty_canister_are_rejected(ic: Sandbox) -> None:
    answer = ask(caller(ic), ic.create_canister().id, "go")

    assert isinstance(answer, Rejected)
    assert answer.code == 5
    assert "the canister contains no Wasm module" in answer.message
