"""Keeping wasmtime's signal handlers in place while Wasm runs.

A Wasm trap is a signal (SIGILL, SIGSEGV, …) that wasmtime's handler turns into an error.
wasmtime installs its handlers once per process. Whoever installs others later would let
the next trap kill the process: ``faulthandler.enable()`` does, and so does pytest when it
runs inside a test. So the handlers are looked at before each call, put back for the time
of the call when somebody has replaced them, and what was there is restored afterwards.
"""

from __future__ import annotations

import ctypes
import signal
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_NAMES: Final = ("SIGILL", "SIGFPE", "SIGSEGV", "SIGBUS")
# ``struct sigaction`` is smaller everywhere, and begins with the handler's address.
_Action = ctypes.c_size_t * 64


class SignalHandlers:
    """The handlers that were installed when this object was made.

    Where the C library cannot be asked (Windows has no such signals) nothing is done.
    """

    def __init__(self) -> None:
        found = _sigaction()
        names = [name for name in _NAMES if hasattr(signal, name)] if found else []
        self._sigaction: Callable[..., int] = found or _nothing
        self._signals = [int(getattr(signal, name)) for name in names]
        self._ours = self._read()
        self._addresses = [action[0] for action in self._ours]
        self._now = _Action()

    def take_over(self) -> Sequence[ctypes.Array[ctypes.c_size_t]] | None:
        """Put the handlers back where others stand; return those, None in the usual case."""
        sigaction, now = self._sigaction, self._now
        for number, address in zip(self._signals, self._addresses, strict=True):
            sigaction(number, None, now)
            if now[0] != address:
                return self._replace()
        return None

    def give_back(self, others: Sequence[ctypes.Array[ctypes.c_size_t]]) -> None:
        """Install again what ``take_over`` found."""
        for number, action in zip(self._signals, others, strict=True):
            self._sigaction(number, action, None)

    def _replace(self) -> Sequence[ctypes.Array[ctypes.c_size_t]]:
        others = self._read()
        self.give_back(self._ours)
        return others

    def _read(self) -> list[ctypes.Array[ctypes.c_size_t]]:
        actions = [_Action() for _ in self._signals]
        for number, action in zip(self._signals, actions, strict=True):
            self._sigaction(number, None, action)
        return actions


@contextmanager
def trapping_safely() -> Iterator[None]:
    """Let traps be errors while a block runs Wasm code, instantiation included."""
    handlers = wasmtime_handlers()
    others = handlers.take_over()
    try:
        yield
    finally:
        if others is not None:
            handlers.give_back(others)


@cache
def wasmtime_handlers() -> SignalHandlers:
    """Return wasmtime's handlers, as they were when this was first called.

    Signal handlers belong to the process, and so does this one object.
    Requires: wasmtime has installed them (an engine was made).
    """
    return SignalHandlers()


def _nothing(*_arguments: object) -> int:
    return 0


def _sigaction() -> Callable[..., int] | None:
    try:
        function = ctypes.CDLL(None).sigaction
    except (OSError, TypeError, AttributeError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    return function
