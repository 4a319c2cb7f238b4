"""Hash trees: the specification's example, and that a pruned tree never tells a lie."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.certification import (
    TreeMalformed,
    Unproven,
    decoded,
    encoded,
    lookup,
    root_hash,
    tree_of,
)

# Source: IC interface specification, "Example" of hash trees.
EXAMPLE = bytes.fromhex(
    "8301830183024161830183018302417882034568656c6c6f810083024179820345776f726c6483024162820344676f"
    "6f648301830241638100830241648203476d6f726e696e67"
)
ROOT = "eb5c5b2195e62d996b84c9bcc8259d19a83786a2f59e0878cec84c811f669aa0"
PRUNED = bytes.fromhex(
    "83018301830241618301820458201b4feff9bef8131788b0c9dc6dbad6e81e524249c879e9f10f71ce3749f5a63883"
    "024179820345776f726c6483024162820458207b32ac0c6ba8ce35ac82c255fc7906f7fc130dab2a090f80fe12f9c2"
    "cae83ba6830182045820ec8324b8a1f1ac16bd2e806edba78006479c9877fed4eb464a25485465af601d830241648203"
    "476d6f726e696e67"
)


def test_the_specifications_example_has_its_root() -> None:
    tree = decoded(EXAMPLE)

    assert root_hash(tree).hex() == ROOT
    assert (lookup(tree, "a", "x"), lookup(tree, "a", "y")) == (b"hello", b"world")
    assert (lookup(tree, "b"), lookup(tree, "c"), lookup(tree, "d")) == (b"good", None, b"morning")


def test_the_specifications_pruned_example_tells_what_is_left() -> None:
    tree = decoded(PRUNED)

    assert root_hash(tree).hex() == ROOT
    assert (lookup(tree, "a", "y"), lookup(tree, "d")) == (b"world", b"morning")
    assert (lookup(tree, "aa"), lookup(tree, "ax"), lookup(tree, "e")) == (None, None, None)
    for path in (("a", "a"), ("a", "x"), ("b",), ("bb",), ("c",), ("a",)):
        with pytest.raises(Unproven):
            lookup(tree, *path)


def test_the_tagged_form_is_read_as_well() -> None:
    assert decoded(b"\xd9\xd9\xf7" + EXAMPLE) == decoded(EXAMPLE)


labels = st.binary(max_size=3)
states = st.recursive(
    st.dictionaries(labels, st.binary(max_size=4), max_size=4),
    lambda below: st.dictionaries(labels, st.binary(max_size=4) | below, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(states)
def test_a_tree_comes_back_and_holds_every_value(state: dict[bytes, Any]) -> None:
    tree = decoded(encoded(tree_of(state)))

    assert tree == tree_of(state)
    for path, value in _values(state):
        assert lookup(tree, *path) == value


@settings(deadline=None)
@given(states, st.data())
def test_a_pruned_tree_has_the_same_root_and_never_lies(
    state: dict[bytes, Any], data: st.DataObject
) -> None:
    tree = tree_of(state)
    path = data.draw(st.lists(labels, max_size=3))

    pruned = _pruned(tree, data)

    assert root_hash(pruned) == root_hash(tree)
    try:
        whole: object = lookup(tree, *path)
    except Unproven:
        whole = Unproven
    with suppress(Unproven):
        assert lookup(pruned, *path) == whole


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"\x81\x05",
        b"\x82\x04\x41\x00",  # pruned to one byte
        b"\x83\x01\x81\x00",  # a fork of one
        b"\x82\x03\x64text",
        b"\x81\x00\x00",  # something follows
        b"\x5b" + b"\xff" * 8,  # a length of 2^64 - 1
        b"\x9f\xff",  # indefinite
        b"\x83\x01" * 300 + b"\x81\x00" * 301,
        b"\x83\x01" * 100_000,
        b"\xa1\x01\x02",
        b"\xc0\x00",
    ],
)
def test_what_is_no_tree_is_refused(data: bytes) -> None:
    with pytest.raises(TreeMalformed):
        decoded(data)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_tree_or_refused(data: bytes) -> None:
    with suppress(TreeMalformed):
        assert len(root_hash(decoded(data))) == 32


def _values(state: dict[bytes, Any], *above: bytes) -> list[tuple[tuple[bytes, ...], bytes]]:
    found = []
    for label, below in state.items():
        if isinstance(below, bytes):
            found.append(((*above, label), below))
        else:
            found += _values(below, *above, label)
    return found


def _pruned(tree: Any, data: st.DataObject) -> Any:
    if data.draw(st.integers(0, 3)) == 0:
        return [4, root_hash(tree)]
    match tree:
        case [1, left, right]:
            return [1, _pruned(left, data), _pruned(right, data)]
        case [2, label, below]:
            return [2, label, _pruned(below, data)]
    return tree
