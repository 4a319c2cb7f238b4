"""Hash trees: the specification's example and rules, and that a pruned tree never tells a lie."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
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


# --- trees as anybody may hand them over, against the specification's own words

PRUNED_PART = [4, bytes(32)]
few_labels = st.sampled_from([b"", b"a", b"aa", b"ab", b"b", b"c"])


@st.composite
def well_formed_trees(draw: st.DrawFn, depth: int = 3) -> Any:
    """Return a tree that keeps to the rules: any shape of forks, pruned and empty anywhere."""
    kinds = draw(st.lists(st.sampled_from([0, 2, 2, 4]), max_size=5 if depth else 0))
    if not kinds:
        return draw(st.sampled_from([[0], [3, b"value"], PRUNED_PART]))
    used = draw(st.sets(few_labels, min_size=kinds.count(2), max_size=kinds.count(2)))
    in_order = iter(sorted(used))
    nodes: list[Any] = [
        [2, next(in_order), draw(well_formed_trees(depth - 1))]
        if kind == 2
        else [[0], PRUNED_PART][kind // 4]
        for kind in kinds
    ]
    while len(nodes) > 1:
        at = draw(st.integers(0, len(nodes) - 2))
        nodes[at : at + 2] = [[1, nodes[at], nodes[at + 1]]]
    return nodes[0]


any_trees = st.recursive(
    st.sampled_from([[0], [3, b"value"], PRUNED_PART]),
    lambda below: (
        st.tuples(st.just(1), below, below) | st.tuples(st.just(2), few_labels, below)
    ).map(list),
    max_leaves=6,
)


@pytest.mark.slow
@settings(deadline=None)
@given(well_formed_trees(), st.lists(few_labels, max_size=3))
def test_lookup_is_that_of_the_specification(tree: Any, path: list[bytes]) -> None:
    try:
        found: object = lookup(decoded(encoded(tree)), *path)
    except Unproven:
        found = Unproven

    assert found == _lookup_path(path, tree)


@settings(deadline=None)
@given(any_trees)
def test_exactly_the_well_formed_trees_are_read(tree: Any) -> None:
    try:
        was_read = decoded(encoded(tree)) == tree
    except TreeMalformed:
        was_read = False

    assert was_read == _is_well_formed(tree)


@pytest.mark.parametrize(
    "tree",
    [
        [1, [2, b"b", [3, b"1"]], [2, b"a", [3, b"2"]]],
        [1, [2, b"a", [3, b"1"]], [2, b"a", [3, b"2"]]],
        [1, [2, b"b", [3, b"1"]], [1, PRUNED_PART, [2, b"a", [3, b"2"]]]],
        [1, [3, b"1"], [2, b"b", [3, b"2"]]],
        [1, [0], [3, b"1"]],
        [2, b"above", [1, [2, b"b", [0]], [2, b"a", [0]]]],
    ],
)
def test_a_tree_out_of_order_is_refused_and_proves_nothing(tree: Any) -> None:
    with pytest.raises(TreeMalformed, match="well-formed"):
        decoded(encoded(tree))


# --- what is no tree at all


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


def _lookup_path(path: list[bytes], tree: Any) -> object:
    """The specification's lookup_path, line by line; Unproven is its Unknown and its Error."""
    if not path:
        return {0: None, 3: tree[-1]}.get(tree[0], Unproven)
    found = _find_label(path[0], _flatten_forks(tree))
    return _lookup_path(path[1:], found) if isinstance(found, list) else found


def _find_label(label: bytes, trees: list[Any]) -> object:
    """The specification's find_label, a line for each of its cases."""
    labels = [tree[1] if tree[0] == 2 else None for tree in trees]
    if label in labels:
        return trees[labels.index(label)][2]
    for one, other in pairwise(labels):
        if one is not None and other is not None and one < label < other:
            return None
    if labels and labels[0] is not None and label < labels[0]:
        return None
    if labels and labels[-1] is not None and labels[-1] < label:
        return None
    if [tree[0] for tree in trees] in ([3], []):
        return None
    return Unproven


def _is_well_formed(tree: Any) -> bool:
    """The specification's well_formed and well_formed_forest."""
    if tree[0] == 3:
        return True
    trees = _flatten_forks(tree)
    labels = [tree[1] for tree in trees if tree[0] == 2]
    return (
        all(one < other for one, other in pairwise(labels))
        and all(_is_well_formed(tree[2]) for tree in trees if tree[0] == 2)
        and all(tree[0] != 3 for tree in trees)
    )


def _flatten_forks(tree: Any) -> list[Any]:
    if tree[0] == 0:
        return []
    return _flatten_forks(tree[1]) + _flatten_forks(tree[2]) if tree[0] == 1 else [tree]
