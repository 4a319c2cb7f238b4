"""Ctrl-C waits while two memories and a state record become new together.

Python delivers signals between any two bytecodes of the main thread. Inside ``with
uninterrupted():`` SIGINT is only noted; its handler runs when the block has ended. Other
threads are never interrupted.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Run the block to its end; a Ctrl-C in between takes effect right after it."""
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield
        return
    noted: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: noted.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if noted:
        handler(*noted[-1])
