"""Ctrl-C ends a command within a second, whatever the engine is doing.

Python hears of a signal when the running call into the engine returns. Canisters pause for that
(``sandbox.engine.interrupts``), compiling a large module does not. So a thread listens, too, and
ends the process when nobody else does. The world on the disk bears that, as it bears kill -9.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Final

_PATIENCE_S: Final = 1.0
EXIT_CODE: Final = 128 + signal.SIGINT
_SHOW_CURSOR: Final = b"\033[?25h"  # a progress bar may have hidden it


def end_soon_after_ctrl_c() -> None:
    """Begin to listen. Requires: the main thread."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_listen, args=(reading,), daemon=True).start()


def let_python_handle_ctrl_c() -> None:
    """Stop listening: for a prompt, where Ctrl-C ends a line and not the program."""
    signal.set_wakeup_fd(-1)


def _listen(reading: int) -> None:
    while signal.SIGINT not in os.read(reading, 64):
        pass
    time.sleep(_PATIENCE_S)
    if os.isatty(2):
        os.write(2, _SHOW_CURSOR)
    os._exit(EXIT_CODE)
