"""Encoding: Python values to bytes, by a list of types.

An ``Encoder`` belongs to one list of types: it writes the head of the message once
and generates the functions that append values when they are first needed.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from sandbox.candid.binary import convert
from sandbox.candid.binary.codegen.encoding import PutWriter
from sandbox.candid.binary.codegen.source import Functions
from sandbox.candid.binary.convert import Members
from sandbox.candid.binary.explain import explain
from sandbox.candid.binary.leb128 import SHORT_NAT, put_int, put_nat
from sandbox.candid.binary.limits import DEFAULT_LIMITS, Limits
from sandbox.candid.binary.typetable import write_header
from sandbox.candid.errors import CandidEncodeError
from sandbox.candid.graph.describe import describe_all
from sandbox.candid.graph.nodes import OMISSIBLE
from sandbox.candid.graph.shape import measure
from sandbox.candid.trampoline import run
from sandbox.candid.values import RecordValue, Some, Value, VariantValue
from sandbox.principal import MAX_LENGTH_BYTES, Principal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sandbox.candid.graph.nodes import Graph


# What precedes a principal of each length: that it is not opaque, and the length.
_PRINCIPAL_HEADS: Final = tuple(bytes((1, length)) for length in range(MAX_LENGTH_BYTES + 1))


def _put_func(out: bytearray, principal: Principal, method: str) -> None:
    raw, name = bytes(principal), method.encode()
    out.append(1)
    out += _PRINCIPAL_HEADS[len(raw)]
    out += raw
    put_nat(out, len(name))
    out += name


_HELPERS: Final = {
    "PRINCIPAL_HEADS": _PRINCIPAL_HEADS,
    "Principal": Principal,
    "RecordValue": RecordValue,
    "SHORT_NAT": SHORT_NAT,
    "Some": Some,
    "Unfit": convert.Unfit,
    "VariantValue": VariantValue,
    "as_blob": convert.as_blob,
    "as_float": convert.as_float,
    "as_func": convert.as_func,
    "as_int": convert.as_int,
    "as_list": convert.as_list,
    "as_principal": convert.as_principal,
    "as_variant": convert.as_variant,
    "put_func": _put_func,
    "put_int": put_int,
    "put_nat": put_nat,
    "put_numbers": convert.put_numbers,
    "run": run,
    "utf8": str.encode,
}


class Encoder:
    """Encodes values at the root types of a graph."""

    def __init__(self, graph: Graph, limits: Limits = DEFAULT_LIMITS) -> None:
        self.graph = graph
        self.limits = limits
        self.shape = measure(graph)
        self._functions = Functions(_HELPERS)
        self._main = self._functions.declare("main", self._write_main)
        self._members: dict[int, Members] = {}

    def encode(self, values: Sequence[Value]) -> bytes:
        """Return the message that holds ``values``, one per type.

        Trailing values of type opt, null or reserved may be left out.

        Raises: CandidEncodeError.
        """
        arguments = self._completed(values)
        out = bytearray(self._head)
        try:
            self._main(arguments, out)
        except Exception as error:
            raise explain(self, arguments, error) from error
        return bytes(out)

    def put(self, index: int, value: Value) -> None:
        """Write one value of a type without parts to nowhere, to see whether it fits."""
        self._functions.declare(f"put_{index}", self._writer(index))(value, bytearray())

    def declare(self, index: int, *, stackless: bool) -> str:
        """Return the name of the function for a type."""
        name = f"{'task' if stackless else 'put'}_{index}"
        self._functions.declare(name, self._writer(index, stackless=stackless))
        return name

    def members(self, index: int) -> Members:
        """Return the fields or cases of a type, by name."""
        if index not in self._members:
            node = self.graph.nodes[index]
            omissible = [self.graph.nodes[target].kind in OMISSIBLE for target in node.targets]
            self._members[index] = Members.of(node, omissible)
        return self._members[index]

    def bind(self, value: object) -> str:
        """Return a name by which generated code finds a value."""
        return self._functions.bind(value)

    def _writer(self, index: int, *, stackless: bool = False) -> Callable[[str], str]:
        return lambda name: PutWriter(self, stackless=stackless).function(name, index)

    def _write_main(self, _: str) -> str:
        return PutWriter(self, stackless=False).main()

    @cached_property
    def _head(self) -> bytes:
        return write_header(self.graph)

    def _completed(self, values: Sequence[Value]) -> Sequence[Value]:
        """Return exactly one value per type, null for those left out at the end."""
        wanted = len(self.graph.roots)
        if isinstance(values, tuple | list) and len(values) == wanted:
            return values
        types = describe_all(self.graph, self.graph.roots)
        if not isinstance(values, tuple | list):
            raise CandidEncodeError("arguments", types, values, "give them as a tuple")
        left_out = self.graph.roots[len(values) :]
        if len(values) > wanted or any(
            self.graph.nodes[root].kind not in OMISSIBLE for root in left_out
        ):
            reason = f"{len(values)} arguments instead of {wanted}"
            raise CandidEncodeError("arguments", types, values, reason)
        return [*values, *(None for _ in left_out)]
