"""Calls between canisters: the life of a call context, queues, deadlines, order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from calling_room import IDLE, Rejected, ask, caller, came_back, relay
from canisters import universal as u
from engine_room import compiler, open_sandbox
from sandbox import CanisterRejected, Principal, Sandbox
from sandbox.limits import MAINNET
from sandbox.messages import Reply

if TYPE_CHECKING:
    from sandbox import Canister
    from sandbox.messages import Answer


def submitted(ic: Sandbox, canister: Canister, script: bytes) -> int:
    """Queue an update and run what can run; return the id of its answer."""
    ingress = ic.world.submit(canister.id, "update", script, ic.identity)
    assert isinstance(ingress, int)
    ic.world.settle()
    return ingress


def answer_of(ic: Sandbox, ingress: int) -> Answer | None:
    return ic.world.router.take_answer(ingress)


def replied(answer: Answer | None) -> bytes | Rejected:
    assert isinstance(answer, Reply), answer
    return came_back(answer.data)


def test_a_call_to_a_canister_that_does_not_exist_is_rejected(ic: Sandbox) -> None:
    missing = Principal.from_index(1)

    answer = ask(caller(ic), missing, "go")

    assert answer == Rejected(3, f"Canister {missing} not found")


def test_there_is_no_route_to_what_cannot_be_a_canister(ic: Sandbox) -> None:
    answer = ask(caller(ic), Principal(b"abc"), "go")

    assert answer == Rejected(3, f"No route to canister {Principal(b'abc')}")


def test_a_call_to_a_method_that_does_not_exist_is_rejected(ic: Sandbox) -> None:
    answer = ask(caller(ic), ic.install(IDLE).id, "nope")

    assert isinstance(answer, Rejected)
    assert answer.code == 5
    assert "Canister has no update method 'nope'" in answer.message


def test_a_canister_calls_itself(ic: Sandbox) -> None:
    canister = caller(ic)

    assert ask(canister, canister.id, "update", u.reply(b"me")) == b"me"


def test_calls_nest_and_each_caller_is_the_one_before(ic: Sandbox) -> None:
    first, second, third = caller(ic), caller(ic), caller(ic)
    inner = relay(third.id, "update", u.reply(u.caller()))

    answer = ask(first, second.id, "update", inner)

    assert answer == b"A" + bytes(second.id)


def test_a_reject_of_a_canister_has_code_4(ic: Sandbox) -> None:
    assert ask(caller(ic), caller(ic).id, "update", u.reject(b"no")) == Rejected(4, "no")


def test_silence_is_answered_by_the_system(ic: Sandbox) -> None:
    silent = caller(ic)

    answer = ask(caller(ic), silent.id, "update", u.heap_write(u.scratch(), b"x"))

    with pytest.raises(CanisterRejected, match="did not reply to the call") as caught:
        silent.update_raw("update", b"")

    assert answer == Rejected(5, "No response")
    assert caught.value.error_code == "IC0506"


def test_a_failure_is_told_to_canisters_with_its_code(ic: Sandbox) -> None:
    asking, failing = caller(ic), caller(ic)

    trapped = ask(asking, failing.id, "update", u.trap(b"no"))
    missing = ask(asking, failing.id, "nope")
    nobody = Principal.from_index(3)

    assert isinstance(trapped, Rejected)
    assert isinstance(missing, Rejected)
    assert trapped.message.startswith(f"IC0503: Error from Canister {failing.id}: ")
    assert missing.message.startswith(f"IC0536: Error from Canister {failing.id}: ")
    assert ask(asking, nobody, "go") == Rejected(3, f"Canister {nobody} not found")


def test_a_call_without_callbacks_is_one_way(ic: Sandbox) -> None:
    canister, other = caller(ic), caller(ic)
    tell = u.perform(u.call(bytes(other.id), "update", u.set_global(7) + u.reply()))

    answer = canister.update_raw("update", tell + u.reply(b"told"))

    assert answer == b"told"
    assert other.query_raw("query", u.reply(u.get_global()))[0] == 7


def test_a_trapping_callback_is_rolled_back_and_its_cleanup_runs(ic: Sandbox) -> None:
    canister, other = caller(ic), ic.install(IDLE)
    script = u.perform(
        u.call(
            bytes(other.id),
            "go",
            on_reply=u.stable_write(0, b"lost") + u.trap(b"in callback"),
            on_cleanup=u.stable_write(8, b"kept"),
        )
    )
    canister.update_raw("update", u.evaluate(u.get("stable64_grow", 1)) + u.reply())

    with pytest.raises(CanisterRejected, match="in callback") as caught:
        canister.update_raw("update", script)

    assert caught.value.error_code == "IC0503"
    assert canister.stable_memory[0:12] == bytes(8) + b"kept"


def test_a_failing_cleanup_is_told_with_the_callback_s_failure(ic: Sandbox) -> None:
    canister, other = caller(ic), ic.install(IDLE)
    script = u.perform(
        u.call(bytes(other.id), "go", on_reply=u.trap(b"first"), on_cleanup=u.trap(b"second"))
    )

    with pytest.raises(CanisterRejected) as caught:
        canister.update_raw("update", script)

    backtrace = r"\nCanister Backtrace:\n(?:.+\n)+"
    assert caught.value.error_code == "IC0503"
    assert re.sub(backtrace, "", caught.value.message + "\n").strip() == (
        f"Error from Canister {canister.id}: "
        "Canister called `ic0.trap` with message: 'first'\n\n"
        "call_on_cleanup also failed:\n\n"
        "Canister called `ic0.trap` with message: 'second'"
    )


def test_an_update_waits_for_several_messages(ic: Sandbox) -> None:
    canister, other = caller(ic), caller(ic)
    again = relay(other.id, "update", u.reply(b"2"))
    first = u.perform(u.call(bytes(other.id), "update", u.reply(b"1"), on_reply=again))

    with ic.trace() as trace:
        answer = came_back(canister.update_raw("update", first))

    assert answer == b"2"
    assert [item.entry for item in trace.roots[0].executions] == [
        "update",
        "reply callback",
        "reply callback",
    ]


def test_the_version_rises_with_every_message_that_is_kept(ic: Sandbox) -> None:
    canister, other = caller(ic), ic.install(IDLE)
    before = canister.status().version

    ask(canister, other.id, "go")

    assert canister.status().version == before + 2


# --- queues


def many_calls(callee: Principal, count: int) -> bytes:
    """Make calls, adding what each call_perform returns to the number at ``scratch``."""
    one = u.store(u.scratch(), u.load(u.scratch()) + u.call(bytes(callee), "go"))
    return u.repeat(count, one) + u.reply(u.load(u.scratch()))


def test_five_hundred_calls_to_one_canister_fit_and_one_more_does_not(ic: Sandbox) -> None:
    canister, other = caller(ic), ic.install(IDLE)

    with ic.trace() as trace:
        refusals = canister.update_raw("update", many_calls(other.id, 502))

    assert int.from_bytes(refusals, "little") == 2 * 2
    assert len(trace.roots[0].calls) == 500


def test_a_full_queue_to_one_canister_leaves_room_for_another(ic: Sandbox) -> None:
    canister, full, free = caller(ic), ic.install(IDLE), ic.install(IDLE)

    with ic.trace() as trace:
        script = many_calls(full.id, 501).removesuffix(u.reply(u.load(u.scratch())))
        canister.update_raw("update", script + many_calls(free.id, 3))

    called = [span.canister for span in trace.roots[0].calls]
    assert (called.count(full.id), called.count(free.id)) == (500, 3)


def test_calls_still_open_fill_the_queue_of_later_messages() -> None:
    with open_sandbox(limits=MAINNET.relaxed(calls_per_message=2)) as ic:
        canister, slow = caller(ic), ic.install(IDLE)
        ic.mock(slow).delays("go", hours=1)
        submitted(ic, canister, relay(slow.id, "go"))
        submitted(ic, canister, relay(slow.id, "go"))

        third = canister.update_raw("update", u.reply(u.call(bytes(slow.id), "go")))
        ic.advance(hours=1)
        fourth = canister.update_raw("update", u.reply(u.call(bytes(slow.id), "go")))

    assert (third[0], fourth[0]) == (2, 0)


# --- bounded-wait calls


def test_a_bounded_wait_call_gets_its_answer_in_time(ic: Sandbox) -> None:
    canister, slow = caller(ic), ic.install(IDLE)
    ic.mock(slow).delays("go", seconds=9)
    call = submitted(ic, canister, relay(slow.id, "go", timeout_s=10))

    ic.advance(seconds=9)

    assert replied(answer_of(ic, call)) == b""


def test_a_bounded_wait_call_ends_at_its_deadline(ic: Sandbox) -> None:
    canister, slow = caller(ic), ic.install(IDLE)
    ic.mock(slow).delays("go", seconds=11)
    call = submitted(ic, canister, relay(slow.id, "go", timeout_s=10))

    ic.advance(seconds=9)
    early = answer_of(ic, call)
    ic.advance(seconds=1)
    answer = replied(answer_of(ic, call))
    late = ic.advance(seconds=10)

    assert early is None
    assert answer == Rejected(6, "Call deadline has expired.")
    assert not any(item.entry == "reply callback" for item in late.trace.executions)
    assert not ic.world.router.contexts


def test_a_guaranteed_call_waits_for_ever(ic: Sandbox) -> None:
    canister, deaf = caller(ic), ic.install(IDLE)
    ic.mock(deaf).drops("go")
    call = submitted(ic, canister, relay(deaf.id, "go"))

    ic.advance(days=30)

    assert answer_of(ic, call) is None
    assert ic.world.router.has_open_contexts(canister.id)


def test_the_callee_sees_the_deadline(ic: Sandbox) -> None:
    canister, other = caller(ic), caller(ic)

    script = relay(other.id, "update", u.reply(u.get("msg_deadline")), timeout_s=10)
    answer = came_back(canister.update_raw("update", script))

    assert answer == (ic.time_ns + 10 * 10**9).to_bytes(8, "little")


# --- order


def race(ic: Sandbox) -> list[Principal]:
    """Let three canisters be called at once; return them in the order they ran."""
    first, others = caller(ic), [ic.install(IDLE) for _ in range(6)]
    calls = b"".join(u.perform(u.call(bytes(item.id), "go")) for item in others)
    ran: list[Principal] = []
    with ic.world.traced() as tracer:
        seen = tracer.executed

        def note(context: int, canister: Principal, entry: str, outcome: object) -> None:
            ran.append(canister)
            seen(context, canister, entry, outcome)  # type: ignore[arg-type]  # passed on

        tracer.executed = note  # type: ignore[method-assign]  # the order is all we want
        first.update_raw("update", calls + u.reply())
    return [item for item in ran if item != first.id]


def race_with(seed: int | None) -> list[Principal]:
    with Sandbox(compiler=compiler(), seed=seed) as ic:
        return race(ic)


def test_without_a_seed_messages_run_in_the_order_they_were_made() -> None:
    order = race_with(None)

    assert order == sorted(order)


def test_a_seed_gives_one_order_and_other_seeds_give_others() -> None:
    orders = {seed: tuple(race_with(seed)) for seed in range(4)}

    assert len(set(orders.values())) > 1
    assert tuple(race_with(2)) == orders[2]
    assert {tuple(sorted(order)) for order in orders.values()} == {tuple(sorted(orders[0]))}


@pytest.mark.parametrize("seed", range(4))
def test_no_seed_lets_requests_to_one_canister_overtake_each_other(seed: int) -> None:
    # Each message multiplies what is there by ten and adds its number.
    steps = [
        u.repeat(9, u.store(u.scratch(8), u.load(u.scratch(8)) + u.load(u.scratch())))
        + u.store(u.scratch(), u.load(u.scratch()) + u.load(u.scratch(8)) + number)
        + u.store(u.scratch(8), 0)
        + u.reply()
        for number in (1, 2, 3)
    ]
    with Sandbox(compiler=compiler(), seed=seed) as ic:
        sender, receiver = caller(ic), caller(ic)
        calls = b"".join(u.perform(u.call(bytes(receiver.id), "update", step)) for step in steps)

        sender.update_raw("update", calls + u.reply())
        seen = receiver.query_raw("query", u.reply(u.load(u.scratch())))

    assert int.from_bytes(seen, "little") == 123


def test_the_same_run_is_the_same_bit_for_bit() -> None:
    def run() -> tuple[str, str]:
        with Sandbox(compiler=compiler(), seed=3) as ic:
            with ic.trace() as trace:
                race(ic)
                ic.advance(days=1)
            return trace.to_json(), "".join(item.checksum for item in ic.canisters)

    assert run() == run()


def test_a_message_to_an_empty_canister_is_not_let_in(ic: Sandbox) -> None:
    canister = ic.create_canister()
    before = canister.status().cycles

    with pytest.raises(CanisterRejected) as caught:
        canister.update_raw("go")

    assert (caught.value.error_code, caught.value.message) == (
        "IC0537",
        "Requested canister has no wasm module",
    )
    assert canister.status().cycles == before


def test_inspect_message_speaks_before_the_method_is_looked_for(ic: Sandbox) -> None:
    closed = ic.install(
        b'(module (func (export "canister_inspect_message")) (func (export "canister_update go")))'
    )
    open_ = ic.install(IDLE)
    before = open_.status().cycles

    refusals = []
    for canister in (closed, open_):
        with pytest.raises(CanisterRejected) as caught:
            canister.update_raw("make_coffee")
        refusals.append(caught.value.error_code)

    assert refusals == ["IC0406", "IC0536"]
    assert open_.status().cycles < before  # it was let in
