"""The head of a message: magic number, type table, types of the arguments.

Written once per argument list and read once per distinct head; afterwards the head
is only compared. Source: Candid specification, "Types" and "Parameters and Results".
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeVar

from sandbox.candid.binary.leb128 import put_int, put_nat, read_int, read_length
from sandbox.candid.errors import CandidDecodeError
from sandbox.candid.graph.nodes import PRIM_INDEX, PRIMITIVES, Con, Graph, Node
from sandbox.candid.types import Mode, Prim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sandbox.candid.binary.limits import Limits

MAGIC: Final = b"DIDL"

_PRIM_OPCODES: Final = {
    Prim.NULL: -1,
    Prim.BOOL: -2,
    Prim.NAT: -3,
    Prim.INT: -4,
    Prim.NAT8: -5,
    Prim.NAT16: -6,
    Prim.NAT32: -7,
    Prim.NAT64: -8,
    Prim.INT8: -9,
    Prim.INT16: -10,
    Prim.INT32: -11,
    Prim.INT64: -12,
    Prim.FLOAT32: -13,
    Prim.FLOAT64: -14,
    Prim.TEXT: -15,
    Prim.RESERVED: -16,
    Prim.EMPTY: -17,
    Prim.PRINCIPAL: -24,
}
_CON_OPCODES: Final = {
    Con.OPT: -18,
    Con.VEC: -19,
    Con.RECORD: -20,
    Con.VARIANT: -21,
    Con.FUNC: -22,
    Con.SERVICE: -23,
}
_MODE_CODES: Final = {Mode.QUERY: 1, Mode.ONEWAY: 2, Mode.COMPOSITE_QUERY: 3}
_PRIM_BY_OPCODE: Final = {opcode: PRIM_INDEX[prim] for prim, opcode in _PRIM_OPCODES.items()}
_CON_BY_OPCODE: Final = {opcode: con for con, opcode in _CON_OPCODES.items()}
_MODE_BY_CODE: Final = {code: mode for mode, code in _MODE_CODES.items()}
_FIRST_FUTURE_OPCODE: Final = -25
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Header:
    """The head of one message.

    graph: its roots are the arguments' types; nothing in it has a name.
    end: the place of the first value.
    """

    graph: Graph
    end: int


def write_header(graph: Graph) -> bytes:
    """Return the head of a message whose arguments have the graph's root types."""
    order = _reachable(graph)
    opcodes = {index: position for position, index in enumerate(order)}
    opcodes.update((PRIM_INDEX[prim], opcode) for prim, opcode in _PRIM_OPCODES.items())
    out = bytearray(MAGIC)
    put_nat(out, len(order))
    for index in order:
        _put_node(out, graph.nodes[index], opcodes)
    _put_indices(out, graph.roots, opcodes)
    return bytes(out)


def _reachable(graph: Graph) -> list[int]:
    """Return the nodes the table must hold, in the order of their first use."""
    found: dict[int, None] = {}
    waiting = list(reversed(graph.roots))
    while waiting:
        index = waiting.pop()
        if index < len(PRIMITIVES) or index in found:
            continue
        found[index] = None
        waiting.extend(reversed(graph.nodes[index].targets))
    return list(found)


def _put_node(out: bytearray, node: Node, opcodes: dict[int, int]) -> None:
    assert isinstance(node.kind, Con), "primitive types are no table entries"
    put_int(out, _CON_OPCODES[node.kind])
    match node.kind:
        case Con.OPT | Con.VEC:
            put_int(out, opcodes[node.targets[0]])
        case Con.FUNC:
            _put_indices(out, node.parameters, opcodes)
            _put_indices(out, node.results, opcodes)
            put_nat(out, len(node.modes))
            out += bytes(sorted(_MODE_CODES[mode] for mode in node.modes))
        case Con.SERVICE:
            put_nat(out, len(node.keys))
            for name, target in zip(node.keys, node.targets, strict=True):
                raw = str(name).encode()
                put_nat(out, len(raw))
                out += raw
                put_int(out, opcodes[target])
        case _:
            put_nat(out, len(node.ids))
            for field_id, target in zip(node.ids, node.targets, strict=True):
                put_nat(out, field_id)
                put_int(out, opcodes[target])


def _put_indices(out: bytearray, indices: Iterable[int], opcodes: dict[int, int]) -> None:
    listed = tuple(indices)
    put_nat(out, len(listed))
    for index in listed:
        put_int(out, opcodes[index])


