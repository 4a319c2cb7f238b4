"""Replying and rejecting: once, within the limits, and in well-formed UTF-8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from canisters import universal as u
from canisters.universal import Hook
from engine_room import execute, failure_of, open_sandbox, reply_of
from sandbox.limits import MAINNET
from sandbox.messages import Reject, Reply
from sandbox.principal import Principal
from sandbox.system_api.table import Context
from universal_room import WIDTHS, install, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import Canister

CALLER: Final = Principal("un4fu-tqaaa-aaaab-qadjq-cai")


@pytest.fixture(scope="module", params=WIDTHS)
def canister(request: pytest.FixtureRequest) -> Iterator[Canister]:
    limits = MAINNET.relaxed(reply_bytes=1000, query_reply_bytes=2000)
    with open_sandbox(limits=limits) as ic:
        yield install(ic, str(request.param))


def violation(canister: Canister, script: bytes, context: Context = Context.UPDATE) -> str:
    refusal = failure_of(run(canister, script, context))
    assert refusal.error_code == "IC0504"
    start = f"Error from Canister {canister.id}: Canister violated contract: "
    assert refusal.message.startswith(start)
    return refusal.message.removeprefix(start)


def test_argument_and_caller_are_what_was_sent(canister: Canister) -> None:
    script = u.reply(u.argument(), b"|", u.caller())

    outcome = run(canister, script, argument=b"some argument", caller=CALLER)

    assert reply_of(outcome) == b"some argument|" + bytes(CALLER)


def test_the_management_canister_is_the_empty_caller(canister: Canister) -> None:
    assert reply_of(run(canister, u.reply(u.caller()), Context.UPDATE)) == b""


def test_a_reply_is_what_was_appended_in_order(canister: Canister) -> None:
    assert reply_of(run(canister, u.append(b"one, ") + u.reply(b"two"))) == b"one, two"


def test_what_was_appended_without_replying_is_no_answer(canister: Canister) -> None:
    outcome = run(canister, u.append(b"never sent"))

    assert outcome.failure is None
    assert outcome.answer is None


def test_a_reject_is_an_answer_with_code_4(canister: Canister) -> None:
    outcome = run(canister, u.append(b"dropped") + u.reject("no, für nichts".encode()))

    assert outcome.failure is None
    assert isinstance(outcome.answer, Reject)
    assert (int(outcome.answer.code), outcome.answer.error_code) == (4, "IC0406")
    assert outcome.answer.message == "no, für nichts"


@pytest.mark.parametrize(
    ("second", "name", "end"),
    [
        (u.do("msg_reply"), "msg_reply", "."),
        (u.reject(b"no"), "msg_reject", "."),
        (u.append(b"more"), "msg_reply_data_append", ".."),
    ],
)
@pytest.mark.parametrize("first", [u.reply(b"yes"), u.reject(b"no")], ids=["reply", "reject"])
def test_a_second_answer_is_refused(
    canister: Canister, first: bytes, second: bytes, name: str, end: str
) -> None:
    said = violation(canister, first + second)

    assert said.startswith(f"ic0.{name}: the call is already replied{end}\nIf you are running")


@pytest.mark.parametrize("script", [u.reply(b""), u.reject(b"")])
def test_an_answer_in_a_callback_of_an_answered_call_is_refused(
    canister: Canister, script: bytes
) -> None:
    outcome = run(canister, script, Context.REPLY, answered=True)

    assert "the call is already replied" in failure_of(outcome).message


@pytest.mark.parametrize(
    ("context", "limit"),
    [(Context.UPDATE, 1000), (Context.REPLICATED_QUERY, 1000), (Context.QUERY, 2000)],
)
def test_a_reply_may_be_as_large_as_the_limit_and_not_a_byte_larger(
    canister: Canister, context: Context, limit: int
) -> None:
    half = u.append(bytes(limit // 2))

    assert reply_of(run(canister, half + u.reply(bytes(limit // 2)), context)) == bytes(limit)
    assert violation(canister, half + u.reply(bytes(limit // 2 + 1)), context) == (
        f"ic0.msg_reply_data_append: application payload size ({limit + 1}) cannot be larger than "
        f"{limit}..\nConsider checking the response size and returning an error if it is too long. "
        "See documentation: https://internetcomputer.org/docs/current/references/execution-errors"
        "#msg_reply_data_append-payload-too-large"
    )


def test_a_reject_message_has_the_same_limit(canister: Canister) -> None:
    assert isinstance(run(canister, u.reject(b"x" * 1000)).answer, Reject)
    assert violation(canister, u.reject(b"x" * 1001)) == (
        "ic0.msg_reject: application payload size (1001) cannot be larger than 1000..\n"
        "Try truncating the error messages that are too long. See documentation: "
        "https://internetcomputer.org/docs/current/references/execution-errors"
        "#msg_reject-payload-too-large"
    )


UTF8: Final = (
    # well-formed: the boundaries of each length
    b"\x7f", b"\xc2\x80", b"\xdf\xbf", b"\xe0\xa0\x80", b"\xed\x9f\xbf", b"\xee\x80\x80",
    b"\xef\xbf\xbf", b"\xf0\x90\x80\x80", b"\xf4\x8f\xbf\xbf",
    # not: stray and missing continuations, overlong, surrogates, beyond U+10FFFF
    b"\x80", b"\xc2", b"\xc2a", b"\xe0\xa0", b"\xf0\x90\x80", b"\xc0\x80", b"\xc1\xbf",
    b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80", b"\xff", b"\xe1\x80a", b"\xf1\x80\x80a",
)  # fmt: skip


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("data", UTF8, ids=bytes.hex)
def test_a_reject_message_must_be_utf8(canister: Canister, data: bytes) -> None:
    outcome = run(canister, u.reject(b"a" + data))

    if is_utf8(data):
        assert isinstance(outcome.answer, Reject)
        assert outcome.answer.message == "a" + data.decode()
    else:
        assert "ic0.msg_reject: invalid UTF-8 string provided." in failure_of(outcome).message
        assert outcome.answer is None


@pytest.mark.parametrize(("context", "code"), [(Context.REPLY, 0), (Context.REJECT, 3)])
def test_a_callback_sees_the_reject_code(canister: Canister, context: Context, code: int) -> None:
    script = u.reply(u.get("msg_reject_code"))

    outcome = run(canister, script, context, reject_code=code, argument=b"why")

    assert reply_of(outcome) == code.to_bytes(8, "little")


def test_a_reject_callback_sees_the_message(canister: Canister) -> None:
    script = u.reply(u.fetch("msg_reject_msg"))

    outcome = run(canister, script, Context.REJECT, reject_code=5, argument=b"it trapped")

    assert reply_of(outcome) == b"it trapped"


def test_the_deadline_is_what_the_call_came_with(canister: Canister) -> None:
    script = u.reply(u.get("msg_deadline"))

    assert reply_of(run(canister, script, deadline_ns=2**63 + 7)) == (2**63 + 7).to_bytes(
        8, "little"
    )
    assert reply_of(run(canister, script)) == bytes(8)


def test_nobody_signed_for_a_caller_here(canister: Canister) -> None:
    script = u.reply(u.fetch("msg_caller_info_data"), u.fetch("msg_caller_info_signer"))

    assert reply_of(run(canister, script)) == b""


def test_inspection_sees_the_method_and_accepts_once(canister: Canister) -> None:
    script = u.debug_print(u.fetch("msg_method_name")) + u.do("accept_message")
    execute(canister, "update", argument=u.on(Hook.INSPECT_MESSAGE, script))
    twice = u.do("accept_message") + u.do("accept_message")

    outcome = execute(canister, "canister_inspect_message", Context.INSPECT)

    assert outcome.failure is None
    assert outcome.accepted
    assert canister.logs[-1].text == "canister_inspect_message"
    assert "ic0.accept_message: the function was already called.." in violation(
        canister, twice, Context.INSPECT
    )


def test_inspection_that_says_nothing_does_not_accept(canister: Canister) -> None:
    execute(canister, "update", argument=u.on(Hook.INSPECT_MESSAGE, u.debug_print(b"hm")))

    assert not execute(canister, "canister_inspect_message", Context.INSPECT).accepted


def test_replicated_execution_is_known_to_the_canister(canister: Canister) -> None:
    script = u.reply(u.get("in_replicated_execution"))

    assert reply_of(run(canister, script, Context.UPDATE))[0] == 1
    assert reply_of(run(canister, script, Context.QUERY))[0] == 0


def test_limits_above_the_mailbox_do_not_reach_past_it() -> None:
    limits = MAINNET.relaxed(reply_bytes=1 << 30)
    with open_sandbox(limits=limits) as ic:
        canister = install(ic, "wasm32")
        chunk = u.heap_read(0, 65536)

        outcome = run(canister, u.repeat(200, u.append(chunk)) + u.do("msg_reply"))

        assert "application payload size" in failure_of(outcome).message
        whole = u.repeat(128, u.append(chunk)) + u.do("msg_reply")
        answer = run(canister, whole).answer
        assert isinstance(answer, Reply)
        assert len(answer.data) == 128 * 65536
