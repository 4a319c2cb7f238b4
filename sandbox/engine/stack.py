"""How much stack Wasm code may use: more than a thread has would kill the process.

wasmtime measures from where the call enters, whichever thread that is. So the engine's
limit follows the thread that makes it, and every other thread is measured before it runs
Wasm code for the first time.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from typing import Final

from sandbox.errors import UsageError

# What the IC gives Wasm code.
_IC_STACK_BYTES: Final = 5 << 20
_LEAST_STACK_BYTES: Final = 64 << 10
_ATTRIBUTES_BYTES: Final = 256  # more than any pthread_attr_t


def usable_stack_bytes() -> int:
    """Return how much stack Wasm code may have in the calling thread.

    What it has on the IC where there is half as much again, which Python needs above and
    below the call; in smaller threads, five eighths of what there is. A main thread's stack
    is some pages smaller from start to start: the depth at which code traps must not depend
    on that.
    """
    available = thread_stack_bytes()
    if available >= _wanted_for(_IC_STACK_BYTES):
        return _IC_STACK_BYTES
    return max(_LEAST_STACK_BYTES, available * 5 // 8)


def thread_stack_bytes() -> int:
    """Return the size of the calling thread's stack; 1 MiB where it cannot be asked."""
    try:
        if sys.platform == "linux":
            return _linux_stack_bytes()
        if sys.platform == "darwin":
            libc = ctypes.CDLL(None)
            libc.pthread_self.restype = ctypes.c_void_p
            libc.pthread_get_stacksize_np.restype = ctypes.c_size_t
            return int(libc.pthread_get_stacksize_np(ctypes.c_void_p(libc.pthread_self())))
    except (OSError, AttributeError):  # another C library
        pass
    return threading.stack_size() or 1 << 20


def _wanted_for(needed_bytes: int) -> int:
    """Return how large a thread's stack is to be when Wasm code uses so much of it."""
    return needed_bytes * 3 // 2


def _linux_stack_bytes() -> int:
    libc = ctypes.CDLL(None)
    libc.pthread_self.restype = ctypes.c_void_p
    attributes = ctypes.create_string_buffer(_ATTRIBUTES_BYTES)
    if libc.pthread_getattr_np(ctypes.c_void_p(libc.pthread_self()), attributes):
        raise OSError("the thread's attributes cannot be read")
    start, size = ctypes.c_void_p(), ctypes.c_size_t()
    libc.pthread_attr_getstack(attributes, ctypes.byref(start), ctypes.byref(size))
    libc.pthread_attr_destroy(attributes)
    return size.value


class StackCheck(threading.local):
    """Lets a thread run Wasm code once its stack is known to be large enough.

    needed_bytes: what Wasm code may use.
    """

    def __init__(self, needed_bytes: int) -> None:
        self._needed_bytes = needed_bytes
        self._is_enough = False

    def check(self) -> None:
        """Return if this thread may run Wasm code. Raises: UsageError."""
        if self._is_enough:
            return
        available = thread_stack_bytes()
        if available < _wanted_for(self._needed_bytes):
            raise UsageError(
                f"this thread's stack of {available >> 10} KiB is too small for Wasm code, which "
                f"may use {self._needed_bytes >> 10} KiB: call threading.stack_size(16 << 20) "
                "before the thread starts, or make the Sandbox in this thread"
            )
        self._is_enough = True
