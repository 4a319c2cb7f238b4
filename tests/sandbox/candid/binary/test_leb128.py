"""LEB128: the short path, the long path, and their border."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.candid.binary.leb128 import put_int, put_nat, read_int, read_length, read_nat
from sandbox.candid.errors import CandidDecodeError

# Around each multiple of seven bits a group is added; from 63 bits on the code differs.
BORDERS = [
    (1 << bits) + near for bits in (6, 7, 13, 14, 55, 56, 62, 63, 64, 69, 70) for near in (-1, 0, 1)
]


def unsigned_leb128(value: int) -> bytes:
    """Encode one group after another: the obvious way."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def signed_leb128(value: int) -> bytes:
    """Encode one group after another: the obvious way."""
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value & 0x7F])


@given(st.integers(min_value=0) | st.integers(0, 1 << 2000) | st.sampled_from(BORDERS))
def test_nat_is_written_as_specified_and_read_back(value: int) -> None:
    out = bytearray(b"..")

    put_nat(out, value)

    assert out == b".." + unsigned_leb128(value)
    assert read_nat(bytes(out) + b"rest", 2) == (value, len(out))


@given(
    st.integers()
    | st.integers(-(1 << 2000), 1 << 2000)
    | st.sampled_from([sign * border for sign in (1, -1) for border in BORDERS])
)
def test_int_is_written_as_specified_and_read_back(value: int) -> None:
    out = bytearray(b"..")

    put_int(out, value)

    assert out == b".." + signed_leb128(value)
    assert read_int(bytes(out) + b"rest", 2) == (value, len(out))


@given(st.integers(0, 1 << 100), st.integers(1, 30))
def test_overlong_nat_reads_as_the_same_number(value: int, zeros: int) -> None:
    shortest = unsigned_leb128(value)
    overlong = shortest[:-1] + bytes([shortest[-1] | 0x80]) + b"\x80" * (zeros - 1) + b"\x00"

    assert read_nat(overlong, 0) == (value, len(overlong))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 8, b"\xff" * 9, b"\xff" * 50])
def test_number_without_end_runs_past_the_data(data: bytes) -> None:
    with pytest.raises(IndexError):
        read_nat(data, 0)


def test_length_may_have_64_bits_and_no_more() -> None:
    assert read_length(unsigned_leb128(2**64 - 1), 0) == (2**64 - 1, 10)
    with pytest.raises(CandidDecodeError, match="64 bits"):
        read_length(unsigned_leb128(2**64), 0)


def test_length_in_more_than_ten_bytes_is_refused() -> None:
    assert read_length(b"\x85" + b"\x80" * 8 + b"\x00", 0) == (5, 10)
    with pytest.raises(CandidDecodeError, match="64 bits"):
        read_length(b"\x85" + b"\x80" * 9 + b"\x00", 0)
