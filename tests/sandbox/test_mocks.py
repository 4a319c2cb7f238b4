"""Stand-ins and faults: Python answers, spoilt answers, and all of it undone."""

from __future__ import annotations

from typing import Any

import pytest

from calling_room import IDLE, Rejected, ask, caller, came_back, relay
from canisters import universal as u
from sandbox import CanisterRejected, Principal, RejectCode, Sandbox, UsageError, candid
from sandbox.messages import Reply

LEDGER = Principal("ryjl3-tyaaa-aaaaa-aaaba-cai")
DID = """service : {
  fee : () -> (nat) query;
  transfer : (record { to : principal; amount : nat }) -> (variant { Ok : nat; Err : text });
  nothing : () -> ();
  pair : (text) -> (text, nat);
}"""


def test_a_function_stands_in_for_a_canister_that_does_not_exist(ic: Sandbox) -> None:
    asking = caller(ic)
    ic.mock(LEDGER, did=DID).answers(
        "transfer", lambda call, transfer: {"Ok": transfer.amount + call.cycles}
    )
    argument = candid.encode(
        ({"to": asking.id, "amount": 5},), "(record { to : principal; amount : nat })"
    )

    answer = ask(asking, LEDGER, "transfer", argument, cycles=2)

    assert isinstance(answer, bytes)
    assert candid.decode(answer, "(variant { Ok : nat; Err : text })") == ({"Ok": 7},)


@pytest.mark.parametrize(
    ("method", "results", "types"),
    [("fee", (10,), "(nat)"), ("nothing", (), "()"), ("pair", ("a", 1), "(text, nat)")],
)
def test_fixed_results_of_any_number(
    ic: Sandbox, method: str, results: tuple[Any, ...], types: str
) -> None:
    ic.mock(LEDGER, did=DID).returns(method, *results)
    payload = candid.encode('("x")') if method == "pair" else candid.encode("()")

    answer = ask(caller(ic), LEDGER, method, payload)

    assert isinstance(answer, bytes)
    assert candid.decode(answer, types) == results


def test_one_method_of_a_real_canister_is_replaced_and_the_rest_is_not(ic: Sandbox) -> None:
    asking, real = caller(ic), caller(ic)
    ic.mock(real).answers_raw("update", lambda call: b"mocked " + call.method.encode())

    assert ask(asking, real.id, "update", u.reply(b"real")) == b"mocked update"
    assert real.query_raw("query", u.reply(b"real")) == b"real"


def test_a_canister_is_mocked_by_its_name(ic: Sandbox) -> None:
    ledger = ic.install(IDLE, name="ledger")

    mock = ic.mock("ledger", did=DID).returns("fee", 7)

    assert mock.id == ledger.id
    assert ic.canister(ledger.id, did=DID).query("fee") == 7
    with pytest.raises(UsageError, match="did you mean 'ledger'"):
        ic.mock("ledgr")


def test_users_reach_the_stand_in_too(ic: Sandbox) -> None:
    real = caller(ic)
    ic.mock(real).answers_raw("update", lambda _call: b"mocked")
    ic.mock(real).answers_raw("query", lambda _call: b"asked")

    assert real.update_raw("update", b"") == b"mocked"
    assert real.query_raw("query", b"") == b"asked"


def test_a_composite_query_reaches_the_stand_in(ic: Sandbox) -> None:
    asking = caller(ic)
    ic.mock(LEDGER, did=DID).returns("fee", 3)
    script = u.perform(
        u.call(bytes(LEDGER), "fee", candid.encode("()"), on_reply=u.reply(u.argument()))
    )

    answer = asking.query_raw("composite_query", script)

    assert candid.decode(answer, "(nat)") == (3,)


def test_accepted_cycles_stay_and_the_rest_is_refunded(ic: Sandbox) -> None:
    asking = caller(ic)

    def take(call: Any) -> bytes:
        assert call.accept(30) == 30
        return b""

    ic.mock(LEDGER).answers_raw("go", take)
    script = u.perform(
        u.call(
            bytes(LEDGER), "go", cycles=100, on_reply=u.reply(u.amount("msg_cycles_refunded128"))
        )
    )

    assert int.from_bytes(asking.update_raw("update", script), "little") == 70
    assert ic.world.cycles.accounted == ic.world.cycles.minted


def test_a_reject_has_the_code_it_is_given(ic: Sandbox) -> None:
    asking, real = caller(ic), ic.install(IDLE)
    ic.mock(real).rejects("go", "busy", code=RejectCode.SYS_TRANSIENT)

    answer = ask(asking, real.id, "go")

    assert answer == Rejected(2, "busy")


