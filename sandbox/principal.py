"""Principals: the 0 to 29 bytes that name a canister, a user or nobody.

The only module that knows the textual form (CRC-32 in front, base 32, groups of
five). Source: IC interface specification, "Principals".
"""

from __future__ import annotations

import base64
import binascii
import re
from hashlib import sha224
from typing import Final

MAX_LENGTH_BYTES: Final = 29
_GROUP = 5
# At least ten bytes, as canisters and users have; `hello-world` is a name.
_LOOKS_LIKE_ONE: Final = re.compile(r"[a-z2-7]{5}(-[a-z2-7]{5}){3,}-[a-z2-7]{1,5}", re.IGNORECASE)


class Principal:
    """An immutable principal; ``bytes(p)`` and ``str(p)`` are its two forms.

    value: the raw bytes (at most 29), a textual form such as
        ``"rrkah-fqaaa-aaaaa-aaaaq-cai"``, or another principal.

    Raises: ValueError, saying what is wrong with the text or the length; TypeError.
    """

    __slots__ = ("_raw",)
    _raw: bytes

    def __init__(self, value: str | bytes | bytearray | memoryview | Principal) -> None:
        if isinstance(value, int):  # bytes(5) would be five zeros
            raise TypeError(f"a principal is made of text or bytes, not of {value!r}")
        raw = _parse(value) if isinstance(value, str) else bytes(value)
        if len(raw) > MAX_LENGTH_BYTES:
            raise ValueError(f"a principal has at most {MAX_LENGTH_BYTES} bytes, not {len(raw)}")
        object.__setattr__(self, "_raw", raw)

    @classmethod
    def management(cls) -> Principal:
        """Return the management canister, ``aaaaa-aa``."""
        return cls(b"")

    @classmethod
    def anonymous(cls) -> Principal:
        """Return the anonymous caller, ``2vxsx-fae``."""
        return cls(b"\x04")

    @classmethod
    def from_index(cls, index: int) -> Principal:
        """Return the id of the ``index``-th canister of a subnet (an opaque id).

        The replica allocates ids as a big-endian counter followed by ``01 01``.
        """
        return cls(index.to_bytes(8, "big") + b"\x01\x01")

    @classmethod
    def self_authenticating(cls, public_key_der: bytes) -> Principal:
        """Return the principal of a user who signs with this DER public key."""
        return cls(sha224(public_key_der).digest() + b"\x02")

    @classmethod
    def named(cls, name: str) -> Principal:
        """Return the sandbox's identity of this name; the same name is always the same user."""
        return cls.self_authenticating(f"canister-sandbox identity {name}".encode())

    @classmethod
    def of_identity(cls, name: str) -> Principal:
        """Return who is meant by a name: ``anonymous``, a principal, or an identity's name.

        Raises: ValueError for a mistyped principal, and for what is no name.
        """
        if name == "anonymous":
            return cls.anonymous()
        if looks_like_principal(name):
            return cls(name)
        problem = problem_of_name(name)
        if problem is not None:
            raise ValueError(f"{name!r} is no identity: {problem}")
        return cls.named(name)

    @property
    def is_opaque(self) -> bool:
        """Whether it is of the class that canister ids are of: its last byte is 1."""
        return self._raw[-1:] == b"\x01"

    def __bytes__(self) -> bytes:
        return self._raw

    def __str__(self) -> str:
        checked = binascii.crc32(self._raw).to_bytes(4, "big") + self._raw
        letters = base64.b32encode(checked).decode().lower().rstrip("=")
        return "-".join(letters[i : i + _GROUP] for i in range(0, len(letters), _GROUP))

    def __repr__(self) -> str:
        return f"Principal({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return self._raw == other._raw if isinstance(other, Principal) else NotImplemented

    def __lt__(self, other: Principal) -> bool:
        # As in the replica, whose principals begin with their length.
        return (len(self._raw), self._raw) < (len(other._raw), other._raw)

    def __hash__(self) -> int:
        return hash(self._raw)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Principal cannot be changed")

    def __reduce__(self) -> tuple[type[Principal], tuple[bytes]]:
        return (Principal, (self._raw,))


def looks_like_principal(text: str) -> bool:
    """Whether a text is a principal, or a mistyped one of a canister or a user."""
    if _LOOKS_LIKE_ONE.fullmatch(text):
        return True
    try:
        checked = _decoded(text)
    except ValueError:  # no base 32
        return False
    return len(checked) >= 4 and binascii.crc32(checked[4:]).to_bytes(4, "big") == checked[:4]


def problem_of_name(name: str) -> str | None:
    """Return why a canister or an identity cannot be called so; None when it can.

    A name is never taken for a principal, and can be shown and typed.
    """
    if not name:
        return "a name has at least one character"
    if not name.isprintable():
        return "a name has no control characters"
    if name != name.strip():
        return "a name has no spaces at its ends"
    return "a name does not look like a principal" if looks_like_principal(name) else None


def _decoded(text: str) -> bytes:
    letters = text.replace("-", "").upper()
    return base64.b32decode(letters + "=" * (-len(letters) % 8))


def _parse(text: str) -> bytes:
    try:
        checked = _decoded(text)
    except ValueError as error:  # not ASCII, or not base 32
        raise ValueError(f"{text!r} is not a principal: it is not base 32") from error
    if len(checked) < 4:
        raise ValueError(f"{text!r} is not a principal: it is too short")
    raw = checked[4:]
    if binascii.crc32(raw).to_bytes(4, "big") != checked[:4]:
        raise ValueError(f"{text!r} is not a principal: its checksum does not match")
    if len(raw) <= MAX_LENGTH_BYTES and str(Principal(raw)) != text.lower():
        raise ValueError(f"{text!r} is not a principal: did you mean {Principal(raw)}?")
    return raw


# Who calls when nobody says otherwise, from Python and from the command line.
DEFAULT_IDENTITY: Final = Principal.self_authenticating(b"canister-sandbox: default identity")
