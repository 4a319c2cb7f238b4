"""``ic.history``: restore points, going back, replaying, finding the message to blame."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calling_room import IDLE, ask, caller, relay
from canisters import universal as u
from memory_arena import KINDS
from sandbox import CanisterRejected, CanisterTrapped, Principal, Sandbox, UsageError
from sandbox.messages import Reject, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Canister
    from sandbox.engine import Compiler
    from sandbox.history import Point

TRAPS = b"""(module
  (import "ic0" "msg_reply" (func $reply))
  (memory 1)
  (func (export "canister_update go") (call $reply))
  (func (export "canister_update boom")
    (i32.store (i32.const 0) (i32.const 7)) (unreachable)))"""
REFUSES = b"""(module
  (import "ic0" "msg_reply" (func $reply))
  (memory 1)
  (func (export "canister_inspect_message"))
  (func (export "canister_update go") (call $reply)))"""


def number(counter: Canister) -> int:
    return int.from_bytes(counter.query_raw("get"), "little")


def kept_bytes(canister: Canister) -> int:
    """Return what the heap holds besides its content."""
    heap = canister.runtime.heap
    return heap.allocated_bytes - heap.image_bytes


def written(data: bytes) -> u.Script:
    return u.do("stable64_grow", 1) + u.stable_write(0, data)


@pytest.fixture
def counter(ic: Sandbox, run_wat: Callable[..., Canister]) -> Canister:
    """A counter whose ten messages, numbers 0 to 9, are recorded."""
    canister = run_wat("counter")
    ic.history.record()
    for _ in range(10):
        canister.update_raw("inc")
    return canister


# --- what is recorded


def test_nothing_is_recorded_before_it_is_asked_for(
    ic: Sandbox, run_wat: Callable[..., Canister]
) -> None:
    canister = run_wat("counter")
    canister.update_raw("inc")

    assert not ic.history.is_recording
    assert len(ic.history) == 0
    assert kept_bytes(canister) == 0
    with pytest.raises(UsageError, match=r"nothing is recorded; ic\.history\.record\(\) begins"):
        ic.rewind(-1)
    assert number(canister) == 1


def test_a_point_says_what_its_message_did(ic: Sandbox, counter: Canister) -> None:
    alice = Principal.named("alice")
    counter.update_raw("inc", b"hello", caller=alice)

    point = ic.history[-1]

    assert (point.number, point.time_ns, point.canister) == (10, ic.time_ns, counter.id)
    assert (point.entry, point.caller, point.argument) == ("inc", alice, b"hello")
    assert point.result == Reply((11).to_bytes(4, "little"))
    assert point.instructions > 0
    assert (point.heap_pages, point.stable_pages) == (1, 0)
    assert point.is_call
    assert not point.has_trapped


def test_controllers_and_time_leave_points_too(
    ic: Sandbox, run_wat: Callable[..., Canister]
) -> None:
    ic.history.record()

    canister = run_wat("counter")
    snapshot = canister.take_snapshot()
    canister.upgrade(canister.runtime.module.raw)
    canister.load_snapshot(snapshot)
    canister.stop()
    canister.start()
    ic.advance(seconds=1)
    ic.time_ns += 1
    canister.uninstall()

    assert [point.entry for point in ic.history] == [
        "create_canister",
        "install_code (install)",
        "install_code (upgrade)",
        "load_canister_snapshot",
        "stop_canister",
        "start_canister",
        "the clock moves",
        "the clock moves",
        "uninstall_code",
    ]
    assert {point.canister for point in ic.history} == {canister.id, None}


def test_what_was_refused_leaves_no_point(ic: Sandbox) -> None:
    refuses = ic.install(REFUSES)
    ic.history.record()

    with pytest.raises(CanisterRejected, match="IC0406"):
        refuses.update_raw("go")
    with pytest.raises(UsageError, match="there is a canister"):
        ic.create_canister(specified_id=refuses.id)

    assert len(ic.history) == 0


def test_a_failed_upgrade_leaves_a_point_with_its_failure(ic: Sandbox, counter: Canister) -> None:
    with pytest.raises(CanisterRejected):
        counter.upgrade(b"no module")

    result = ic.history[-1].result
    assert isinstance(result, Reject)
    assert result.error_code == "IC0505"


def test_queries_leave_no_points(ic: Sandbox, counter: Canister) -> None:
    number(counter)

    assert len(ic.history) == 10


def test_every_message_of_a_call_has_its_point(ic: Sandbox) -> None:
    first, second = caller(ic), caller(ic)
    ic.history.record()

    ask(first, second.id, "update", u.reply(b"hi"))

    assert [(point.canister, point.entry, point.caller) for point in ic.history] == [
        (first.id, "update", ic.identity),
        (second.id, "update", first.id),
        (first.id, "reply callback", None),
    ]
    sent, answered, called_back = (point.result for point in ic.history)
    assert sent is None
    assert answered == Reply(b"hi")
    assert called_back == Reply(b"Ahi")


def test_calls_that_run_no_canister_are_told_too(ic: Sandbox) -> None:
    first = caller(ic)
    ic.history.record()

    ask(first, Principal.management(), "raw_rand", b"DIDL\0\0")
    ask(first, Principal.named("nobody"), "hello")

    entries = [(point.canister, point.entry) for point in ic.history]
    assert (Principal.management(), "raw_rand") in entries
    assert (Principal.named("nobody"), "hello") in entries


# --- going back


def test_rewinding_makes_everything_what_it_was_before_the_message(
    ic: Sandbox, counter: Canister
) -> None:
    ic.rewind(4)

    assert number(counter) == 4
    assert len(ic.history) == 4
    counter.update_raw("inc")
    assert ic.history[-1].number == 4


def test_the_last_message_is_taken_back(ic: Sandbox, counter: Canister) -> None:
    ic.rewind(-1)

    assert number(counter) == 9


def test_a_point_that_was_gone_back_over_is_no_way_forward(ic: Sandbox, counter: Canister) -> None:
    late = ic.history[8]
    ic.rewind(3)

    for lost in (late, 8, -4):
        with pytest.raises(UsageError, match=r"message -?\d+ is not in the history: it holds"):
            ic.rewind(lost)

    assert number(counter) == 3


def test_a_deleted_canister_and_the_clock_come_back(ic: Sandbox, counter: Canister) -> None:
    began = ic.time_ns
    ic.advance(days=1)
    counter.stop()
    counter.delete()

    ic.rewind(10)

    assert ic.time_ns == began
    assert number(counter) == 10


def test_the_names_of_canisters_that_are_not_there_yet_are_free(ic: Sandbox) -> None:
    ic.history.record()
    ic.install(IDLE, name="idle")

    ic.rewind(0)

    assert ic.names == {}
    ic.install(IDLE, name="idle")


def test_going_back_between_a_call_and_its_answer_lets_it_be_answered_again(ic: Sandbox) -> None:
    first, second = caller(ic), caller(ic)
    ic.history.record()
    ask(first, second.id, "update", written(b"x") + u.reply(b"hi"))
    after = (first.checksum, second.checksum)

    ic.rewind(1)

    assert len(second.stable_memory) == 0
    ic.world.settle()  # what a tick does, without heartbeats
    assert (first.checksum, second.checksum) == after


def test_a_message_that_was_submitted_only_is_on_its_way_again(
    ic: Sandbox, counter: Canister
) -> None:
    pending = counter.submit_raw("inc")
    ic.tick()

    ic.rewind(-1)

    assert number(counter) == 10
    assert pending.result_raw() == (11).to_bytes(4, "little")


def test_an_anchor_brings_the_history_back(ic: Sandbox, counter: Canister) -> None:
    with ic.anchor():
        ic.rewind(2)
        counter.update_raw("inc")
        ic.history.stop()

    assert ic.history.is_recording
    assert [point.number for point in ic.history] == list(range(10))
    ic.rewind(7)
    assert number(counter) == 7


def test_recording_that_began_in_an_anchor_ends_with_it(
    ic: Sandbox, run_wat: Callable[..., Canister]
) -> None:
    canister = run_wat("counter")
    with ic.anchor():
        ic.history.record()
        canister.update_raw("inc")

    assert not ic.history.is_recording
    assert len(ic.history) == 0


def test_a_trace_that_ends_later_does_not_end_the_recording(
    ic: Sandbox, run_wat: Callable[..., Canister]
) -> None:
    canister = run_wat("counter")
    with ic.trace():
        ic.history.record()
    canister.update_raw("inc")

    assert ic.history[-1].canister == canister.id


def test_nobody_goes_back_while_a_message_runs(ic: Sandbox, counter: Canister) -> None:
    first, other = caller(ic), Principal.named("mocked")
    seen: list[Exception] = []

    def go_back(*_arguments: Any) -> None:
        try:
            ic.rewind(0)
        except UsageError as error:
            seen.append(error)

    ic.mock(other).answers("hello", go_back)
    ask(first, other, "hello", b"DIDL\0\0")

    assert "a message is running" in str(seen)
    assert number(counter) == 10


# --- bounds


def test_the_oldest_points_go_when_there_are_too_many(
    ic: Sandbox, run_wat: Callable[..., Canister]
) -> None:
    canister = run_wat("counter")
    ic.history.record(points=3)
    for _ in range(10):
        canister.update_raw("inc")

    assert [point.number for point in ic.history] == [7, 8, 9]
    with pytest.raises(UsageError, match="message 2 is not in the history: it holds messages 7"):
        ic.rewind(2)
    ic.rewind(7)
    assert number(canister) == 7


def test_the_oldest_points_go_when_they_hold_too_much(
    ic: Sandbox, run_wat: Callable[..., Canister]
) -> None:
    canister = run_wat("touch_pages")
    budget = 10 * 32 * 4096
    ic.history.record(budget_bytes=budget)
    for _ in range(50):
        canister.update_raw("touch", (32).to_bytes(4, "little"))

    assert 8 <= len(ic.history) <= 10
    assert kept_bytes(canister) <= budget + 32 * 4096


def test_a_message_that_holds_more_than_the_budget_leaves_no_point(
    ic: Sandbox, run_wat: Callable[..., Canister]
) -> None:
    canister = run_wat("touch_pages")
    ic.history.record(budget_bytes=4096)
    canister.update_raw("touch", (32).to_bytes(4, "little"))

    assert len(ic.history) == 0


def test_stopping_gives_the_memory_back(ic: Sandbox, counter: Canister) -> None:
    assert kept_bytes(counter) == 9 * 4096  # the first page was a hole

    ic.history.stop()

    assert kept_bytes(counter) == 0
    assert len(ic.history) == 0


def test_bounds_that_make_no_sense_are_refused(ic: Sandbox) -> None:
    for wrong in ({"points": 0}, {"budget_bytes": -1}):
        with pytest.raises(UsageError, match="a history needs at least 1 point"):
            ic.history.record(**wrong)

    assert not ic.history.is_recording


# --- replaying


def test_a_message_replayed_does_the_same_again(ic: Sandbox, counter: Canister) -> None:
    trace = ic.history.replay(6)

    assert number(counter) == 7
    assert [span.answer for span in trace.roots] == [Reply((7).to_bytes(4, "little"))]
    assert [point.number for point in ic.history] == list(range(7))


def test_a_callback_is_replayed_alone(ic: Sandbox) -> None:
    first, second = caller(ic), caller(ic)
    ic.history.record()
    ask(first, second.id, "update", u.reply(b"hi"))
    after = first.checksum

    trace = ic.history.replay(2)

    assert [item.entry for item in trace.executions] == ["reply callback"]
    assert first.checksum == after
    assert [point.entry for point in ic.history][-1] == "reply callback"


def test_what_a_controller_did_is_replayed(ic: Sandbox, counter: Canister) -> None:
    counter.upgrade(counter.runtime.module.raw)
    counter.update_raw("inc")

    ic.history.replay(10)

    assert number(counter) == 0
    assert ic.history[-1].entry == "install_code (upgrade)"
    assert ic.history[-1].canister == counter.id


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_another_order_of_messages_is_replayed_as_it_was(compiler: Compiler, seed: int) -> None:
    with Sandbox(compiler=compiler, seed=seed) as ic:
        first, second, third = caller(ic), caller(ic), caller(ic)
        ic.history.record()
        script = relay(second.id, "update", u.reply(b"2")) + relay(
            third.id, "update", u.reply(b"3")
        )
        first.update_raw("update", relay(second.id, "update", script))
        ran = [(point.canister, point.entry) for point in ic.history]

        ic.rewind(1)
        ic.world.settle()

        assert [(point.canister, point.entry) for point in ic.history] == ran


# --- finding the message to blame


def test_the_first_message_after_which_something_no_longer_holds_is_found(
    ic: Sandbox, counter: Canister
) -> None:
    for bound in range(1, 11):
        point = ic.history.bisect(lambda bound=bound: number(counter) < bound)

        assert point is not None
        assert point.number == bound - 1
    assert number(counter) == 10
    assert len(ic.history) == 10


def test_an_upgrade_is_found_guilty(ic: Sandbox, counter: Canister) -> None:
    counter.upgrade(counter.runtime.module.raw)  # keeps nothing
    counter.update_raw("inc")

    point = ic.history.bisect(lambda: number(counter) == counter.runtime.state.version - 1)

    assert point is not None
    assert point.entry == "install_code (upgrade)"
    assert number(counter) == 1


def test_the_first_change_of_bytes_is_found(ic: Sandbox, run_wat: Callable[..., Canister]) -> None:
    canister = caller(ic)
    ic.history.record()
    for at in (0, 100, 40, 100):
        canister.update_raw("update", u.heap_fill(u.scratch(at), 7, 1) + u.reply())
    first = canister.heap

    def look(at: int) -> bytes:
        start = _scratch_start(canister)
        return bytes(first[start + at : start + at + 4])

    assert _found(ic.history.first_change(lambda: look(40))) == 2
    assert _found(ic.history.first_change(lambda: look(100))) == 1
    assert ic.history.first_change(lambda: look(200)) is None


def test_a_query_that_is_rejected_does_not_hold(ic: Sandbox, counter: Canister) -> None:
    counter.stop()

    point = ic.history.bisect(lambda: counter.query_raw("get"))

    assert point is not None
    assert point.entry == "stop_canister"


def test_what_never_held_is_said_with_the_oldest_message(ic: Sandbox, counter: Canister) -> None:
    with pytest.raises(UsageError, match="it did not hold before message 0 either, the oldest"):
        ic.history.bisect(lambda: False)

    assert number(counter) == 10
    assert len(ic.history) == 10


def test_an_empty_history_cannot_be_searched(ic: Sandbox) -> None:
    with pytest.raises(UsageError, match="there is nothing to search: nothing is recorded"):
        ic.history.bisect(lambda: True)


def test_an_error_in_the_question_comes_through_and_changes_nothing(
    ic: Sandbox, counter: Canister
) -> None:
    def wrong() -> bool:
        if number(counter) < 10:
            raise ZeroDivisionError
        return False

    with pytest.raises(ZeroDivisionError):
        ic.history.bisect(wrong)

    assert number(counter) == 10
    assert len(ic.history) == 10


def test_what_the_question_changes_is_undone(ic: Sandbox, counter: Canister) -> None:
    def asked_by_updates() -> bool:
        return int.from_bytes(counter.update_raw("inc"), "little") <= 5

    point = ic.history.bisect(asked_by_updates)

    assert point is not None
    assert point.number == 4
    assert number(counter) == 10


# --- traps


def test_the_state_before_a_trap_is_kept(ic: Sandbox) -> None:
    canister = ic.install(TRAPS, name="it")
    canister.update_raw("go")
    ic.history.record(keeps_traps=True)
    before = canister.checksum

    with pytest.raises(CanisterTrapped):
        canister.update_raw("boom", b"DIDL\0\0")

    (point,) = ic.history
    assert point.has_trapped
    assert point.snapshot is not None
    assert point.snapshot.label == "before boom trapped"
    assert point.snapshot.checksum == before
    assert canister.runtime.state.id == point.snapshot.canister_id
    assert ic.list_snapshots(canister.id) == (point.snapshot,)
    assert ic.history.command(point) == (
        f"canister-sandbox snapshot load it {point.snapshot.id}\n"
        "canister-sandbox call it boom '()' --update"
    )


def test_the_state_of_a_callee_before_its_trap_is_kept(ic: Sandbox) -> None:
    first, second = caller(ic), caller(ic)
    ic.history.record(keeps_traps=True)

    ask(first, second.id, "update", u.trap(b"no"), cycles=7)

    (point,) = [point for point in ic.history if point.has_trapped]
    assert (point.canister, point.caller) == (second.id, first.id)
    assert ic.list_snapshots(second.id) == (point.snapshot,)
    assert ic.list_snapshots(first.id) == ()


def test_a_trap_in_a_callback_is_kept_and_is_no_call(ic: Sandbox) -> None:
    first, second = caller(ic), caller(ic)
    ic.history.record(keeps_traps=True)
    script = u.perform(
        u.call(bytes(second.id), "update", u.reply(), on_reply=u.trap(b"no"), on_reject=u.reply())
    )

    with pytest.raises(CanisterTrapped):
        first.update_raw("update", script)

    point = ic.history[-1]
    assert point.entry == "reply callback"
    assert point.snapshot is not None
    assert ic.history.command(point) is None


def test_a_canister_with_all_its_snapshots_keeps_no_more(ic: Sandbox) -> None:
    canister = ic.install(TRAPS)
    for _ in range(10):
        canister.take_snapshot()
    ic.history.record(keeps_traps=True)

    with pytest.raises(CanisterTrapped):
        canister.update_raw("boom")

    assert ic.history[-1].snapshot is None
    assert "snapshots" in ic.history[-1].not_kept


def test_nothing_is_kept_unless_asked_for(ic: Sandbox) -> None:
    canister = ic.install(TRAPS)
    ic.history.record()

    with pytest.raises(CanisterTrapped):
        canister.update_raw("boom")

    assert ic.history[-1].has_trapped
    assert ic.list_snapshots(canister.id) == ()


# --- to read


def test_the_history_prints_as_a_table(ic: Sandbox) -> None:
    canister = ic.install(TRAPS, name="it")
    ic.history.record()
    canister.update_raw("go", caller=canister.id)
    with pytest.raises(CanisterTrapped):
        canister.update_raw("boom")
    canister.stop()

    lines = str(ic.history).splitlines()

    assert lines[0].split() == ["time", "message", "caller", "result", "instructions", "pages"]
    assert lines[1].split()[:5] == ["0", "2025-01-01", "00:00:00", "it.go", "it"]
    assert "it.boom" in lines[2]
    assert "reject 5 IC0502" in lines[2]
    assert lines[3].split()[-2:] == ["you", "done"] or lines[3].split()[-1] == "done"
    assert repr(ic.history) == "<History: it holds messages 0 to 2>"


def test_the_history_is_told_as_json(ic: Sandbox, counter: Canister) -> None:
    first = json.loads(ic.history.to_json())[0]

    assert first["number"] == 0
    assert first["canister"] == str(counter.id)
    assert first["result"] == {"reply": "01000000"}


# --- against the obvious: a list of checksums

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 60_000)),
        st.tuples(st.just("stable"), st.integers(1, 3)),
        st.tuples(st.just("grow"), st.integers(1, 2)),
        st.tuples(st.just("trap"), st.just(0)),
        st.tuples(st.just("upgrade"), st.just(0)),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.just("load"), st.integers(0, 3)),
        st.tuples(st.just("rewind"), st.integers(0, 30)),
        st.tuples(st.just("advance"), st.integers(1, 100)),
        st.tuples(st.just("clone"), st.just(0)),
        st.tuples(st.just("anchored"), st.integers(0, 30)),
    ),
    max_size=25,
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@given(steps=STEPS)
@settings(max_examples=100, deadline=None)
def test_every_point_leads_to_exactly_the_state_there_was(
    compiler: Compiler, kind: Any, steps: list[tuple[str, int]]
) -> None:
    with Sandbox(compiler=compiler, memory=kind) as ic:
        canister = caller(ic)
        ic.history.record(points=12)
        states: dict[int, tuple[str, ...]] = {}
        for step, value in steps:
            before, first = _all(ic), _next(ic)
            _take(ic, canister, step, value)
            if step == "rewind":
                states = {at: state for at, state in states.items() if at < _next(ic)}
            elif _next(ic) > first:
                states[first] = before
            for point in ic.history:
                if point.number in states:
                    with ic.anchor():
                        ic.rewind(point)
                        assert _all(ic) == states[point.number]


def _take(ic: Sandbox, canister: Canister, step: str, value: int) -> None:
    if step in _SCRIPTS:
        canister.update_raw("update", _SCRIPTS[step](value) + u.reply())
    else:
        _ACTS[step](ic, canister, value)


def _trap(_ic: Sandbox, canister: Canister, _value: int) -> None:
    with pytest.raises(CanisterTrapped):
        canister.update_raw("update", u.heap_fill(u.scratch(9), 9, 9) + u.trap(b"no"))


def _load(ic: Sandbox, canister: Canister, value: int) -> None:
    for snapshot in ic.list_snapshots(canister.id)[value : value + 1]:
        canister.load_snapshot(snapshot)


def _take_snapshot(ic: Sandbox, canister: Canister, _value: int) -> None:
    if len(ic.list_snapshots(canister.id)) < 10:
        canister.take_snapshot()


def _rewind(ic: Sandbox, _canister: Canister, value: int) -> None:
    points = list(ic.history)
    if points:
        ic.rewind(points[value % len(points)])


def _anchored(ic: Sandbox, canister: Canister, value: int) -> None:
    with ic.anchor():
        canister.update_raw("update", u.heap_fill(u.scratch(value), 3, 3) + u.reply())
        _rewind(ic, canister, value)
        canister.update_raw("update", u.reply())


def _clone(ic: Sandbox, canister: Canister, _value: int) -> None:
    if len(ic.canisters) < 4:
        ic.snapshots.clone(canister)


_SCRIPTS: Final[dict[str, Callable[[int], u.Script]]] = {
    "write": lambda value: u.heap_fill(u.scratch(value), 1, 5),
    "stable": lambda value: written(bytes([value]) * 9),
    "grow": lambda value: u.evaluate(u.heap_grow(value)),
}
_ACTS: Final[dict[str, Callable[[Sandbox, Canister, int], object]]] = {
    "trap": _trap,
    "upgrade": lambda _ic, canister, _: canister.upgrade(canister.runtime.module.raw, b""),
    "take": _take_snapshot,
    "load": _load,
    "rewind": _rewind,
    "advance": lambda ic, _, value: ic.advance(seconds=value),
    "anchored": _anchored,
    "clone": _clone,
}


def _all(ic: Sandbox) -> tuple[str, ...]:
    return (str(ic.time_ns), *(f"{it.id} {it.checksum}" for it in ic.canisters))


def _next(ic: Sandbox) -> int:
    return ic.world.recorder.next_number


def _found(point: Point | None) -> int:
    assert point is not None
    return point.number


def _scratch_start(canister: Canister) -> int:
    reply = canister.query_raw("query", u.reply(u.scratch()))
    return int.from_bytes(reply, "little")
