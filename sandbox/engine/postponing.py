"""Ctrl-C and alarms while Wasm runs: their handlers run at its next pause.

Python runs a signal's handler between two bytecodes of the main thread, and while Wasm runs
there are none; the first afterwards may belong to a host function's frame, out of which an
exception leads nowhere. So signals are only noted, and handled where what a handler raises
ends the message: at a pause (``Meter``), a tenth of a second apart, or when Wasm has returned.
"""

from __future__ import annotations

import signal

# See ``sandbox.execution.interrupts``: what ``signal.signal`` wraps is much faster.
from _signal import getsignal  # type: ignore[import-not-found]  # has no stub
from _signal import signal as set_handler
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

# Ctrl-C, and what limits a test's time (pytest-timeout).
_SIGNALS: Final = tuple(
    int(getattr(signal, name)) for name in ("SIGINT", "SIGALRM") if hasattr(signal, name)
)


class PostponedSignals:
    """Notes signals inside ``with``; handles them when told to, and at the end. Reusable."""

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[..., object]] = {}
        self._noted: list[tuple[int, FrameType | None]] = []

    def handle(self) -> None:
        """Run the handlers of what was noted. Raises: what they raise."""
        while self._noted:
            number, frame = self._noted.pop(0)
            self._handlers[number](number, frame)

    def __enter__(self) -> None:
        self._noted.clear()
        self._handlers = {}
        if current_thread() is not main_thread():
            return
        try:
            for number in _SIGNALS:
                handler = getsignal(number)
                # A number when the signal is ignored or ends the process.
                if callable(handler):
                    self._handlers[number] = handler
                    set_handler(number, self._note)
        except BaseException:
            self._put_back()
            raise

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._handlers:
            self._put_back()
            self.handle()

    def _put_back(self) -> None:
        # A handler that is back may raise before the next one is: all are put back again then.
        try:
            self._put_all_back()
        except BaseException:
            self._put_all_back()
            raise

    def _put_all_back(self) -> None:
        for number, handler in self._handlers.items():
            set_handler(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._noted.append((number, frame))
