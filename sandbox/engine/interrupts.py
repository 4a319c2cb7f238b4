"""Ctrl-C and alarms wait while Wasm runs, and while a message's end becomes the new state.

Python runs a signal's handler between two bytecodes of the main thread, and what the handler
raises leaves whatever runs there. Two blocks must not be left so: one that makes two memories and
a state record new together, and a call into Wasm, after which the first bytecode may belong to a
host function's frame, out of which an exception leads nowhere. Inside ``with
PostponedSignals():`` signals are only noted. They are handled when the block has ended, or at a
pause of the canister (``Meter``), a tenth of a second apart. Other threads never handle signals.
"""

from __future__ import annotations

import signal

# What ``signal.signal`` wraps: it looks for an enum member of every handler's name, finds
# none and catches the error, 33 µs in each message where these two take 2 µs.
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

    __slots__ = ("_handlers", "_noted")

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[..., object]] = {}
        # By number: of several at once the handler hears once, as ever.
        self._noted: dict[int, FrameType | None] = {}

    def handle(self) -> None:
        """Run the handlers of what was noted. Raises: what they raise."""
        while self._noted:
            number, frame = self._noted.popitem()
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
        self._noted[number] = frame
