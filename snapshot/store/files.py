"""The disk, as a store uses it: the only module that writes files of a store.

Rules: a file is written under ``tmp/``, synced, renamed to its final name, and the
directory is synced; after that it is never written again. Tests put a subclass in its
place that fails, writes short or forgets what was not synced.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from snapshot.store.errors import StoreBusy, StoreReadOnly, StoreWriteFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from snapshot.tree import Buffer

_MAX_PIECES: Final = 1_024  # IOV_MAX


class Disk:
    """Primitive operations on files; every one of them may fail with an ``OSError``."""

    def create(self, path: Path) -> int:
        """Create a file for writing."""
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)

    def write(self, descriptor: int, pieces: Sequence[Buffer]) -> int:
        """Append at most ``IOV_MAX`` pieces; return the bytes written, perhaps too few."""
        return os.writev(descriptor, pieces)

    def sync(self, descriptor: int) -> None:
        """Wait until the file's bytes are on the disk."""
        os.fsync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file its final name."""
        source.rename(target)

    def sync_directory(self, path: Path) -> None:
        """Wait until the directory's names are on the disk."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        """Delete a file."""
        path.unlink()


class NewFile:
    """A file on its way into the store. A context manager: left unpublished, it is removed.

    Raises: StoreWriteFailed from every method.
    """

    def __init__(self, disk: Disk, directory: Path) -> None:
        self._disk = disk
        self._path = directory / f"{os.getpid()}-{secrets.token_hex(8)}"
        self._is_published = False
        self.length = 0
        with refusals(self._path):
            self._descriptor = disk.create(self._path)

    def append(self, pieces: Sequence[Buffer]) -> None:
        """Write all of these bytes."""
        waiting = [memoryview(piece) for piece in pieces if len(piece)]
        while waiting:
            with refusals(self._path):
                written = self._disk.write(self._descriptor, waiting[:_MAX_PIECES])
            self.length += written
            while waiting and written >= len(waiting[0]):
                written -= len(waiting.pop(0))
            if written:
                waiting[0] = waiting[0][written:]

    def publish(self, target: Path, *, durably: bool = True) -> None:
        """Give the file its final name and make it durable, or leave that to the system."""
        with refusals(target):
            if durably:
                self._disk.sync(self._descriptor)
            self._disk.rename(self._path, target)
            self._is_published = True
            if durably:
                self._disk.sync_directory(target.parent)

    def __enter__(self) -> NewFile:
        return self

    def __exit__(self, *_unused: object) -> None:
        os.close(self._descriptor)
        if not self._is_published:
            with suppress(OSError):  # what stays is swept away by the next collection
                self._disk.remove(self._path)


def read_exactly(descriptor: int, length: int, offset: int) -> bytes:
    """Return bytes of a file; fewer at its end."""
    data = os.pread(descriptor, length, offset)
    while len(data) < length:
        more = os.pread(descriptor, length - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


@contextmanager
def shared_lock(path: Path, *, may_make: bool) -> Iterator[None]:
    """Keep collections away while saving or loading; waits for one that is running.

    may_make: whether a lock file may be made where there is none.

    Where the lock file can be neither opened nor made (a read-only disk), nobody can
    collect either, and no lock is needed.
    """
    try:
        descriptor = _open_lock(path, may_make=may_make)
    except OSError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Be alone in the store. Raises: StoreBusy, StoreReadOnly."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as refusal:
        raise StoreReadOnly(f"{path}: {refusal.strerror}") from refusal
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            raise StoreBusy(f"{path.parent} is in use by another process") from busy
        yield
    finally:
        os.close(descriptor)


def _open_lock(path: Path, *, may_make: bool) -> int:
    if may_make:
        with suppress(OSError):
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what the disk says into StoreWriteFailed, naming the file."""
    try:
        yield
    except OSError as refusal:
        raise StoreWriteFailed(f"{path}: {refusal.strerror or refusal}") from refusal
