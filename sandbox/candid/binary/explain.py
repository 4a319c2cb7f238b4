"""Why a value could not be encoded: the place, the expected type, the given value.

Generated encoders only know that something went wrong. This walks the same values
with the same conversions, slowly and with a path, to the first part that fails.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from sandbox.candid.binary.convert import Unfit, as_list, as_variant
from sandbox.candid.errors import CandidEncodeError
from sandbox.candid.graph.describe import describe, describe_all
from sandbox.candid.graph.nodes import OMISSIBLE, Con
from sandbox.candid.place import Place
from sandbox.candid.trampoline import TooDeep, run
from sandbox.candid.values import Some, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sandbox.candid.binary.encoder import Encoder
    from sandbox.candid.trampoline import Task

# What numbers out of range and values of a wrong kind show as: type and value say enough.
_SPEAKS_FOR_ITSELF: Final = (ArithmeticError, TypeError, ValueError, struct.error)


def explain(encoder: Encoder, values: Sequence[Value], cause: Exception) -> CandidEncodeError:
    """Return the error for the first part of ``values`` that does not fit its type.

    cause: what the generated code raised; it is all that can be told where looking
        again finds nothing, for example in an iterator that is used up.
    """
    graph = encoder.graph
    try:
        for number, (root, value) in enumerate(zip(graph.roots, values, strict=True)):
            argument = Place(None, f"argument {number}", 0)
            run(_check(encoder, root, value, argument), encoder.limits.depth)
        reason = str(cause) or type(cause).__name__
    except _Found as found:
        expected = describe(graph, found.index)
        return CandidEncodeError(found.at.path(), expected, found.value, found.reason)
    except TooDeep:
        reason = f"nested deeper than {encoder.limits.depth}; does it contain itself?"
    return CandidEncodeError("arguments", describe_all(graph, graph.roots), values, reason)


class _Found(Exception):
    def __init__(self, at: Place, index: int, value: Value, reason: str) -> None:
        super().__init__()
        self.at = at
        self.index = index
        self.value = value
        self.reason = reason


def _check(encoder: Encoder, index: int, value: Value, at: Place) -> Task[None]:
    try:
        parts = _parts(encoder, index, value)
    except Unfit as unfit:
        raise _Found(at, index, value, str(unfit)) from None
    except Exception as error:  # noqa: BLE001 - values are the user's own objects
        reason = "" if isinstance(error, _SPEAKS_FOR_ITSELF) else str(error)
        raise _Found(at, index, value, reason) from None
    for label, target, part in parts:
        yield _check(encoder, target, part, at.inside(label))


def _parts(encoder: Encoder, index: int, value: Value) -> Iterable[tuple[str, int, Value]]:
    """Return label, type and value of each part, or write the value if it has none."""
    node = encoder.graph.nodes[index]
    match node.kind:
        case Con.OPT:
            return _opt_parts(encoder, node.targets[0], value)
        case Con.VEC:
            if isinstance(value, bytes | bytearray | memoryview):
                encoder.put(index, value)
                return ()
            return [(f"element {at}", node.targets[0], x) for at, x in enumerate(as_list(value))]
        case Con.RECORD:
            fields = encoder.members(index).values(value)
            labels = [f"field {key}" for key in node.keys]
            return zip(labels, node.targets, fields, strict=True)
        case Con.VARIANT:
            tag, payload = as_variant(value)
            position = encoder.members(index).position(tag)
            return ((f"case {node.keys[position]}", node.targets[position], payload),)
    encoder.put(index, value)
    return ()


def _opt_parts(encoder: Encoder, inner: int, value: Value) -> Iterable[tuple[str, int, Value]]:
    if value is None:
        return ()
    if isinstance(value, Some):
        return (("", inner, value.value),)
    if encoder.graph.nodes[inner].kind in OMISSIBLE:
        raise Unfit("wrap the value in Some(…)")
    return (("", inner, value),)
