"""Decoding: bytes to Python values, at expected types.

A ``Decoder`` belongs to one list of expected types. For each head of a message it
meets (type table and argument types) it keeps a ``Program``: functions generated for
exactly this pair, so that messages of the same shape are decoded by straight-line code.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sandbox.candid.binary import readers
from sandbox.candid.binary.codegen.decoding import ReadWriter
from sandbox.candid.binary.codegen.source import Functions
from sandbox.candid.binary.leb128 import read_int, read_length, read_nat
from sandbox.candid.binary.limits import DEFAULT_LIMITS, Limits, Meter
from sandbox.candid.binary.typetable import read_header
from sandbox.candid.errors import CandidDecodeError, CandidError
from sandbox.candid.graph.nodes import Graph
from sandbox.candid.graph.shape import endless_opts, measure
from sandbox.candid.subtyping import Relation
from sandbox.candid.trampoline import TooDeep, run
from sandbox.candid.types import field_hash
from sandbox.candid.values import RecordValue, Some, VariantValue
from sandbox.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType


# Heads one decoder remembers; a canister's method answers with one or two.
_MAX_PROGRAMS: Final = 32
# Pairs to look at before a check for a possible misfit is generated to be safe.
_QUICK_PAIRS: Final = 300

_HELPERS: Final = {
    "MISFIT": readers.MISFIT,
    "Malformed": CandidDecodeError,
    "Principal": Principal,
    "RecordValue": RecordValue,
    "Some": Some,
    "VariantValue": VariantValue,
    "check_room": readers.check_room,
    "read_bools": readers.read_bools,
    "read_func": readers.read_func,
    "read_int": read_int,
    "read_length": read_length,
    "read_nat": read_nat,
    "read_numbers": readers.read_numbers,
    "read_principal": readers.read_principal,
    "read_service": readers.read_service,
    "read_text": readers.read_text,
    "run": run,
    "skip_future": readers.skip_future,
    "wrong_byte": readers.wrong_byte,
}


class Decoder:
    """Decodes messages at the root types of a graph."""

    def __init__(self, expected: Graph, limits: Limits = DEFAULT_LIMITS) -> None:
        self._expected = expected
        self._limits = limits
        self._programs: dict[bytes, Program] = {}
        self._last: tuple[bytes, Program] | None = None

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """Return the values of a message.

        Raises: CandidDecodeError.
        """
        head, program = self._program(data)
        meter = Meter(self._limits)
        try:
            values, end = program.main(data, len(head), meter)
        except (IndexError, struct.error, OverflowError):
            raise CandidDecodeError(len(data), "the message ends too early") from None
        except UnicodeDecodeError as error:
            place = _place(error.__traceback__) + error.start
            raise CandidDecodeError(place, "a text is not UTF-8") from None
        except TooDeep:
            reason = f"values are nested deeper than {self._limits.depth}"
            raise CandidDecodeError(len(head), reason) from None
        if end > len(data):
            raise CandidDecodeError(len(data), "the message ends too early")
        if end < len(data):
            raise CandidDecodeError(end, f"{len(data) - end} bytes follow the last value")
        return tuple(values)

    def _program(self, data: bytes) -> tuple[bytes, Program]:
        # A head says itself where it ends: whatever begins like a known head has it.
        if self._last is not None and data.startswith(self._last[0]):
            return self._last
        header = read_header(data, self._limits)
        head = data[: header.end]
        if head not in self._programs:
            _make_room(self._programs)
            self._programs[head] = Program(header.graph, self._expected)
        self._last = (head, self._programs[head])
        return self._last


class UntypedDecoder:
    """Decodes messages at the types they carry.

    names: field and tag names; ids that are no name's hash stay numbers.
    """

    def __init__(self, names: Iterable[str], limits: Limits = DEFAULT_LIMITS) -> None:
        self._names = {field_hash(name): name for name in names}
        self._limits = limits
        self._decoders: dict[bytes, Decoder] = {}

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """Return the values of a message.

        Raises: CandidDecodeError.
        """
        header = read_header(data, self._limits)
        head = data[: header.end]
        if head not in self._decoders:
            _make_room(self._decoders)
            self._decoders[head] = Decoder(self._named(header.graph), self._limits)
        return self._decoders[head].decode(data)

    def _named(self, graph: Graph) -> Graph:
        nodes = tuple(
            replace(node, keys=tuple(self._names.get(field_id, field_id) for field_id in node.ids))
            if node.ids
            else node
            for node in graph.nodes
        )
        return Graph(nodes, graph.roots, graph.names)


class Program:
    """The functions that read one wire graph as one expected graph."""

    def __init__(self, wire: Graph, expected: Graph) -> None:
        self.wire = wire
        self.expected = expected
        self.shape = measure(wire)
        self.endless = endless_opts(expected)
        self.functions = Functions(_HELPERS)
        self.main = self.functions.declare("main", self._write_main)

    def declare(self, given: int, wanted: int, *, lenient: bool, stackless: bool) -> str:
        """Return the name of the function for a pair of types."""
        name = (
            f"{'task' if stackless else 'read'}{'_leniently' if lenient else ''}_{given}_{wanted}"
        )

        def write(name: str) -> str:
            writer = ReadWriter(self, stackless=stackless, lenient=lenient)
            return writer.function(name, given, wanted)

        self.functions.declare(name, write)
        return name

    def unpacker(self, letters: str) -> str:
        """Return the name of a function that unpacks numbers at a place."""
        return self.functions.bind(struct.Struct(f"<{letters}").unpack_from)

    def row_unpacker(self, letters: str) -> str:
        """Return the name of a function that unpacks all rows of numbers in some bytes."""
        return self.functions.bind(struct.Struct(f"<{letters}").iter_unpack)

    def is_subtype(self, given: int, wanted: int) -> bool:
        """Return whether a reference of wire type ``given`` may stand for ``wanted``."""
        try:
            return self._relation.holds(given, wanted)
        except CandidError as error:
            raise CandidDecodeError(0, str(error)) from None

    def surely_fits(self, given: int, wanted: int) -> bool:
        """Return whether no value of ``given`` can fail at ``wanted``; False where in doubt."""
        return self._relation.surely_holds(given, wanted, _QUICK_PAIRS)

    @cached_property
    def _relation(self) -> Relation:
        return Relation(self.wire, self.expected)

    def _write_main(self, _: str) -> str:
        return ReadWriter(self, stackless=False, lenient=False).main()


def _make_room(remembered: dict[bytes, Any]) -> None:
    """Forget the oldest entry of a full memory."""
    if len(remembered) >= _MAX_PROGRAMS:
        del remembered[next(iter(remembered))]


def _place(traceback: TracebackType | None) -> int:
    """Return the place a generated function had come to when it raised."""
    place = 0
    while traceback is not None:
        place = traceback.tb_frame.f_locals.get("p", place)
        traceback = traceback.tb_next
    return place
