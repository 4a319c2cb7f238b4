"""What generated decoders call for the rarer shapes: references, runs of numbers, errors.

Each reader takes the message and a place and returns a value and the place behind
it. Places may run past the end: what is read there is short, and the message is
refused in the end because its end and the place do not meet.
"""

from __future__ import annotations

from struct import unpack_from
from typing import Any, Final

from sandbox.candid.binary.leb128 import read_length
from sandbox.candid.errors import CandidDecodeError
from sandbox.candid.values import FuncRef, ServiceRef
from sandbox.principal import MAX_LENGTH_BYTES, Principal

# Stands for a value that is well-formed but does not fit the expected type; the
# nearest enclosing ``opt`` turns it into null.
MISFIT: Final = object()


def read_principal(data: bytes, place: int) -> tuple[Principal, int]:
    """Read a principal; opaque references need the system that made them."""
    if data[place] != 1:
        reason = "is opaque" if data[place] == 0 else "begins with neither 0 nor 1"
        raise CandidDecodeError(place, f"a reference {reason}")
    length, start = read_length(data, place + 1)
    if length > MAX_LENGTH_BYTES:
        raise CandidDecodeError(place + 1, f"a principal has {length} bytes")
    return Principal(data[start : start + length]), start + length


def read_service(data: bytes, place: int) -> tuple[ServiceRef, int]:
    """Read a service reference."""
    principal, end = read_principal(data, place)
    return ServiceRef(principal), end


def read_func(data: bytes, place: int) -> tuple[FuncRef, int]:
    """Read a function reference."""
    if data[place] != 1:
        reason = "is opaque" if data[place] == 0 else "begins with neither 0 nor 1"
        raise CandidDecodeError(place, f"a function reference {reason}")
    principal, start = read_principal(data, place + 1)
    method, end = read_text(data, start)
    return FuncRef(principal, method), end


def read_text(data: bytes, place: int) -> tuple[str, int]:
    """Read a text."""
    length, start = read_length(data, place)
    try:
        return data[start : start + length].decode(), start + length
    except UnicodeDecodeError as error:
        raise CandidDecodeError(start + error.start, "a text is not UTF-8") from None


def read_numbers(data: bytes, place: int, count: int, letter: str, size: int) -> list[Any]:
    """Read ``count`` numbers of one fixed size, ``letter`` being their struct format."""
    check_room(data, place, count * size)
    return list(unpack_from(f"<{count}{letter}", data, place))


def read_bools(data: bytes, place: int, count: int) -> list[bool]:
    """Read ``count`` bools."""
    check_room(data, place, count)
    raw = data[place : place + count]
    if raw.strip(b"\0\1"):
        wrong = next(index for index, byte in enumerate(raw) if byte > 1)
        raise wrong_byte(place + wrong, "a bool")
    return list(map(bool, raw))


def skip_future(data: bytes, place: int) -> int:
    """Return the place behind a value of a type that this version does not know."""
    length, place = read_length(data, place)
    references, place = read_length(data, place)
    if references:
        raise CandidDecodeError(place, "a value of a future type has opaque references")
    check_room(data, place, length)
    return place + length


def check_room(data: bytes, place: int, size: int) -> None:
    """Refuse what cannot be in the message before making room for it."""
    if size > len(data) - place:
        raise CandidDecodeError(min(place, len(data)), "the message ends too early")


def wrong_byte(place: int, what: str) -> CandidDecodeError:
    """Return the error for a byte that must be 0 or 1."""
    return CandidDecodeError(place, f"{what} begins with neither 0 nor 1")
