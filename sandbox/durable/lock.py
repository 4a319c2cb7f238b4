"""The lock on a world's directory: many may look, or one may change it.

The lock goes with the process that holds it, so a killed one leaves nothing to clean up.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_POLL_S: Final = 0.02


@contextmanager
def locked(
    path: Path, *, shared: bool, wait_s: float, waiting: Callable[[], None]
) -> Iterator[None]:
    """Hold the lock file at ``path``.

    shared: to look only; then a file that cannot even be opened needs no lock.
    waiting: called once, when somebody else has it and we wait, at most ``wait_s``.

    Raises: UsageError when it is still taken then, or cannot be made.
    """
    descriptor = _opened(path, shared=shared)
    if descriptor is None:
        yield
        return
    try:
        if not _try(descriptor, shared=shared):
            waiting()
            _wait(descriptor, path, shared=shared, wait_s=wait_s)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path, *, shared: bool) -> int | None:
    flags = os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT
    try:
        return os.open(path, flags | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if shared:
            return None
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _wait(descriptor: int, path: Path, *, shared: bool, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while not _try(descriptor, shared=shared):
        if time.monotonic() >= deadline:
            raise UsageError(
                f"{path.parent} is in use by another process; try again when it is done"
            )
        time.sleep(_POLL_S)


def _try(descriptor: int, *, shared: bool) -> bool:
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
