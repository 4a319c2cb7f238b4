"""Ctrl-C around a block that must run to its end."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest

from sandbox.engine.interrupts import PostponedSignals

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def pythons_handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    done = []

    def interrupted_half_way() -> None:
        with PostponedSignals():
            signal.raise_signal(signal.SIGINT)
            done.append("the rest")

    with pytest.raises(KeyboardInterrupt):
        interrupted_half_way()

    assert done == ["the rest"]


def test_after_the_block_the_handler_is_the_one_from_before() -> None:
    with PostponedSignals():
        pass

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_in_the_block_is_passed_on_and_the_handler_put_back() -> None:
    with pytest.raises(ValueError, match="ours"), PostponedSignals():
        raise ValueError("ours")

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_several_interrupts_call_the_handler_once() -> None:
    calls = []
    signal.signal(signal.SIGINT, lambda number, _frame: calls.append(number))

    with PostponedSignals():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert calls == []

    assert calls == [signal.SIGINT]


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_a_signal_that_python_does_not_handle_is_left_alone(handler: signal.Handlers) -> None:
    signal.signal(signal.SIGINT, handler)

    with PostponedSignals():
        assert signal.getsignal(signal.SIGINT) is handler

    assert signal.getsignal(signal.SIGINT) is handler


def test_another_thread_does_not_touch_the_handler() -> None:
    seen = []

    def work() -> None:
        with PostponedSignals():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [signal.default_int_handler]
