"""Time: it moves only when told to, and everything due on the way happens in order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from calling_room import IDLE, caller
from canisters import universal as u
from engine_room import compiler, open_sandbox
from sandbox import CanisterRejected, Sandbox, UsageError
from sandbox.limits import MAINNET

if TYPE_CHECKING:
    from sandbox import Canister

DAY = 86_400 * 10**9


def number(canister: Canister) -> int:
    return int.from_bytes(canister.query_raw("query", u.reply(u.load(u.scratch()))), "little")


def rearming(ic: Sandbox, every_ns: int, hook: bytes = b"") -> Canister:
    """Install a canister whose timer counts, and sets itself again."""
    canister = caller(ic)
    count = u.store(u.scratch(), u.load(u.scratch()) + 1)
    again = u.do("global_timer_set", u.get("time") + every_ns)
    canister.update_raw(
        "update", u.on(u.Hook.GLOBAL_TIMER, count + again + hook) + again + u.reply()
    )
    return canister


# "wait" sets the timer to now and calls itself until the timer has run, as a canister does that
# lets others go first; "hurry" replies at once. "never" waits without a timer.
POLLING = b"""(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "time" (func $time (result i64)))
  (import "ic0" "global_timer_set" (func $set_timer (param i64) (result i64)))
  (import "ic0" "canister_self_size" (func $self_size (result i32)))
  (import "ic0" "canister_self_copy" (func $self_copy (param i32 i32 i32)))
  (import "ic0" "call_new" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "ic0" "call_perform" (func $perform (result i32)))
  (memory 1)
  (data (i32.const 0) "hurry")
  (global $fired (mut i32) (i32.const 0))
  (table funcref (elem $again))
  (elem declare func $again)
  (func $again (param i32)
    (if (global.get $fired)
      (then (call $reply))
      (else
        (call $self_copy (i32.const 16) (i32.const 0) (call $self_size))
        (call $call (i32.const 16) (call $self_size) (i32.const 0) (i32.const 5)
          (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
        (drop (call $perform)))))
  (func $arm (drop (call $set_timer (call $time))))
  (func (export "canister_update wait") (call $arm) (call $again (i32.const 0)))
  (func (export "canister_update never") (call $again (i32.const 0)))
  (func (export "canister_update hurry") (call $reply))
  (func (export "canister_update arm") (call $arm) (call $reply))
  (func (export "canister_global_timer") (global.set $fired (i32.const 1))))"""


@pytest.mark.parametrize("seed", [None, 7])
def test_a_due_timer_runs_while_a_call_goes_on_and_on(seed: int | None) -> None:
    with Sandbox(compiler=compiler(), seed=seed) as ic:
        canister = ic.install(POLLING)

        with ic.trace() as trace:
            canister.update_raw("wait")

        timers = [span for span in trace.roots if span.method == "canister_global_timer"]
        assert len(timers) == 1
        assert len(trace.spans) < 2_000


def test_a_submitted_call_is_answered_by_the_round_in_which_its_timer_runs(ic: Sandbox) -> None:
    pending = ic.install(POLLING).submit_raw("wait")

    ic.tick()

    assert pending.is_done


def test_a_due_timer_waits_for_a_tick_when_a_call_ends_at_once(ic: Sandbox) -> None:
    canister = ic.install(POLLING)

    canister.update_raw("arm")

    assert [span.method for span in ic.tick().trace.roots] == ["canister_global_timer"]


def test_a_call_that_never_ends_is_cut_off_and_says_so() -> None:
    with open_sandbox(limits=MAINNET.relaxed(messages_per_settle=50)) as ic:
        canister = ic.install(POLLING)

        with pytest.raises(CanisterRejected, match="50 messages ran and there are always more"):
            canister.update_raw("never")
        pending = canister.submit_raw("never")
        with pytest.raises(UsageError, match="50 messages ran and there are always more"):
            pending.result_raw()


def test_messages_do_not_move_the_clock(ic: Sandbox) -> None:
    canister, before = ic.install(IDLE), ic.time_ns

    canister.update_raw("go")
    ic.tick()

    assert ic.time_ns == before


def test_a_timer_that_rearms_itself_runs_every_day_of_thirty(ic: Sandbox) -> None:
    canister = rearming(ic, DAY)

    report = ic.advance(days=30)

    assert number(canister) == 30
    timers = [span for span in report.trace.roots if span.method == "canister_global_timer"]
    assert len(timers) == 30
    assert [span.time_ns - report.started_ns for span in timers] == [
        DAY * day for day in range(1, 31)
    ]


def test_a_timer_sees_its_own_deadline_as_the_time(ic: Sandbox) -> None:
    canister, start = caller(ic), ic.time_ns
    note = u.store(u.scratch(), u.get("time"))
    set_timer = u.do("global_timer_set", u.get("time") + 5)
    canister.update_raw("update", u.on(u.Hook.GLOBAL_TIMER, note) + set_timer + u.reply())

    ic.advance(days=1)

    assert number(canister) == start + 5


def test_timers_of_several_canisters_run_in_the_order_of_their_deadlines(ic: Sandbox) -> None:
    slow, fast = rearming(ic, 3 * DAY), rearming(ic, 2 * DAY)

    report = ic.advance(days=6)

    order = [span.canister for span in report.trace.roots if span.method == "canister_global_timer"]
    assert order == [fast.id, slow.id, fast.id, slow.id, fast.id]


def test_a_timer_of_a_stopped_canister_waits_until_it_runs_again(ic: Sandbox) -> None:
    canister = rearming(ic, DAY)
    canister.stop()

    ic.advance(days=2)
    while_stopped = number_of(ic, canister)
    canister.start()
    ic.tick()

    assert while_stopped == 0
    assert number(canister) == 1


def number_of(ic: Sandbox, canister: Canister) -> int:
    """Read the number of a canister that is stopped and cannot be asked."""
    canister.start()
    found = number(canister)
    canister.stop()
    return found


def test_heartbeats_run_once_a_round_in_the_order_of_ids(ic: Sandbox) -> None:
    canisters = [caller(ic) for _ in range(3)]

    report = ic.tick()

    beats = [span.canister for span in report.trace.roots]
    assert beats == [canister.id for canister in canisters]


def test_time_does_not_go_back(ic: Sandbox) -> None:
    with pytest.raises(UsageError, match="time does not go back"):
        ic.time_ns = ic.time_ns - 1
    with pytest.raises(UsageError, match="cannot be negative"):
        ic.advance(days=-1)
    with pytest.raises(UsageError, match="no such unit"):
        ic.advance(weeks=1)


@pytest.mark.parametrize(
    "duration", [{"days": math.nan}, {"days": math.inf}, {"seconds": -math.inf}, {"days": 1e300}]
)
def test_what_is_no_length_of_time_is_refused(ic: Sandbox, duration: dict[str, float]) -> None:
    before = ic.time_ns

    with pytest.raises(UsageError, match="is no length of time"):
        ic.advance(hours=1, **duration)

    assert ic.time_ns == before


def test_an_anchor_takes_the_clock_and_the_timers_back(ic: Sandbox) -> None:
    canister, before = rearming(ic, DAY), ic.time_ns

    with ic.anchor():
        ic.advance(days=3)
    ic.advance(days=1)

    assert ic.time_ns == before + DAY
    assert number(canister) == 1


def test_canisters_that_call_each_other_for_ever_do_not_hang_the_user() -> None:
    with open_sandbox(limits=MAINNET.relaxed(messages_per_settle=50)) as ic:
        canister = caller(ic)
        endless = u.perform(u.call(bytes(canister.id), "update", u.argument())) + u.reply()

        canister.update_raw("update", endless)
        report: Any = ic.tick()

        assert report.messages == 50
        assert ic.world.router.queue


# --- submitted calls


def test_submitted_calls_run_when_a_result_is_asked_for(ic: Sandbox) -> None:
    canister = caller(ic)
    calls = [canister.submit_raw("update", u.reply(bytes([item]))) for item in range(3)]

    before = [call.is_done for call in calls]
    results = [call.result_raw() for call in calls]

    assert before == [False, False, False]
    assert results == [b"\x00", b"\x01", b"\x02"]
    assert calls[0].result_raw() == b"\x00"


def test_a_submitted_call_that_waits_says_so_until_the_clock_has_moved(ic: Sandbox) -> None:
    canister = ic.install(IDLE)
    ic.mock(canister).delays("go", hours=1)
    outer = caller(ic)
    script = u.perform(u.call(bytes(canister.id), "go", on_reply=u.reply(b"late")))
    call = outer.submit_raw("update", script)

    with pytest.raises(UsageError, match="has no answer yet: move the clock"):
        call.result_raw()
    ic.advance(hours=1)

    assert call.is_done
    assert call.result_raw() == b"late"
