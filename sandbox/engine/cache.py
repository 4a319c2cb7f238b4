"""Compiled modules on disk, so that a module is compiled once per machine.

An entry is: magic, SHA-256 over key and compiled code, length of the code, the code. Rules:
1. Written to a temporary file and renamed: a reader sees a whole entry or none.
2. Whatever is not exactly what was written under this key (damage, another version, another
   module, another owner) is a miss, never an error; the entry is rebuilt. Only files of our
   own user in a directory of our own user are trusted, because compiled code is native code.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MAGIC: Final = b"canister-sandbox compiled 3\n"
_HEADER: Final = struct.Struct("<32sQ")


@dataclass(frozen=True, slots=True)
class CompileCache:
    """A directory of compiled modules.

    directory: created on first use with mode 0700; None switches the cache off.
    """

    directory: Path | None

    def load(self, key: str) -> bytes | None:
        """Return the code stored under ``key``, or None."""
        if self.directory is None:
            return None
        try:
            with self._path(key).open("rb") as file:
                if not (_is_ours(os.fstat(file.fileno())) and _is_ours(self.directory.stat())):
                    return None
                data = file.read()
        except OSError:
            return None
        return _unpack(key, data)

    def store(self, key: str, code: bytes) -> None:
        """Keep an entry; a cache that cannot be written to is no error."""
        if self.directory is None:
            return
        data = _MAGIC + _HEADER.pack(_digest(key, code), len(code)) + code
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_atomically(self._path(key), data)
        except OSError:
            return

    def _path(self, key: str) -> Path:
        assert self.directory is not None
        return self.directory / f"{key}.compiled"


def default_directory() -> Path | None:
    """Return where compiled modules are kept, by the environment.

    ``CANISTER_SANDBOX_CACHE`` names a directory (empty: no cache); else the user's cache
    directory.
    """
    named = os.environ.get("CANISTER_SANDBOX_CACHE")
    if named is not None:
        return Path(named) / "compiled" if named else None
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    base = Path(home) if home else Path.home() / ".cache"
    return base / "canister-sandbox" / "compiled"


def _unpack(key: str, data: bytes) -> bytes | None:
    start = len(_MAGIC) + _HEADER.size
    if len(data) < start or not data.startswith(_MAGIC):
        return None
    digest, length = _HEADER.unpack_from(data, len(_MAGIC))
    code = data[start:]
    if len(code) != length or _digest(key, code) != digest:
        return None
    return code


def _digest(key: str, code: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + code).digest()


def _is_ours(status: os.stat_result) -> bool:
    return not hasattr(os, "getuid") or status.st_uid == os.getuid()


def _write_atomically(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
