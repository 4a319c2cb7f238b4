"""Proofs: which packs are still the files that were written, or read and found whole.

A pack whose memories are mapped is not read, so its bytes are not compared with their names
every time. A proof says what the file system told about the file when they were; the file is
changed only together with that. A proof that is missing or of another file costs reading the
pack once more, so they are written without care, and where none can be written there are none.

    <store>/proven/<name of the pack>    inode, size, mtime and ctime (ns), as text
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from snapshot.store.errors import StoreWriteFailed
from snapshot.store.files import NewFile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sandbox.memory import OpenFile
    from snapshot.store.files import Disk

_LONGEST: Final = 100  # four numbers of 64 bits


class Proofs:
    """The proofs of one store.

    can_write: else they last as long as this object.
    """

    def __init__(self, directory: Path, temporary: Path, disk: Disk, *, can_write: bool) -> None:
        self._directory = directory
        self._temporary = temporary
        self._disk = disk
        self._can_write = can_write
        self._known: dict[str, str] = {}
        self._refuted: set[tuple[str, str]] = set()

    def holds(self, pack: Path, file: OpenFile) -> bool:
        """Whether the pack, opened, is as it was when its bytes were last seen to be right."""
        try:
            if pack.name not in self._known:
                self._known[pack.name] = _read(self._directory / pack.name)
            return self._known[pack.name] == about(file.descriptor)
        except (OSError, UnicodeDecodeError):
            return False

    def add(self, pack: Path, seen: str) -> None:
        """Note that a pack's bytes are right; ``seen``: ``about`` it, before they were read."""
        self._known[pack.name] = seen
        if not self._can_write:
            return
        with suppress(StoreWriteFailed, OSError):
            self._directory.mkdir(exist_ok=True)
            with NewFile(self._disk, self._temporary) as file:
                file.append([seen.encode()])
                file.publish(self._directory / pack.name, durably=False)

    def refute(self, pack: Path, seen: str) -> None:
        """Note, for as long as this object lives, that a pack's bytes are not all right."""
        self._refuted.add((pack.name, seen))

    def is_refuted(self, pack: Path, seen: str) -> bool:
        """Whether there is no use in reading the pack once more."""
        return (pack.name, seen) in self._refuted

    def keep(self, packs: Iterable[Path]) -> None:
        """Forget the proofs of all other packs."""
        kept = {pack.name for pack in packs}
        with suppress(OSError):
            for path in self._directory.iterdir():
                if path.name not in kept:
                    self._disk.remove(path)


def _read(proof: Path) -> str:
    # A pipe or an endless file in a proof's place must not hang us.
    descriptor = os.open(proof, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _LONGEST).decode("ascii")
    finally:
        os.close(descriptor)


def about(pack: Path | int) -> str:
    """Return what changes with a file's bytes. Raises: OSError."""
    found = os.stat(pack)  # noqa: PTH116  # of a descriptor as well
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}\n"
