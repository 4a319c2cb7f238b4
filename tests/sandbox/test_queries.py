"""Composite queries: across canisters, within their limits, without a trace."""

from __future__ import annotations

import pytest

from calling_room import IDLE, caller
from canisters import universal as u
from engine_room import open_sandbox
from sandbox import CanisterRejected, Principal, Sandbox
from sandbox.limits import MAINNET


def through(callee: Principal, method: str, payload: bytes) -> bytes:
    """Call as a composite query and pass the reply on."""
    return u.perform(u.call(bytes(callee), method, payload, on_reply=u.reply(u.argument())))


def test_a_composite_query_goes_through_three_canisters(ic: Sandbox) -> None:
    first, second, third = caller(ic), caller(ic), caller(ic)
    last = through(third.id, "query", u.reply(b"end"))

    assert first.query_raw("composite_query", through(second.id, "composite_query", last)) == b"end"


def test_what_a_composite_query_writes_is_gone_afterwards(ic: Sandbox) -> None:
    canister, other = caller(ic), caller(ic)
    before = canister.checksum
    script = u.set_global(5) + u.perform(
        u.call(bytes(other.id), "query", u.reply(), on_reply=u.reply(u.get_global()))
    )

    seen = canister.query_raw("composite_query", script)

    assert seen[0] == 5
    assert canister.checksum == before


def test_each_call_of_a_query_sees_the_canister_as_it_was_before(ic: Sandbox) -> None:
    first, second = caller(ic), caller(ic)
    before = second.checksum
    write = u.set_global(5) + u.reply(u.get_global())
    look = u.perform(
        u.call(
            bytes(second.id),
            "composite_query",
            u.reply(u.get_global()),
            on_reply=u.reply(u.argument()),
        )
    )
    script = u.perform(u.call(bytes(second.id), "composite_query", write, on_reply=look))

    seen = first.query_raw("composite_query", script)

    assert seen == bytes(8)
    assert second.checksum == before


def test_a_canister_that_calls_itself_meets_its_old_self_and_keeps_its_new_one(
    ic: Sandbox,
) -> None:
    canister = caller(ic)
    before = canister.checksum
    script = u.set_global(5) + u.perform(
        u.call(
            bytes(canister.id),
            "composite_query",
            u.reply(u.get_global()),
            on_reply=u.reply(u.argument(), u.get_global()),
        )
    )

    seen = canister.query_raw("composite_query", script)

    assert seen == bytes(8) + (5).to_bytes(8, "little")
    assert canister.checksum == before


def deep(canister: Principal, levels: int) -> bytes:
    script = u.reply(b"bottom")
    for _ in range(levels):
        script = through(canister, "composite_query", script)
    return script


def test_six_calls_below_one_another_are_the_most(ic: Sandbox) -> None:
    canister = caller(ic)

    fits = canister.query_raw("composite_query", deep(canister.id, 6))
    with pytest.raises(CanisterRejected) as caught:
        canister.query_raw("composite_query", deep(canister.id, 7))

    assert fits == b"bottom"
    assert (caught.value.error_code, caught.value.message) == (
        "IC0525",
        "Composite query calls exceeded the maximum call depth.",
    )


def test_a_canister_that_calls_itself_for_ever_is_stopped_by_the_depth(ic: Sandbox) -> None:
    canister = caller(ic)
    endless = u.perform(
        u.call(bytes(canister.id), "composite_query", u.argument(), on_reply=u.reply())
    )

    with pytest.raises(CanisterRejected) as caught:
        canister.query_raw("composite_query", endless)

    assert caught.value.error_code == "IC0525"


def test_the_whole_graph_shares_one_budget() -> None:
    limits = MAINNET.relaxed(query_graph_instructions=170_000_000, query_instructions=1_000_000)
    with open_sandbox(limits=limits) as ic:
        canister, other = caller(ic), ic.install(IDLE)
        one = u.call(bytes(other.id), "look", on_reply=b"")
        calls = u.perform(one) * 2
        last = through(other.id, "look", b"")

        fits = canister.query_raw("composite_query", calls + last)
        with pytest.raises(CanisterRejected) as caught:
            canister.query_raw("composite_query", calls + u.perform(one) + last)

    assert fits == b""
    assert (caught.value.error_code, caught.value.message) == (
        "IC0526",
        "Composite query calls exceeded the instruction limit.",
    )


def test_more_instructions_for_a_query_are_not_taken_back_by_the_graph() -> None:
    work = u.repeat(1_000, b"") + u.reply(b"done")
    with open_sandbox(limits=MAINNET.relaxed(query_graph_instructions=1_000)) as ic:
        assert caller(ic).query_raw("query", work) == b"done"


def test_a_composite_query_cannot_be_an_update_nor_called_by_one(ic: Sandbox) -> None:
    from calling_room import Rejected, ask

    canister, other = caller(ic), caller(ic)

    with pytest.raises(CanisterRejected) as caught:
        canister.update_raw("composite_query", u.reply())
    inner = ask(canister, other.id, "composite_query", u.reply())

    text = "Composite query cannot be called in replicated mode"
    assert (caught.value.error_code, caught.value.message) == ("IC0527", text)
    assert inner == Rejected(5, f"IC0527: {text}")


def test_a_query_cannot_call_an_update(ic: Sandbox) -> None:
    canister, other = caller(ic), ic.install(IDLE)
    told = u.reply(u.get("msg_reject_code"))
    script = u.perform(u.call(bytes(other.id), "go", on_reject=told, on_reply=u.reply()))

    answer = canister.query_raw("composite_query", script)

    assert answer[0] == 5


def test_the_status_of_a_canister_can_be_asked_in_a_composite_query(ic: Sandbox) -> None:
    canister = caller(ic)
    argument = ic.management.encode("canister_status", canister_id=canister.id)
    script = through(ic.management.id, "canister_status", argument)

    assert canister.query_raw("composite_query", script).startswith(b"DIDL")


def test_a_query_of_a_stopped_canister_is_refused(ic: Sandbox) -> None:
    canister = ic.install(IDLE)
    canister.stop()

    with pytest.raises(CanisterRejected) as caught:
        canister.query_raw("look")

    assert (caught.value.error_code, caught.value.message) == (
        "IC0508",
        f"Canister {canister.id} is not running",
    )
