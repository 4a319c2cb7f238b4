"""Traces and reports: the tree of what a message caused."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from calling_room import IDLE, ask, caller, relay
from canisters import universal as u
from engine_room import open_sandbox
from sandbox.limits import MAINNET
from sandbox.messages import Reject, Reply

if TYPE_CHECKING:
    from sandbox import Sandbox


def test_a_trace_is_the_tree_of_calls(ic: Sandbox) -> None:
    first, second, third = caller(ic), caller(ic), ic.install(IDLE)

    with ic.trace() as trace:
        ask(first, second.id, "update", relay(third.id, "go", cycles=5), cycles=100)

    (root,) = trace.roots
    (child,) = root.calls
    (leaf,) = child.calls
    assert [span.canister for span in (root, child, leaf)] == [first.id, second.id, third.id]
    assert [span.caller for span in (root, child, leaf)] == [ic.identity, first.id, second.id]
    assert [span.cycles for span in (root, child, leaf)] == [0, 100, 5]
    assert [item.entry for item in root.executions] == ["update", "reply callback"]
    assert leaf.answer == Reply(b"")
    assert all(item.instructions > 0 for item in trace.executions)


def test_accepted_cycles_and_pages_are_told(ic: Sandbox) -> None:
    first, second = caller(ic), caller(ic)
    accept = u.evaluate(u.get("msg_cycles_accept", 60)) + u.heap_write(u.scratch(), b"x")

    with ic.trace() as trace:
        ask(first, second.id, "update", accept + u.reply(), cycles=100)

    (span,) = trace.roots[0].calls
    assert span.accepted_cycles == 60
    assert span.executions[0].heap_pages > 0


def test_a_failure_is_told_with_its_code(ic: Sandbox) -> None:
    first, second = caller(ic), caller(ic)

    with ic.trace() as trace:
        ask(first, second.id, "update", u.trap(b"no"))

    (span,) = trace.roots[0].calls
    assert isinstance(span.answer, Reject)
    assert span.executions[0].failure == span.answer
    assert "→ reject 5 IC0503: Error from Canister" in str(trace)
    assert "rolled back: IC0503" in str(trace)


def test_a_composite_query_is_traced_too(ic: Sandbox) -> None:
    first, second = caller(ic), caller(ic)
    script = u.perform(
        u.call(bytes(second.id), "query", u.reply(b"x"), on_reply=u.reply(u.argument()))
    )

    with ic.trace() as trace:
        answer = first.query_raw("composite_query", script)

    (root,) = trace.roots
    assert answer == b"x"
    assert [item.entry for item in root.executions] == ["composite_query", "reply callback"]
    assert root.calls[0].canister == second.id
    assert root.calls[0].answer == Reply(b"x")


def test_a_trace_prints_a_line_per_call_and_message(ic: Sandbox) -> None:
    first, second = caller(ic), ic.install(IDLE)

    with ic.trace() as trace:
        ask(first, second.id, "go", cycles=7)

    lines = str(trace).splitlines()
    assert re.fullmatch(rf"{first.id}\.update\(\d+ bytes\) from you → \(1 bytes\)", lines[0])
    assert lines[-2] == f"└─ {second.id}.go() from {first.id} with 7 cycles → ()"
    assert len(lines) == 5


def test_a_trace_calls_things_by_their_names_and_shows_values(ic: Sandbox) -> None:
    did = "service : { add : (nat, record { by : text }) -> (opt nat) }"
    ledger = ic.create_canister(name="ledger")
    ic.mock(ledger, did=did).returns("add", 7)
    ic.interfaces[ledger.id] = did

    with ic.trace() as trace:
        ledger.update("add", 5, {"by": "ada"})

    assert str(trace) == 'ledger.add(5 : nat, record { by = "ada" }) from you → (opt (7 : nat))'


def test_long_values_are_cut_in_a_trace(ic: Sandbox) -> None:
    ledger = ic.create_canister()
    ic.interfaces[ledger.id] = "service : { say : (text) -> () }"
    ic.mock(ledger, did=ic.interfaces[ledger.id]).returns("say")

    with ic.trace() as trace:
        ledger.update("say", "x" * 5_000)

    assert f'{ledger.id}.say("xxx' in str(trace)
    assert len(str(trace)) < 250


def test_a_trace_outlives_its_sandbox() -> None:
    with open_sandbox() as ic:
        canister = ic.install(IDLE)
        with ic.trace() as trace:
            canister.update_raw("go")
    there = str(trace)
    del ic, canister

    assert str(trace).splitlines()[0].startswith(there.partition(".go")[0])


def test_a_trace_is_json_too(ic: Sandbox) -> None:
    first, second = caller(ic), ic.install(IDLE)

    with ic.trace() as trace:
        ask(first, second.id, "go")

    record = json.loads(trace.to_json())
    (root,) = record["calls"]
    assert not record["is_cut"]
    assert root["canister"] == str(first.id)
    assert root["calls"][0]["method"] == "go"
    assert root["calls"][0]["argument"] == ""
    assert root["calls"][0]["result"] == {"reply": ""}
    assert root["executions"][0]["instructions"] > 0


def test_a_trace_names_the_limits_it_ran_under() -> None:
    relaxed = MAINNET.relaxed(chunk_bytes=5)
    with open_sandbox(limits=relaxed) as ic:
        canister = ic.install(IDLE)
        with ic.trace() as trace:
            canister.update_raw("go")

    assert json.loads(trace.to_json())["limits"] == relaxed.summary()
    assert str(trace).splitlines()[-1] == "limits: mainnet 2026-08 with chunk_bytes=5"


def test_nothing_is_recorded_outside_the_block(ic: Sandbox) -> None:
    canister = ic.install(IDLE)

    with ic.trace() as trace:
        canister.update_raw("go")
    canister.update_raw("go")

    assert len(trace.executions) == 1


def test_what_began_before_is_marked_as_continued(ic: Sandbox) -> None:
    first, second = caller(ic), ic.install(IDLE)
    ic.mock(second).delays("go", minutes=1)
    ic.world.submit(first.id, "update", relay(second.id, "go"), ic.identity)
    ic.world.settle()

    report = ic.advance(minutes=1)

    assert report.trace.roots[0].is_continued
    assert report.trace.roots[0].executions[0].entry == "reply callback"


def test_a_report_counts_messages_and_lists_failures(ic: Sandbox) -> None:
    good, bad = caller(ic), caller(ic)
    bad.update_raw("update", u.on(u.Hook.HEARTBEAT, u.trap(b"sick")) + u.reply())

    report = ic.tick()

    assert report.messages == 2
    assert bool(report)
    assert [item.canister for item in report.failures] == [bad.id]
    assert {span.canister for span in report.trace.spans} == {good.id, bad.id}
    assert str(report).startswith("2 messages in 0 s\n")


def test_a_quiet_world_reports_nothing(ic: Sandbox) -> None:
    ic.install(IDLE)

    report = ic.advance(hours=1)

    assert not report
    assert (report.ended_ns - report.started_ns) == 3_600 * 10**9
    assert str(report) == "0 messages in 3600 s"


def test_a_long_trace_is_cut_but_counted() -> None:
    from engine_room import open_sandbox
    from sandbox.world.tracing import Tracer

    with open_sandbox() as ic:
        canister = ic.install(IDLE)
        tracer = Tracer(lambda: 0, most=2)
        ic.world.router.watchers = (tracer,)
        for _ in range(5):
            canister.update_raw("go")

    assert tracer.messages == 5
    assert len(tracer.trace.spans) == 2
    assert str(tracer.trace).endswith("… and more")
