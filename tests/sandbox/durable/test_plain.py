"""Records as JSON: everything comes back as it was, and nothing else is made of a file."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Principal, UsageError
from sandbox.candid.values import FuncRef, RecordValue, ServiceRef, Some, VariantValue
from sandbox.durable import records
from sandbox.durable.plain import decode, encode, known_classes
from sandbox.state import Settings


@dataclass(frozen=True)
class Point:
    x: Any
    y: Any = None


class Colour(Enum):
    RED = "red"


KNOWN = known_classes(Point, Colour)
PRINCIPALS = st.binary(max_size=29).map(Principal)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(),
    st.binary(), PRINCIPALS, st.just(Colour.RED),
    st.builds(FuncRef, PRINCIPALS, st.text()), st.builds(ServiceRef, PRINCIPALS),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.frozensets(st.integers()),
        st.dictionaries(st.text() | PRINCIPALS | st.integers(), inner),
        st.builds(Point, inner, inner),
        st.builds(Some, inner),
        st.builds(VariantValue, st.text(), inner),
        st.dictionaries(st.text(), inner).map(RecordValue),
    ),
    max_leaves=12,
)


@given(VALUES)
def test_every_value_comes_back_with_its_type(value: Any) -> None:
    back = decode(json.loads(json.dumps(encode(value, KNOWN))), KNOWN)

    assert back == value
    assert type(back) is type(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.one_of(
        st.lists(inner),
        st.dictionaries(
            st.sampled_from(
                [
                    "bytes",
                    "principal",
                    "tuple",
                    "set",
                    "map",
                    "record",
                    "variant",
                    "value",
                    "enum",
                    "Point",
                    "Colour",
                    "Some",
                    "os",
                ]
            ),
            inner,
            max_size=2,
        ),
    ),
)


@given(JSON)
def test_a_hostile_record_is_at_most_refused(data: Any) -> None:
    with suppress(UsageError):
        decode(data, KNOWN)  # anything else that is raised fails the test


@pytest.mark.parametrize(
    "data",
    [
        {"os.system": {"command": "true"}},
        {"Unknown": {}},
        {"Point": {"z": 1}},
        {"Point": 5},
        {"enum": "Colour", "value": "blue"},
        {"enum": "Point", "value": 1, "more": 2},
        {"bytes": "not base64!"},
        {"principal": "nonsense"},
        {"principal": 1 << 40},
        {"map": [[1]]},
        {"set": [[]]},
        {},
    ],
)
def test_what_encode_does_not_write_is_refused(data: Any) -> None:
    with pytest.raises(UsageError, match="not a value of a saved world"):
        decode(data, KNOWN)


def test_settings_from_before_logs_had_a_limit_have_the_default() -> None:
    data = encode(Settings(log_memory_limit_bytes=0), records.KNOWN)
    del data["Settings"]["log_memory_limit_bytes"]

    assert decode(data, records.KNOWN) == Settings(log_memory_limit_bytes=4096)


def test_a_class_that_is_not_registered_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="not registered"):
        encode(Point(1), known_classes())
