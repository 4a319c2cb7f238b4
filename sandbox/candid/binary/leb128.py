"""LEB128 numbers: read at a place in bytes, append to a bytearray.

Short numbers go group by group; long ones 56 bits at a time, so that a number of a
megabyte costs time in proportion to its length and not to its square.
Overlong forms are read (the specification's tests demand it); a length must fit 64
bits. Running past the end raises IndexError, which the decoder translates.
Source: Candid specification, "Memory"; test suite prim.test.did.
"""

from __future__ import annotations

from typing import Final

from sandbox.candid.errors import CandidDecodeError

# 64 bits are ten groups; the specification does not limit zeros behind them, we do.
_MAX_LENGTH_BYTES: Final = 10
# Up to here the plain loop is the faster one.
_SHORT_BYTES: Final = 9
SHORT_NAT: Final = (1 << 7 * _SHORT_BYTES) - 1
_LOW_7: Final = bytes(byte & 0x7F for byte in range(256))
_CONTINUED: Final = bytes(byte | 0x80 for byte in range(256))


def read_nat(data: bytes, place: int) -> tuple[int, int]:
    """Return the unsigned number at ``place`` and the place behind it."""
    value = shift = 0
    for byte in data[place : place + _SHORT_BYTES]:
        if byte < 0x80:
            return value | byte << shift, place + shift // 7 + 1
        value |= (byte & 0x7F) << shift
        shift += 7
    end = _end(data, place)
    return _gather(data[place:end]), end


def read_int(data: bytes, place: int) -> tuple[int, int]:
    """Return the signed number at ``place`` and the place behind it."""
    value, end = read_nat(data, place)
    if data[end - 1] & 0x40:
        value -= 1 << 7 * (end - place)
    return value, end


def read_length(data: bytes, place: int) -> tuple[int, int]:
    """Return the length or count at ``place``, which must fit 64 bits.

    Raises: CandidDecodeError.
    """
    value, end = read_nat(data, place)
    if end - place > _MAX_LENGTH_BYTES or value >> 64:
        raise CandidDecodeError(place, "a length is larger than 64 bits")
    return value, end


def put_nat(out: bytearray, value: int) -> None:
    """Append ``value``, which is not negative, in its shortest form."""
    if value > SHORT_NAT:
        out += _spread(value, (value.bit_length() + 6) // 7)
        return
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def put_int(out: bytearray, value: int) -> None:
    """Append ``value`` as a signed number in its shortest form."""
    if -1 << 62 <= value < 1 << 62:
        while not -0x40 <= value < 0x40:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        out.append(value & 0x7F)
        return
    # One bit more than the magnitude needs, for the sign.
    groups = (value if value >= 0 else ~value).bit_length() // 7 + 1
    out += _spread(value & (1 << 7 * groups) - 1, groups)


def _end(data: bytes, place: int) -> int:
    while data[place] > 0x7F:
        place += 1
    return place + 1


def _gather(groups: bytes) -> int:
    """Return the number whose 7-bit groups these bytes are, lowest first."""
    low = groups.translate(_LOW_7)
    packed = bytearray()
    for start in range(0, len(low), 8):
        lane = int.from_bytes(low[start : start + 8], "little")
        lane = lane & 0x007F007F007F007F | (lane & 0x7F007F007F007F00) >> 1
        lane = lane & 0x00003FFF00003FFF | (lane & 0x3FFF00003FFF0000) >> 2
        lane = lane & 0x000000000FFFFFFF | (lane & 0x0FFFFFFF00000000) >> 4
        packed += lane.to_bytes(7, "little")
    return int.from_bytes(packed, "little")


def _spread(value: int, groups: int) -> bytearray:
    """Return ``value`` as that many 7-bit groups, all but the last marked as continued."""
    packed = value.to_bytes((groups * 7 + 7) // 8, "little")
    low = bytearray()
    for start in range(0, len(packed), 7):
        lane = int.from_bytes(packed[start : start + 7], "little")
        lane = lane & 0x000000000FFFFFFF | (lane & 0x00FFFFFFF0000000) << 4
        lane = lane & 0x00003FFF00003FFF | (lane & 0x0FFFC0000FFFC000) << 2
        lane = lane & 0x007F007F007F007F | (lane & 0x3F803F803F803F80) << 1
        low += lane.to_bytes(8, "little")
    return low[: groups - 1].translate(_CONTINUED) + low[groups - 1 : groups]
