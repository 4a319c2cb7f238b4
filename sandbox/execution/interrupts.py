"""Ctrl-C waits while two memories and a state record become new together.

Python delivers signals between any two bytecodes of the main thread. Inside ``with
uninterrupted():`` SIGINT is only noted; its handler runs when the block has ended. Other
threads are never interrupted.
"""

from __future__ import annotations

# What ``signal.signal`` wraps: it looks for an enum member of every handler's name, finds
# none and catches the error, 33 µs in each message where these two take 2 µs.
from _signal import getsignal, signal  # type: ignore[import-not-found]  # has no stub
from signal import SIGINT
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

_SIGINT: Final = int(SIGINT)


class uninterrupted:  # noqa: N801 - reads as a statement, like contextlib's
    """Run the block to its end; a Ctrl-C in between takes effect right after it."""

    __slots__ = ("_handler", "_noted")

    def __enter__(self) -> None:
        self._noted: list[tuple[int, FrameType | None]] = []
        handler = getsignal(_SIGINT) if current_thread() is main_thread() else None
        # A number when SIGINT is ignored or ends the process: nothing to wait for.
        self._handler: Callable[..., object] | None = handler if callable(handler) else None
        if self._handler is not None:
            signal(_SIGINT, self._note)

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._handler is None:
            return
        signal(_SIGINT, self._handler)
        if self._noted:
            self._handler(*self._noted[-1])

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._noted.append((number, frame))
