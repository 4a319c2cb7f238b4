"""Ctrl-C at any moment: a canister is what it was before, or what it is afterwards."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from canisters import universal as u
from canisters.universal import Hook
from engine_room import execute, open_sandbox, runtime_of
from universal_room import install, keep, run_kept, universal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from sandbox import Canister
    from sandbox.memory import RegionKind


class TooLate(BaseException):
    """What the handler of a test's time limit raises; pytest's own is no Exception either."""


def _too_late(_number: int, _frame: FrameType | None) -> None:
    raise TooLate


@pytest.fixture(autouse=True, params=[signal.SIGINT, signal.SIGALRM])
def struck(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Strike with one signal or the other; their handlers are those from before."""
    before = signal.signal(signal.SIGALRM, _too_late)
    ours = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(InterruptAt, "signal", request.param)
    yield
    assert signal.signal(signal.SIGALRM, before) is _too_late
    assert signal.getsignal(signal.SIGINT) is ours


class InterruptAt:
    """Sends a signal when the ``count``-th line of our own code is about to run."""

    signal = signal.SIGINT

    def __init__(self, count: int) -> None:
        self.left = count
        self.has_struck = False

    def __call__(self, frame: FrameType, event: str, _argument: object) -> Any:
        name = frame.f_globals.get("__name__", "")
        if not name.startswith("sandbox."):
            return None
        if event == "line":
            self.left -= 1
            if self.left <= 0 and not self.has_struck and not _is_finalizing(frame):
                self.has_struck = True
                signal.raise_signal(self.signal)
        return self


def _is_finalizing(frame: FrameType | None) -> bool:
    """Python drops what is raised in a finalizer, whoever wrote it."""
    while frame is not None and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    return frame is not None


def interrupted(action: Callable[[], object], count: int) -> bool:
    """Run an action with an interrupt at a line; False when it has fewer lines."""
    tracer, before = InterruptAt(count), sys.gettrace()
    sys.settrace(tracer)
    try:
        action()
    except (KeyboardInterrupt, TooLate):
        pass
    finally:
        sys.settrace(before)
    return tracer.has_struck


def seen(canister: Canister) -> tuple[object, ...]:
    """Return what is kept, and what the canister itself sees of it."""
    look = u.append(u.get_global(), u.heap_read(u.scratch(), 64)) + u.if_(
        u.get("stable64_size"), u.append(u.stable_read(0, 64))
    )
    answer = execute(canister, "query", argument=look + u.do("msg_reply"), keeps=False).answer
    return canister.checksum, answer


def change(mark: int) -> bytes:
    return (
        u.heap_fill(u.scratch(), mark, 64)
        + u.set_global(mark)
        + u.do("stable64_grow", 1)
        + u.stable_write(0, bytes([mark]) * 64)
        + u.do("certified_data_set", bytes([mark]))
    )


def an_update(canister: Canister) -> Callable[[], object]:
    keep(canister, change(2))
    return lambda: run_kept(canister)


def a_failing_update(canister: Canister) -> Callable[[], object]:
    keep(canister, change(2) + u.evaluate(u.heap_grow(1)) + u.unreachable())
    return lambda: run_kept(canister)


def an_upgrade(canister: Canister) -> Callable[[], object]:
    execute(canister, "update", argument=u.on(Hook.PRE_UPGRADE, change(3)))
    module = universal("wasm64").read_bytes()
    canister.sandbox.world.loader.load(module)
    return lambda: canister.upgrade(module, change(4), persistence="replace")


def a_snapshot_load(canister: Canister) -> Callable[[], object]:
    snapshot = canister.take_snapshot()
    execute(canister, "update", argument=change(5))
    return lambda: canister.load_snapshot(snapshot)


ACTIONS: Final = (an_update, a_failing_update, an_upgrade, a_snapshot_load)


@pytest.mark.slow
@pytest.mark.parametrize("prepare", ACTIONS, ids=lambda action: action.__name__)
@pytest.mark.parametrize("memory", ["auto", "copying"])
def test_an_interrupt_at_any_line_leaves_the_old_or_the_new_state(
    prepare: Callable[[Canister], Callable[[], object]], memory: RegionKind
) -> None:
    with open_sandbox(memory=memory) as ic:
        canister = install(ic, "wasm32", change(1))
        action = prepare(canister)
        old = seen(canister)
        with ic.anchor() as whole:
            action()
            new = seen(canister)
            whole.rewind()
            step, count = 13, 1
            while interrupted(action, count):
                assert seen(canister) in (old, new), count
                whole.rewind()
                assert seen(canister) == old, count
                count += step
        assert count > 100
        assert runtime_of(canister).heap.size_bytes
