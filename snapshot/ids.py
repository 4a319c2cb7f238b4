"""Names and digests: snapshot ids as on the IC, content digests by BLAKE3.

The only module that imports blake3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NewType

from blake3 import blake3

from sandbox.errors import UsageError
from sandbox.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOCAL = struct.Struct(">Q")

ChunkId = NewType("ChunkId", bytes)
"""The BLAKE3 of some bytes, 32 bytes long; ``ZERO_ID`` for bytes that are all zero."""
ZERO_ID: Final = ChunkId(bytes(32))

StoredId = NewType("StoredId", str)
"""A stored snapshot: the BLAKE3 of its manifest file, 64 hex digits."""


@dataclass(frozen=True, slots=True, order=True)
class SnapshotId:
    """A snapshot's id: a counter of its canister, then the canister's own id.

    ``str(id)`` is lowercase hex, as dfx and icp-cli show it.
    Source: replica ``SnapshotId`` (reference/management_canister.md section 3.3).
    """

    raw: bytes

    @classmethod
    def of(cls, canister: Principal, local: int) -> SnapshotId:
        """Return the id of the canister's ``local``-th snapshot."""
        return cls(_LOCAL.pack(local) + bytes(canister))

    @classmethod
    def parse(cls, text: str) -> SnapshotId:
        """Read the hex form. Raises: UsageError."""
        try:
            raw = bytes.fromhex(text)
        except ValueError as error:
            raise UsageError(f"{text!r} is not a snapshot id: it is not hexadecimal") from error
        if not 9 <= len(raw) <= 37:
            raise UsageError(f"{text!r} is not a snapshot id: it has {len(raw)} bytes")
        return cls(raw)

    @property
    def canister(self) -> Principal:
        """The canister it belongs to."""
        return Principal(self.raw[8:])

    @property
    def local(self) -> int:
        """The number within the canister, counting from 0."""
        return int(_LOCAL.unpack_from(self.raw)[0])

    def __str__(self) -> str:
        return self.raw.hex()


def digest(data: bytes | memoryview) -> ChunkId:
    """Return the 32-byte BLAKE3 of some bytes."""
    return ChunkId(blake3(data).digest())


def digest_of(pieces: Iterable[bytes]) -> str:
    """Return the BLAKE3 of all pieces one after the other, in hex."""
    hasher = blake3()
    for piece in pieces:
        hasher.update(piece)
    return hasher.hexdigest()
