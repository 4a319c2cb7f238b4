"""Structural differences: where two values differ, and which differences are losses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.candid.values import Some, VariantValue
from sandbox.rehearsal.structure import changes, shown


@pytest.mark.parametrize(
    "value", [0, "", b"", None, [], {}, {"a": [1, {"b": "c"}]}, VariantValue("x", 1), Some(None)]
)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert list(changes(value, value)) == []


@pytest.mark.parametrize(
    ("before", "after", "path", "is_loss"),
    [
        (5, 0, "", True),
        (5, 4, "", False),
        (0, 5, "", False),
        (5, "", "", True),
        ("a", None, "", True),
        (True, False, "", False),
        (1, True, "", False),
        (b"\1\0", b"\0\0", "", True),
        ({"a": 1}, {"a": 2}, ".a", False),
        ({"a": 1}, {}, ".a", True),
        ({}, {"a": 1}, ".a", False),
        ([1, 2], [1], "", True),
        ([1], [1, 2], "", False),
        ([1, 2], [1, 3], "[1]", False),
        (Some(1), None, "", True),
        (Some(Some(1)), Some(None), "", True),
        (VariantValue("a", 1), VariantValue("a", 0), ".#a", True),
        (VariantValue("a", 1), VariantValue("b", 1), "", False),
        ([("ada", 5)], [("ada", 4)], '."ada"', False),
        ([("ada", 5), ("bob", 1)], [("bob", 1)], '."ada"', True),
    ],
)
def test_a_difference_has_its_path_and_its_weight(
    before: Any, after: Any, path: str, is_loss: bool
) -> None:
    found = list(changes(before, after))

    assert [(it.path, it.is_loss) for it in found] == [(path, is_loss)]


def test_the_order_of_a_table_of_pairs_is_no_difference() -> None:
    assert list(changes([("a", 1), ("b", 2)], [("b", 2), ("a", 1)])) == []


VALUES = st.recursive(
    st.none() | st.integers() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3), inner, max_size=4)
        | st.builds(Some, inner)
        | st.builds(VariantValue, st.text(max_size=3), inner)
    ),
    max_leaves=12,
)


@given(VALUES, VALUES)
def test_two_values_have_changes_exactly_when_they_differ(before: Any, after: Any) -> None:
    found = list(changes(before, after))

    # A variant without a value equals its tag as text.
    assert bool(found) == (before != after or type(before) is not type(after))
    assert list(changes(before, before)) == []


@given(VALUES)
def test_every_value_can_be_shown(value: Any) -> None:
    assert 0 < len(shown(value)) <= 120


def test_long_values_are_cut() -> None:
    assert len(shown("x" * 10_000)) <= 120