def test_a_function_may_reject_and_its_bugs_are_traps(ic: Sandbox) -> None:
    asking = caller(ic)

    def refuse(_call: Any) -> bytes:
        raise CanisterRejected(4, "IC0406", "not today")

    ic.mock(LEDGER).answers_raw("polite", refuse)
    ic.mock(LEDGER).answers_raw("broken", lambda _call: bytes(1 // 0))

    assert ask(asking, LEDGER, "polite") == Rejected(4, "not today")
    broken = ask(asking, LEDGER, "broken")
    assert isinstance(broken, Rejected)
    assert broken.code == 5
    assert "the stand-in raised ZeroDivisionError" in broken.message


def test_a_rule_ends_after_its_times_and_the_next_older_one_takes_over(ic: Sandbox) -> None:
    asking, real = caller(ic), ic.install(IDLE)
    ic.mock(real).rejects("go", "always").rejects("go", "twice", times=2)

    answers = [ask(asking, real.id, "go") for _ in range(3)]

    assert answers == [Rejected(4, "twice"), Rejected(4, "twice"), Rejected(4, "always")]


def test_a_forgotten_mock_lets_the_canister_answer(ic: Sandbox) -> None:
    asking, real = caller(ic), ic.install(IDLE)
    mock = ic.mock(real).rejects("go")

    mock.forget("go")

    assert ask(asking, real.id, "go") == b""


def test_a_delayed_answer_arrives_when_its_time_has_come(ic: Sandbox) -> None:
    asking, real = caller(ic), ic.install(IDLE)
    ic.mock(real).delays("go", minutes=2)
    ingress = ic.world.submit(asking.id, "update", relay(real.id, "go"), ic.identity)
    assert isinstance(ingress, int)
    ic.world.settle()

    ic.advance(minutes=1)
    early = ic.world.router.take_answer(ingress)
    ic.advance(minutes=1)

    assert early is None
    assert ic.world.router.take_answer(ingress) == Reply(b"A")


def test_waiting_for_a_delayed_answer_says_that_the_clock_must_move(ic: Sandbox) -> None:
    asking, real = caller(ic), ic.install(IDLE)
    ic.mock(real).delays("go", minutes=2)

    with pytest.raises(CanisterRejected, match="nothing more happens before the clock moves"):
        ask(asking, real.id, "go")


def test_a_dropped_answer_never_arrives_but_the_call_took_place(ic: Sandbox) -> None:
    asking, real = caller(ic), caller(ic)
    ic.mock(real).drops("update")

    with pytest.raises(CanisterRejected, match="timed out"):
        ask(asking, real.id, "update", u.set_global(5) + u.reply())

    assert real.query_raw("query", u.reply(u.get_global()))[0] == 5


def test_a_trap_in_the_callback_runs_the_cleanup(ic: Sandbox) -> None:
    asking, real = caller(ic), ic.install(IDLE)
    ic.mock(real).traps_callback("go", times=1)
    script = u.perform(
        u.call(bytes(real.id), "go", on_reply=u.reply(b"fine"), on_cleanup=u.set_global(9))
    )

    with pytest.raises(CanisterRejected, match="a fault was injected into this callback"):
        asking.update_raw("update", script)
    again = asking.update_raw("update", script)

    assert asking.query_raw("query", u.reply(u.get_global()))[0] == 9
    assert again == b"fine"


def test_the_calls_that_were_answered_are_remembered(ic: Sandbox) -> None:
    asking = caller(ic)
    mock = ic.mock(LEDGER).answers_raw(None, lambda _call: b"")

    ask(asking, LEDGER, "one", b"1", cycles=5)
    ask(asking, LEDGER, "two")

    assert [(call.method, call.argument, call.cycles) for call in mock.calls] == [
        ("one", b"1", 5),
        ("two", b"", 0),
    ]
    assert {call.caller for call in mock.calls} == {asking.id}


def test_an_anchor_undoes_rules_uses_and_calls(ic: Sandbox) -> None:
    asking, real = caller(ic), ic.install(IDLE)
    mock = ic.mock(real).rejects("go", "once", times=1)

    with ic.anchor():
        first = ask(asking, real.id, "go")
        mock.rejects("go", "inside")
    second, third = ask(asking, real.id, "go"), ask(asking, real.id, "go")

    assert (first, second, third) == (Rejected(4, "once"), Rejected(4, "once"), b"")
    assert len(mock.calls) == 1


def test_an_anchor_takes_back_what_is_on_its_way(ic: Sandbox) -> None:
    asking, real = caller(ic), ic.install(IDLE)
    ic.mock(real).delays("go", hours=1)

    with ic.anchor():
        ic.world.submit(asking.id, "update", relay(real.id, "go"), ic.identity)
        ic.world.settle()
        waiting = ic.world.router.has_open_contexts(asking.id)

    assert waiting
    assert not ic.world.router.has_open_contexts(asking.id)
    assert not ic.world.router.delayed
    assert ic.world.router.outstanding(asking.id) == {}


def test_a_management_method_can_be_mocked(ic: Sandbox) -> None:
    asking = caller(ic)
    ic.mock("aaaaa-aa").returns("raw_rand", bytes(32))

    answer = came_back(
        asking.update_raw("update", relay(Principal("aaaaa-aa"), "raw_rand", candid.encode("()")))
    )

    assert isinstance(answer, bytes)
    assert candid.decode(answer, "(blob)") == (bytes(32),)
