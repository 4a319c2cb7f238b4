"""Hash trees: labelled values of which parts may be pruned, with one hash for the whole.

Canisters build them as witnesses, the subnet for certificates. A tree is nested lists as in
its CBOR form: ``[0]`` empty, ``[1, left, right]`` fork, ``[2, label, tree]`` labelled,
``[3, value]`` leaf, ``[4, hash]`` pruned. What is read is well-formed, or refused: an absence
is proven by the two labels around it, and only the order of labels makes them neighbours.
Source: IC interface specification, "Hash trees" and "Lookup".
"""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sandbox.certification import cbor
from sandbox.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# A node and all below it: ``[0]`` to ``[4, hash]``.
HashTree: TypeAlias = list[Any]
# Values by label, nested.
State: TypeAlias = "Mapping[bytes, bytes | State]"

_MOST_DEPTH: Final = 200
_HASH_BYTES: Final = 32


class TreeMalformed(SandboxError):
    """These bytes are no hash tree, or its parts are not in order."""


class Unproven(SandboxError):
    """A tree does not say what is at a path: that part is pruned, or is no value."""


def tree_of(state: State) -> HashTree:
    """Return the tree of some values, nothing pruned."""
    nodes: list[HashTree] = [
        [2, label, [3, below] if isinstance(below, bytes) else tree_of(below)]
        for label, below in sorted(state.items())
    ]
    while len(nodes) > 1:
        pairs = zip(nodes[::2], nodes[1::2], strict=False)
        last = nodes[-1:] if len(nodes) % 2 else []
        nodes = [[1, left, right] for left, right in pairs] + last
    return nodes[0] if nodes else [0]


def encoded(tree: HashTree) -> bytes:
    """Return a tree as canisters and clients hand it on."""
    return cbor.encode(tree)


def decoded(data: bytes) -> HashTree:
    """Read a well-formed tree. Raises: TreeMalformed."""
    try:
        return checked(cbor.decode(data))
    except cbor.CborMalformed as error:
        raise TreeMalformed(f"not a hash tree: {error}") from error


def checked(item: Any) -> HashTree:
    """Return an item that is a well-formed tree. Raises: TreeMalformed."""
    root_hash(item)
    _check_order(item)
    assert isinstance(item, list)
    return item


def root_hash(tree: Any) -> bytes:
    """Return the hash (32 bytes) that stands for the whole tree. Raises: TreeMalformed."""
    return _hash_of(tree, 0)


def lookup(tree: HashTree, *path: bytes | str) -> bytes | None:
    """Return the value at a path of labels; None if the tree proves that there is none.

    Requires: the tree is well-formed, as one from ``decoded`` or of a ``Certificate``.
    Raises: Unproven when the tree does not tell.
    """
    match subtree(tree, *path):
        case [3, bytes() as value]:
            return value
        case [0] | None:
            return None
    raise Unproven(f"at {_shown(path)} there is no value but a tree, or it is pruned")


def subtree(tree: HashTree, *path: bytes | str) -> HashTree | None:
    """Return the tree at a path of labels; None if there is provably none. Raises: Unproven."""
    for at, label in enumerate(path):
        found = _child(_bytes(label), list(_flat(tree)))
        if found is None:
            return None
        if found is _UNKNOWN:
            raise Unproven(f"the tree does not tell what is at {_shown(path[: at + 1])}")
        tree = found
    return tree


def values(tree: HashTree) -> Iterator[bytes]:
    """Yield all values of a tree, in the order of their labels."""
    for node in _flat(tree):
        if node[0] == 2:
            yield from values(node[2])
        elif node[0] == 3:
            yield node[1]


_UNKNOWN: Final[HashTree] = []


def _child(label: bytes, trees: list[HashTree]) -> HashTree | None:
    """Return the tree under a label, None if there is provably none, or ``_UNKNOWN``."""
    for at, tree in enumerate(trees):
        if tree[0] != 2 or tree[1] < label:
            continue
        if tree[1] == label:
            below: HashTree = tree[2]
            return below
        # The first label behind the wanted one: is the one before it its neighbour?
        return None if at == 0 or trees[at - 1][0] == 2 else _UNKNOWN
    if not trees or trees[-1][0] == 2 or (len(trees) == 1 and trees[0][0] == 3):
        return None
    return _UNKNOWN


def _flat(tree: HashTree) -> Iterator[HashTree]:
    match tree:
        case [0]:
            return
        case [1, left, right]:
            yield from _flat(left)
            yield from _flat(right)
        case _:
            yield tree


def _check_order(tree: HashTree) -> None:
    """Below each label: one value, or labels that ascend. Pruned parts may stand anywhere."""
    if tree[0] == 3:
        return
    forest = list(_flat(tree))
    labelled = [node for node in forest if node[0] == 2]
    if any(node[0] == 3 for node in forest):
        raise TreeMalformed("not well-formed: a value in a fork, where only labels belong")
    for one, other in pairwise(labelled):
        if one[1] >= other[1]:
            raise TreeMalformed(f"not well-formed: {other[1]!r:.40} comes after {one[1]!r:.40}")
    for node in labelled:
        _check_order(node[2])


def _hash_of(tree: Any, depth: int) -> bytes:
    if depth > _MOST_DEPTH:
        raise TreeMalformed("a hash tree nested too deeply")
    match tree:
        case [0]:
            return _hash("empty")
        case [1, left, right]:
            return _hash("fork", _hash_of(left, depth + 1), _hash_of(right, depth + 1))
        case [2, bytes() as label, below]:
            return _hash("labeled", label, _hash_of(below, depth + 1))
        case [3, bytes() as value]:
            return _hash("leaf", value)
        case [4, bytes() as pruned] if len(pruned) == _HASH_BYTES:
            return pruned
    raise TreeMalformed(f"not a node of a hash tree: {tree!r:.60}")


def _hash(kind: str, *parts: bytes) -> bytes:
    name = f"ic-hashtree-{kind}".encode()
    return sha256(b"".join((bytes([len(name)]), name, *parts))).digest()


def _bytes(label: bytes | str) -> bytes:
    return label.encode() if isinstance(label, str) else label


def _shown(path: Iterable[bytes | str]) -> str:
    return "/" + "/".join(item if isinstance(item, str) else item.hex() for item in path)
