"""Numbers as serde_json writes them; the expected texts are those of the ryu crate's tests."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshot.directory.json_text import Float, as_f32, float_text, pretty


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.3, "0.3"),
        (1234000000000000.0, "1234000000000000.0"),
        (1.234e16, "1.234e16"),
        (2.71828, "2.71828"),
        (1.1e128, "1.1e128"),
        (1.1e-64, "1.1e-64"),
        (0.00001, "0.00001"),
        (0.000001, "1e-6"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1e15, "1000000000000000.0"),
        (1e16, "1e16"),
        (-1.5, "-1.5"),
    ],
)
def test_64_bits(value: float, text: str) -> None:
    assert float_text(Float(value, 64)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.3, "0.3"),
        (1234000000000.0, "1234000000000.0"),
        (1.234e13, "1.234e13"),
        (2.71828, "2.71828"),
        (1.1e32, "1.1e32"),
        (1.1e-32, "1.1e-32"),
        (1e-45, "1e-45"),
        (3.4028235e38, "3.4028235e38"),
        (-1.234e-6, "-0.000001234"),
        (33554432.0, "33554432.0"),
        (1e-7, "1e-7"),
    ],
)
def test_32_bits(value: float, text: str) -> None:
    assert float_text(Float(as_f32(value), 32)) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_64_bits_read_back(value: float) -> None:
    text = float_text(Float(value, 64))

    assert struct.pack("<d", float(text)) == struct.pack("<d", value)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_32_bits_read_back(value: float) -> None:
    text = float_text(Float(value, 32))

    assert struct.pack("<f", float(text)) == struct.pack("<f", value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_json_lacks_is_null(value: float) -> None:
    assert float_text(Float(value, 64)) == "null"


def test_each_element_stands_on_its_line_and_empty_ones_stay_together() -> None:
    assert pretty({"a": [1, 2], "b": [], "c": {}, "d": None, "e": "x"}) == (
        '{\n  "a": [\n    1,\n    2\n  ],\n  "b": [],\n  "c": {},\n  "d": null,\n  "e": "x"\n}'
    )
