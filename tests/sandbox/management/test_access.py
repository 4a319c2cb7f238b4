"""Who may call which management method, and what everybody else hears."""

from __future__ import annotations

import pytest

from calling_room import ALICE, IDLE, MANAGEMENT, ask, caller
from sandbox import CanisterRejected, Principal, Sandbox
from sandbox.management import interface
from sandbox.management.methods import METHODS, Who

CANISTERS_ONLY = sorted(name for name, row in METHODS.items() if row.who is Who.CANISTERS)
CONTROLLED = sorted(
    name for name, row in METHODS.items() if row.who in (Who.CONTROLLERS, Who.CONTROLLERS_OR_SELF)
)
TARGETED = sorted(
    name for name, row in METHODS.items() if row.target and row.who is not Who.QUERIES
)


def payload(method: str, canister: Principal) -> bytes:
    """Return any well-typed argument about a canister."""
    target = METHODS[method].target
    assert target is not None
    fields = {target: canister, **ARGUMENTS.get(method, {})}
    return interface.arguments(method).encode((fields,))


ARGUMENTS = {
    "provisional_top_up_canister": {"amount": 1},
    "update_settings": {"settings": {}},
    "upload_chunk": {"chunk": b""},
    "install_code": {"mode": "install", "wasm_module": b"", "arg": b""},
    "install_chunked_code": {
        "mode": "install",
        "chunk_hashes_list": [],
        "wasm_module_hash": b"",
        "arg": b"",
    },
    "canister_metadata": {"name": "x"},
    "load_canister_snapshot": {"snapshot_id": bytes(18)},
    "delete_canister_snapshot": {"snapshot_id": bytes(18)},
    "read_canister_snapshot_metadata": {"snapshot_id": bytes(18)},
    "read_canister_snapshot_data": {
        "snapshot_id": bytes(18),
        "kind": {"wasm_module": {"offset": 0, "size": 1}},
    },
    "upload_canister_snapshot_metadata": {
        "wasm_module_size": 1,
        "globals": [],
        "wasm_memory_size": 0,
        "stable_memory_size": 0,
        "certified_data": b"",
    },
    "upload_canister_snapshot_data": {
        "snapshot_id": bytes(18),
        "kind": {"wasm_module": {"offset": 0}},
        "chunk": b"",
    },
}


def test_every_method_of_the_interface_is_in_the_table() -> None:
    missing = set(interface.interface().functions) ^ set(METHODS)

    assert missing == set()


@pytest.mark.parametrize("method", CANISTERS_ONLY)
def test_users_cannot_call_what_is_for_canisters(ic: Sandbox, method: str) -> None:
    with pytest.raises(CanisterRejected) as caught:
        ic.management.call_raw(method, b"DIDL\x00\x00")

    assert caught.value.error_code in ("IC0406", "IC0408")
    if caught.value.error_code == "IC0406":
        assert caught.value.message == f"Only canisters can call ic00 method {method}"


@pytest.mark.parametrize("method", CONTROLLED)
def test_a_user_who_is_no_controller_is_refused(ic: Sandbox, method: str) -> None:
    canister = ic.install(IDLE)
    before = canister.status()

    with pytest.raises(CanisterRejected) as caught:
        ic.management.call_raw(method, payload(method, canister.id), caller=ALICE)

    assert caught.value.error_code == "IC0512"
    assert caught.value.message == (
        f"Only controllers of canister {canister.id} can call ic00 method {method}"
    )
    assert canister.status() == before


@pytest.mark.parametrize("method", CONTROLLED)
def test_a_canister_that_is_no_controller_is_refused(ic: Sandbox, method: str) -> None:
    stranger, canister = caller(ic), ic.install(IDLE)

    answer = ask(stranger, MANAGEMENT, method, payload(method, canister.id))

    assert not isinstance(answer, bytes)
    assert answer.code == 5
    assert answer.message.startswith(
        f"Only the controllers of the canister {canister.id} can control it.\n"
        f"Canister's controllers: {ic.identity}\nSender's ID: {stranger.id}\n"
    )


@pytest.mark.parametrize("method", TARGETED)
def test_a_canister_that_does_not_exist_is_not_found(ic: Sandbox, method: str) -> None:
    asking, missing = caller(ic), Principal.from_index(7)

    answer = ask(asking, MANAGEMENT, method, payload(method, missing))

    assert not isinstance(answer, bytes)
    assert (answer.code, answer.message) == (3, f"Canister {missing} not found")


@pytest.mark.parametrize("method", sorted(METHODS))
def test_an_argument_that_does_not_decode_is_refused(ic: Sandbox, method: str) -> None:
    if not interface.interface().functions[method].args:
        pytest.skip("takes no argument")
    asking = caller(ic)

    answer = ask(asking, MANAGEMENT, method, b"no candid")

    assert not isinstance(answer, bytes)
    assert answer.code == 4
    assert answer.message.startswith("Error decoding candid: ")


def test_a_method_that_does_not_exist_is_refused_for_users_and_canisters(ic: Sandbox) -> None:
    answer = ask(caller(ic), MANAGEMENT, "make_coffee")
    with pytest.raises(CanisterRejected) as caught:
        ic.management.call_raw("make_coffee", b"")

    text = "Management canister has no method 'make_coffee'"
    assert not isinstance(answer, bytes)
    assert (answer.code, answer.message) == (5, text)
    assert (caught.value.error_code, caught.value.message) == ("IC0536", text)


def test_logs_are_fetched_by_query_only(ic: Sandbox) -> None:
    canister = ic.install(IDLE)
    data = payload("fetch_canister_logs", canister.id)

    answer = ic.world.ingress(MANAGEMENT, "fetch_canister_logs", data, ic.identity, 0)

    assert getattr(answer, "message", "") == (
        "fetch_canister_logs API is not accessible via ingress in replicated mode"
    )


def test_only_queries_can_be_queried(ic: Sandbox) -> None:
    canister = ic.install(IDLE)
    data = payload("start_canister", canister.id)

    answer = ic.world.query(MANAGEMENT, "start_canister", data, ic.identity)

    assert getattr(answer, "error_code", "") == "IC0536"


def test_a_misspelt_method_is_met_with_a_suggestion(ic: Sandbox) -> None:
    with pytest.raises(AttributeError, match="did you mean canister_status"):
        ic.management.canister_statu  # noqa: B018  # the access is what is tested
