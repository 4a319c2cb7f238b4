"""Outgoing calls: what the call builder records, refuses, and gives back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from canisters import universal as u
from engine_room import failure_of, open_sandbox, reply_of, runtime_of
from sandbox.limits import MAINNET
from sandbox.principal import Principal
from sandbox.system_api.table import Context
from universal_room import WIDTHS, install, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import Canister

CALLEE: Final = Principal("ryjl3-tyaaa-aaaaa-aaaba-cai")
NEW: Final = u.do("call_new", bytes(CALLEE), b"method", 1, 2, 3, 4)


@pytest.fixture(scope="module", params=WIDTHS)
def canister(request: pytest.FixtureRequest) -> Iterator[Canister]:
    limits = MAINNET.relaxed(call_payload_bytes=30_000, calls_per_message=3)
    with open_sandbox(limits=limits) as ic:
        yield install(ic, str(request.param))


def violation(canister: Canister, script: bytes) -> str:
    refusal = failure_of(run(canister, script))
    assert refusal.error_code == "IC0504"
    assert runtime_of(canister).state.cycles == canister.status().cycles
    return refusal.message.removeprefix(
        f"Error from Canister {canister.id}: Canister violated contract: "
    )


def perform() -> bytes:
    return u.append(u.get("call_perform"))


def test_a_call_is_recorded_as_it_was_built(canister: Canister) -> None:
    script = NEW + u.do("call_data_append", b"some ") + u.do("call_data_append", b"payload")
    script += u.do("call_on_cleanup", 5, 6) + u.do("call_cycles_add128", 0, 77)
    script += u.do("call_with_best_effort_response", 30) + perform()

    (call,) = run(canister, script).calls

    assert call.callee == CALLEE
    assert (call.method, call.argument, call.cycles) == ("method", b"some payload", 77)
    closures = (call.on_reply, call.on_reject, call.on_cleanup)
    assert [(item.function, item.env) for item in closures if item] == [(1, 2), (3, 4), (5, 6)]
    assert call.timeout_s == 30


def test_a_plain_call_has_neither_cleanup_nor_timeout_nor_cycles(canister: Canister) -> None:
    (call,) = run(canister, NEW + perform()).calls

    assert (call.on_cleanup, call.timeout_s, call.cycles, call.argument) == (None, None, 0, b"")


def test_several_calls_keep_their_order_and_contents(canister: Canister) -> None:
    payloads = [b"", b"x" * 7, b"y" * 4097]
    script = b"".join(NEW + u.do("call_data_append", data) + perform() for data in payloads)

    assert [call.argument for call in run(canister, script).calls] == payloads


def test_a_call_that_was_not_performed_is_not_made(canister: Canister) -> None:
    set_aside = u.do("call_cycles_add128", 0, 1000)
    before = canister.status().cycles

    outcome = run(canister, NEW + set_aside + NEW + perform())

    assert len(outcome.calls) == 1
    assert outcome.calls[0].cycles == 0
    left = runtime_of(canister).state.cycles
    fee = before - left
    run(canister, NEW + set_aside + perform())
    assert left - runtime_of(canister).state.cycles == fee + 1000


def test_a_call_left_open_gives_its_cycles_back(canister: Canister) -> None:
    before = canister.status().cycles

    outcome = run(canister, NEW + u.do("call_cycles_add128", 0, 1000))

    assert outcome.calls == ()
    assert runtime_of(canister).state.cycles == before


def test_a_failed_message_makes_no_call(canister: Canister) -> None:
    before = canister.status().cycles

    outcome = run(canister, NEW + u.do("call_cycles_add128", 0, 9) + perform() + u.unreachable())

    assert outcome.calls == ()
    assert runtime_of(canister).state.cycles == before


NEED_A_CALL: Final = {
    "call_data_append": (u.do("call_data_append", b""), "ic0.call_data_append"),
    "call_on_cleanup": (u.do("call_on_cleanup", 0, 0), "ic0.call_on_cleanup"),
    "call_perform": (u.do("call_perform"), "ic0.call_perform"),
    "call_with_best_effort_response": (
        u.do("call_with_best_effort_response", 1),
        "ic0.call_with_best_effort_response",
    ),
    "call_cycles_add128": (u.do("call_cycles_add128", 0, 0), "ic0_call_cycles_add128"),
}


@pytest.mark.parametrize("name", NEED_A_CALL)
@pytest.mark.parametrize("before", [b"", NEW + perform()], ids=["never", "performed"])
def test_a_call_must_be_under_construction(canister: Canister, name: str, before: bytes) -> None:
    script, label = NEED_A_CALL[name]

    said = violation(canister, before + script)

    assert said.startswith(f"{label} called when no call is under construction..\nIf you are")


def test_the_64_bit_cycles_need_a_call_too() -> None:
    with open_sandbox() as ic:
        canister = install(ic, "wasm32")

        said = violation(canister, u.do("call_cycles_add", 1))
        (call,) = run(canister, NEW + u.do("call_cycles_add", 2**20) + perform()).calls

        assert said.startswith("ic0_call_cycles_add called when no call is under construction.")
        assert call.cycles == 2**20


def test_a_second_cleanup_or_timeout_is_refused(canister: Canister) -> None:
    cleanup, timeout = u.do("call_on_cleanup", 0, 0), u.do("call_with_best_effort_response", 1)

    assert violation(canister, NEW + cleanup + cleanup).startswith(
        "ic0.call_on_cleanup can be called at most once between `ic0.call_new` and "
        "`ic0.call_perform`.\n"
    )
    assert violation(canister, NEW + timeout + timeout).startswith(
        "ic0_call_with_best_effort_response failed because a timeout is already set..\n"
    )


@pytest.mark.parametrize(
    ("asked", "given"), [(0, 0), (299, 299), (300, 300), (301, 300), (2**32 - 1, 300)]
)
def test_a_timeout_is_at_most_300_seconds(canister: Canister, asked: int, given: int) -> None:
    script = NEW + u.do("call_with_best_effort_response", asked) + perform()

    assert run(canister, script).calls[0].timeout_s == given


def test_a_callee_of_30_bytes_is_no_principal(canister: Canister) -> None:
    refusal = failure_of(run(canister, u.do("call_new", bytes(30), b"m", 0, 0, 0, 0)))

    assert refusal.error_code == "IC0504"
    assert "Canister provided invalid principal id.\nIf you are running" in refusal.message


def test_a_method_name_has_at_most_20000_bytes(canister: Canister) -> None:
    def new(size: int) -> bytes:
        return u.do("call_new", bytes(CALLEE), b"m" * size, 0, 0, 0, 0)

    assert run(canister, new(20_000) + perform()).calls[0].method == "m" * 20_000
    assert violation(canister, new(20_001)).startswith(
        "Size of method_name 20001 exceeds the allowed limit of 20000..\n"
    )


def test_a_method_name_is_decoded_with_replacements(canister: Canister) -> None:
    script = u.do("call_new", bytes(CALLEE), b"m\xff", 0, 0, 0, 0) + perform()

    assert run(canister, script).calls[0].method == "m\N{REPLACEMENT CHARACTER}"


def test_name_and_payload_together_have_a_limit(canister: Canister) -> None:
    fits = NEW + u.do("call_data_append", bytes(29_000)) + u.do("call_data_append", bytes(994))

    assert len(run(canister, fits + perform()).calls[0].argument) == 29_994
    assert violation(canister, fits + u.do("call_data_append", b"1")) == (
        f"Request to {CALLEE}:method has a payload size of 30001, which exceeds the allowed limit "
        "of 30000..\nConsider checking the payload size and splitting it into smaller requests. "
        "See documentation: https://internetcomputer.org/docs/current/references/execution-errors"
        "#payload-size-too-large"
    )


def test_a_name_longer_than_the_whole_limit_leaves_no_room_for_a_payload() -> None:
    with open_sandbox(limits=MAINNET.relaxed(call_payload_bytes=100)) as ic:
        canister = install(ic, "wasm64")
        new = u.do("call_new", bytes(CALLEE), b"m" * 200, 0, 0, 0, 0)

        said = violation(canister, new + u.do("call_data_append", b"1"))

        assert "has a payload size of 201, which exceeds the allowed limit of 100" in said
        assert "Request to" in violation(canister, new + u.do("call_data_append", 0, 2**64 - 100))


def test_cycles_that_are_not_there_cannot_be_attached(canister: Canister) -> None:
    refusal = failure_of(run(canister, NEW + u.do("call_cycles_add128", 1, 0)))

    assert refusal.error_code == "IC0504"
    assert (
        refusal.message
        == f"Error from Canister {canister.id}: Canister {canister.id} is out of cycles"
    )


def test_a_full_queue_is_an_answer_of_call_perform(canister: Canister) -> None:
    one = NEW + u.do("call_cycles_add128", 0, 1_000_000) + perform()

    outcome = run(canister, one * 4 + u.do("msg_reply"))

    assert list(memoryview(reply_of(outcome)).cast("Q")) == [0, 0, 0, 2]
    assert len(outcome.calls) == 3


def test_calls_from_outside_the_heap_are_refused(canister: Canister) -> None:
    end = len(canister.heap)

    assert violation(canister, u.do("call_new", end, 1, b"m", 0, 0, 0, 0)).startswith(
        f"ic0.call_new callee_src: src={end} + length=1 exceeds the slice size={end}."
    )
    assert violation(canister, u.do("call_new", bytes(CALLEE), end, 1, 0, 0, 0, 0)).startswith(
        f"ic0.call_new method_name: src={end} + length=1 exceeds the slice size={end}."
    )
    assert violation(canister, NEW + u.do("call_data_append", end, 1)).startswith(
        f"ic0.call_data_append: src={end} + length=1 exceeds the slice size={end}."
    )


def test_calls_that_fill_the_message_memory_fail_clearly() -> None:
    with open_sandbox() as ic:
        canister = install(ic, "wasm32")
        grow = u.evaluate(u.heap_grow(200))
        piece = NEW + u.do("call_data_append", u.heap_read(0, 10_000_000)) + u.do("call_perform")

        refusal = failure_of(run(canister, grow + u.repeat(13, piece)))

        assert refusal.error_code == "IC0507"
        assert "its outgoing calls fill 112 MiB" in refusal.message


@pytest.mark.parametrize("context", [Context.REPLY, Context.REJECT, Context.TIMER])
def test_callbacks_and_tasks_may_call(canister: Canister, context: Context) -> None:
    assert len(run(canister, NEW + u.do("call_perform"), context).calls) == 1