def read_header(data: bytes, limits: Limits) -> Header:
    """Read the head of a message.

    Raises: CandidDecodeError.
    """
    if not data.startswith(MAGIC):
        raise CandidDecodeError(0, "the message does not begin with DIDL")
    reader = _HeaderReader(data, limits)
    try:
        return reader.header()
    except IndexError:
        raise CandidDecodeError(len(data), "the message ends inside its type table") from None


class _HeaderReader:
    """Reads from ``place`` on; the end of the data shows as IndexError."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data = data
        self.place = len(MAGIC)
        self.max_types = limits.types
        self.members_left = limits.members
        self.table_length = 0
        self.method_types: list[tuple[int, int]] = []

    def header(self) -> Header:
        start = self.place
        self.table_length = self.length()
        if self.table_length > self.max_types:
            raise CandidDecodeError(start, f"the type table has more than {self.max_types} types")
        nodes = [*PRIMITIVES, *(self.node() for _ in range(self.table_length))]
        for place, index in self.method_types:
            if nodes[index].kind is not Con.FUNC:
                raise CandidDecodeError(place, "the type of a method is not a function")
        roots = self.members(self.index)
        return Header(Graph(tuple(nodes), tuple(roots), {}), self.place)

    def length(self) -> int:
        value, self.place = read_length(self.data, self.place)
        return value

    def members(self, read: Callable[[], _Item]) -> list[_Item]:
        """Read a count and that many items."""
        start = self.place
        count = self.length()
        self.members_left -= count
        if count > len(self.data) - self.place or self.members_left < 0:
            raise CandidDecodeError(start, f"{count} is more than can be here")
        return [read() for _ in range(count)]

    def index(self) -> int:
        """Read a use of a type: a primitive's opcode or a number of the table."""
        start = self.place
        value, self.place = read_int(self.data, start)
        if 0 <= value < self.table_length:
            return len(PRIMITIVES) + value
        if value in _PRIM_BY_OPCODE:
            return _PRIM_BY_OPCODE[value]
        raise CandidDecodeError(start, f"{value} is no type of the table and no primitive type")

    def node(self) -> Node:
        start = self.place
        opcode, self.place = read_int(self.data, start)
        match _CON_BY_OPCODE.get(opcode):
            case Con.OPT | Con.VEC as kind:
                return Node(kind, (self.index(),))
            case Con.RECORD | Con.VARIANT as kind:
                return self.fields(kind)
            case Con.FUNC:
                return self.function()
            case Con.SERVICE:
                return self.service()
        if opcode > _FIRST_FUTURE_OPCODE:
            raise CandidDecodeError(start, f"opcode {opcode} does not begin a type of the table")
        self.skip(self.length())
        return Node(Con.FUTURE)

    def fields(self, kind: Con) -> Node:
        start = self.place
        fields = self.members(self.field)
        ids = tuple(field_id for field_id, _ in fields)
        if any(before >= after for before, after in pairwise(ids)):
            raise CandidDecodeError(start, f"the fields of a {kind.value} are not ascending by id")
        return Node(kind, tuple(target for _, target in fields), ids, ids)

    def field(self) -> tuple[int, int]:
        start = self.place
        field_id = self.length()
        if field_id >> 32:
            raise CandidDecodeError(start, "a field id does not fit 32 bits")
        return field_id, self.index()

    def function(self) -> Node:
        arguments = self.members(self.index)
        results = self.members(self.index)
        start = self.place
        modes = self.members(self.mode)
        if len(set(modes)) != len(modes):
            raise CandidDecodeError(start, "a function has the same annotation twice")
        if Mode.ONEWAY in modes and results:
            raise CandidDecodeError(start, "a oneway function has results")
        return Node(Con.FUNC, (*arguments, *results), arity=len(arguments), modes=frozenset(modes))

    def mode(self) -> Mode:
        code = self.data[self.place]
        if code not in _MODE_BY_CODE:
            raise CandidDecodeError(self.place, f"{code} is no annotation of a function")
        self.place += 1
        return _MODE_BY_CODE[code]

    def service(self) -> Node:
        start = self.place
        methods = self.members(self.method)
        names = tuple(name for name, _ in methods)
        if any(before >= after for before, after in pairwise(names)):
            raise CandidDecodeError(start, "the methods of a service are not in ascending order")
        return Node(Con.SERVICE, tuple(target for _, target in methods), keys=names)

    def method(self) -> tuple[str, int]:
        length = self.length()
        start = self.place
        self.skip(length)
        try:
            name = self.data[start : self.place].decode()
        except UnicodeDecodeError as error:
            raise CandidDecodeError(start + error.start, "a method name is not UTF-8") from None
        self.method_types.append((self.place, target := self.index()))
        return name, target

    def skip(self, length: int) -> None:
        if length > len(self.data) - self.place:
            raise IndexError
        self.place += length
