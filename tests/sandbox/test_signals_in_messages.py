"""Ctrl-C and alarms while a canister runs: they end the message, which leaves no trace."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Final

import pytest

from sandbox import CanisterTrapped, Sandbox
from sandbox.limits import MAINNET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from sandbox import Canister
    from sandbox.engine import Compiler
    from sandbox.limits import Limits

if not hasattr(signal, "setitimer"):
    pytest.skip("needs signals as Unix has them", allow_module_level=True)

# work: as many rounds as the argument's byte says, times 2^20; of 0 it is 2^32.
WAT: Final = """(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_arg_data_copy" (func $argument (param i32 i32 i32)))
  (import "ic0" "performance_counter" (func $used (param i32) (result i64)))
  (memory 40)
  (global $calls (mut i32) (i32.const 0))
  (func $work (local $left i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (call $argument (i32.const 0) (i32.const 0) (i32.const 1))
    (local.set $left (i32.shl (i32.load8_u (i32.const 0)) (i32.const 20)))
    (loop $more
      (i32.store (i32.const 16) (local.get $left))
      (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (memory.fill (i32.const 65536) (i32.const 7) (i32.const 2000000))
    (i64.store (i32.const 8) (call $used (i32.const 0)))
    (call $append (i32.const 8) (i32.const 8))
    (call $reply))
  (func (export "canister_update work") (call $work))
  (func (export "canister_query look") (call $work))
  (func (export "canister_post_upgrade") (loop $ever (br $ever)))
  (func (export "canister_update get")
    (i32.store (i32.const 0) (global.get $calls))
    (call $append (i32.const 0) (i32.const 4)) (call $reply)))"""
PAGES: Final = 1 + 489  # that are changed: where the counts are, and what is filled
FOR_LONG: Final = b"\0"


class TooLate(Exception):
    """What a handler raises that limits the time of a test."""


@pytest.fixture
def worker(compiler: Compiler, monkeypatch: pytest.MonkeyPatch) -> Iterator[Canister]:
    monkeypatch.setattr("sandbox.engine.meter._PART", 1 << 20)
    with Sandbox(compiler=compiler) as ic:
        yield ic.install(WAT.encode())


@pytest.fixture
def on_signal() -> Iterator[Callable[..., object]]:
    """Set handlers; at the end they are put back, and the timer is off."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGALRM)}
    yield signal.signal
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in before.items():
        signal.signal(number, handler)


def too_late(_number: int, _frame: FrameType | None) -> None:
    raise TooLate


def press_ctrl_c_soon() -> threading.Timer:
    timer = threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    return timer


def calls(worker: Canister) -> int:
    return int.from_bytes(worker.update_raw("get"), "little")


@pytest.mark.parametrize("method", ["update_raw", "query_raw"])
def test_ctrl_c_ends_a_message_that_never_ends(
    worker: Canister, on_signal: Callable[..., object], method: str
) -> None:
    on_signal(signal.SIGINT, signal.default_int_handler)
    checksum = worker.checksum
    call = getattr(worker, method)
    press_ctrl_c_soon()

    with pytest.raises(KeyboardInterrupt):
        call("look" if method == "query_raw" else "work", FOR_LONG)

    assert worker.checksum == checksum
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert calls(worker) == 0


def test_what_a_handler_raises_ends_the_message(
    worker: Canister, on_signal: Callable[..., object]
) -> None:
    on_signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, 0.05)

    with pytest.raises(TooLate):
        worker.update_raw("work", FOR_LONG)

    assert calls(worker) == 0
    assert len(worker.update_raw("work", b"\1")) == 8
    assert calls(worker) == 1


def test_a_handler_that_only_notes_lets_the_message_go_on(
    worker: Canister, on_signal: Callable[..., object]
) -> None:
    seen: list[int] = []
    on_signal(signal.SIGALRM, lambda number, _frame: seen.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)

    assert len(worker.update_raw("work", b"\xff")) == 8

    assert seen
    assert calls(worker) == 1


def test_an_upgrade_that_is_interrupted_never_was(
    worker: Canister, on_signal: Callable[..., object]
) -> None:
    on_signal(signal.SIGINT, signal.default_int_handler)
    worker.update_raw("work", b"\1")
    checksum = worker.checksum
    press_ctrl_c_soon()

    with pytest.raises(KeyboardInterrupt):
        worker.upgrade(WAT.encode())

    assert worker.checksum == checksum
    assert calls(worker) == 1


def test_a_signal_that_is_ignored_stays_ignored(
    worker: Canister, on_signal: Callable[..., object]
) -> None:
    on_signal(signal.SIGINT, signal.SIG_IGN)
    pressed = press_ctrl_c_soon()

    assert len(worker.update_raw("work", b"\xff")) == 8

    pressed.join()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_threads_run_messages_without_minding_signals(
    worker: Canister, on_signal: Callable[..., object]
) -> None:
    on_signal(signal.SIGALRM, too_late)
    found: list[bytes] = []

    expected = worker.update_raw("work", b"\1")

    thread = threading.Thread(target=lambda: found.append(worker.update_raw("work", b"\1")))
    thread.start()
    thread.join()

    assert found == [expected]
    assert signal.getsignal(signal.SIGALRM) is too_late


def test_the_signal_of_a_moment_without_wasm_is_handled_at_once(
    worker: Canister, on_signal: Callable[..., object]
) -> None:
    on_signal(signal.SIGALRM, too_late)
    worker.update_raw("get")
    signal.setitimer(signal.ITIMER_REAL, 0.01)

    with pytest.raises(TooLate):
        time.sleep(60)


def test_a_profiled_message_is_ended_too(
    worker: Canister, on_signal: Callable[..., object]
) -> None:
    on_signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, 0.05)

    with worker.sandbox.profile(), pytest.raises(TooLate):
        worker.update_raw("work", FOR_LONG)

    assert calls(worker) == 0


@pytest.mark.parametrize("part", [1_009, 1 << 20])
def test_pauses_are_not_seen_in_profiles(
    worker: Canister, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    worker.update_raw("work", b"\1")  # what is written once more changes no page
    found = []
    for length in (1 << 62, part):
        monkeypatch.setattr("sandbox.engine.meter._PART", length)
        with worker.sandbox.profile() as profile:
            worker.update_raw("work", b"\1")
        found.append(profile)

    assert found[0].instructions > 5_000_000
    assert found[0].folded() == found[1].folded()


@pytest.mark.parametrize("part", [10_007, 1 << 20, 1 << 40])
def test_pauses_are_not_seen_in_counts_limits_or_results(
    compiler: Compiler, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    """Of a fill of two million bytes, too, which is charged at once."""
    monkeypatch.setattr("sandbox.engine.meter._PART", 1 << 62)
    expected, used = worked(compiler, MAINNET)
    assert int.from_bytes(expected, "little") > 2_000_000

    monkeypatch.setattr("sandbox.engine.meter._PART", part)

    assert worked(compiler, MAINNET) == (expected, used)
    assert worked(compiler, MAINNET.relaxed(update_instructions=used)) == (expected, used)
    with pytest.raises(CanisterTrapped, match="exceeded the limit"):
        worked(compiler, MAINNET.relaxed(update_instructions=used - 1))


def worked(compiler: Compiler, limits: Limits) -> tuple[bytes, int]:
    """Return a message's reply and instructions, those for changed pages left out."""
    with Sandbox(compiler=compiler, limits=limits) as ic:
        worker = ic.install(WAT.encode())
        with ic.trace() as trace:
            reply = worker.update_raw("work", b"\1")
    (span,) = trace.spans
    return reply, span.instructions - PAGES * 1_000
