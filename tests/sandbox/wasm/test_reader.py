"""The primitives of the binary format are read exactly and never past their bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import ModuleRefused
from sandbox.wasm.encode import encode_u
from sandbox.wasm.reader import Reader


def reader(data: bytes) -> Reader:
    return Reader(data, 0, len(data))


def signed_leb(value: int) -> bytes:
    encoded = bytearray()
    while not -64 <= value < 64:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value & 0x7F)
    return bytes(encoded)


@given(st.integers(0, 2**32 - 1))
def test_unsigned_32_bit_numbers_come_back(value: int) -> None:
    assert reader(encode_u(value)).u32() == value


@given(st.integers(0, 2**64 - 1))
def test_unsigned_64_bit_numbers_come_back(value: int) -> None:
    assert reader(encode_u(value)).u64() == value


@given(st.integers(-(2**31), 2**31 - 1))
def test_signed_32_bit_numbers_come_back(value: int) -> None:
    assert reader(signed_leb(value)).s32() == value


@given(st.integers(-(2**63), 2**63 - 1))
def test_signed_64_bit_numbers_come_back(value: int) -> None:
    assert reader(signed_leb(value)).s64() == value


@pytest.mark.parametrize("padded", [b"\x85\x00", b"\x85\x80\x80\x80\x00"])
def test_padding_up_to_five_bytes_is_allowed(padded: bytes) -> None:
    assert reader(padded).u32() == 5


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "unexpected end-of-file (at offset 0x0)"),
        (b"\x80", "unexpected end-of-file (at offset 0x1)"),
        (b"\x80\x80\x80\x80\x80\x00", "invalid var_u32: integer representation too long"),
        (b"\xff\xff\xff\xff\x1f", "invalid var_u32: integer too large (at offset 0x4)"),
    ],
)
def test_a_number_that_is_no_u32_is_refused_with_its_offset(data: bytes, reason: str) -> None:
    with pytest.raises(ModuleRefused) as refused:
        reader(data).u32()

    assert reason in refused.value.reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x80\x80\x80\x80\x80\x00", "integer representation too long"),
        (b"\xff\xff\xff\xff\x0f", "integer too large"),
        (b"\x80\x80\x80\x80\x70", "integer too large"),
    ],
)
def test_a_number_that_is_no_s32_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ModuleRefused, match=reason):
        reader(data).s32()


def test_the_smallest_s32_is_read() -> None:
    assert reader(b"\x80\x80\x80\x80\x78").s32() == -(2**31)


def test_reading_stops_at_the_end_of_the_section_though_bytes_follow() -> None:
    section = Reader(b"ab", 0, 1)
    section.byte()

    with pytest.raises(ModuleRefused, match="unexpected end-of-file"):
        section.byte()


def test_a_name_that_is_not_utf8_is_refused_at_the_bad_byte() -> None:
    with pytest.raises(ModuleRefused, match=r"malformed UTF-8 encoding \(at offset 0x2\)"):
        reader(b"\x02a\xff").name()


def test_a_count_beyond_the_bytes_that_are_left_is_refused_at_once() -> None:
    with pytest.raises(ModuleRefused, match="unexpected end-of-file"):
        reader(encode_u(1_000_000)).count("types", 1_000_000)


def test_a_count_beyond_its_limit_is_refused_by_name() -> None:
    with pytest.raises(ModuleRefused, match="tables count exceeds limit of 100"):
        reader(encode_u(101) + bytes(200)).count("tables", 100)
