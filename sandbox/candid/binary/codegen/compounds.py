"""The code generated for vectors, records and variants (see ``decoding``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.candid.binary.codegen.skipping import write_case_number, write_choice, write_length
from sandbox.candid.graph.describe import describe
from sandbox.candid.graph.nodes import OMISSIBLE, Con
from sandbox.candid.graph.shape import FIXED_BYTES, FORMATS
from sandbox.candid.types import Prim

if TYPE_CHECKING:
    from sandbox.candid.binary.codegen.decoding import ReadWriter
    from sandbox.candid.binary.codegen.source import Source
    from sandbox.candid.graph.nodes import Graph, Node
    from sandbox.candid.values import Label

# A variant with more payloads than this calls functions for them.
_INLINE_CASES: Final = 8


def write_vec(writer: ReadWriter, given: int, wanted: int, into: str) -> bool:
    """Write code that reads vector ``given`` as vector ``wanted``."""
    low = writer.wire.nodes[given].targets[0]
    high = writer.expected.nodes[wanted].targets[0]
    kind = writer.wire.nodes[low].kind
    count = writer.source.variable()
    write_length(writer.source, count)
    writer.charge(low, count)
    if kind is writer.expected.nodes[high].kind and kind in FIXED_BYTES:
        _write_fixed_vec(writer, Prim(kind.value), count, into)
        return False
    size = writer.shape.least_bytes[low]
    writer.source.line(f"check_room(d, p, {count} * {size})")
    if letters := _flat_record(writer, low, high):
        rows = f"{writer.program.row_unpacker(letters)}(d[p:p + {count} * {size}])"
        _write_flat_vec(writer.source, writer.expected.nodes[high], rows, into)
        writer.source.line(f"p += {count} * {size}")
        return False
    return _write_elements(writer, low, high, count, into)


def _write_fixed_vec(writer: ReadWriter, kind: Prim, count: str, into: str) -> None:
    line = writer.source.line
    if kind is Prim.NAT8:
        line(f"{into} = d[p:p + {count}]")
    elif kind is Prim.BOOL:
        line(f"{into} = read_bools(d, p, {count})")
    elif kind in FORMATS:
        line(f"{into} = read_numbers(d, p, {count}, '{FORMATS[kind]}', {FIXED_BYTES[kind]})")
    else:
        line(f"{into} = [None] * {count}")
    line(f"p += {count} * {FIXED_BYTES[kind]}")


def _flat_record(writer: ReadWriter, given: int, wanted: int) -> str:
    """Return the struct format of a record of numbers only, all of them wanted; else nothing."""
    low, high = writer.wire.nodes[given], writer.expected.nodes[wanted]
    if not low.kind is high.kind is Con.RECORD or low.ids != high.ids:
        return ""
    kinds = [writer.wire.nodes[target].kind for target in low.targets]
    if kinds != [writer.expected.nodes[target].kind for target in high.targets]:
        return ""
    letters = [FORMATS.get(kind, "") if isinstance(kind, Prim) else "" for kind in kinds]
    return "".join(letters) if all(letters) else ""


def _write_flat_vec(source: Source, high: Node, rows: str, into: str) -> None:
    if high.is_tuple:
        source.line(f"{into} = list({rows})")
        return
    values, record = [source.variable() for _ in high.keys], source.variable()
    source.line(f"{into} = []")
    with source.block(f"for {', '.join(values)}, in {rows}:"):
        source.line(f"{record} = RecordValue()")
        for key, value in zip(high.keys, values, strict=True):
            source.line(f"{record}[{key!r}] = {value}")
        source.line(f"{into}.append({record})")


def _write_elements(writer: ReadWriter, low: int, high: int, count: str, into: str) -> bool:
    source = writer.source
    misfit, element = source.variable(), source.variable()
    source.line(f"{into} = []")
    source.line(f"{misfit} = False")
    with source.block(f"for _ in range({count}):"), writer.inside("an element"):
        may_misfit = writer.value(low, high, element)
        if may_misfit:
            source.line(f"if {element} is MISFIT: {misfit} = True")
        source.line(f"{into}.append({element})")
    if may_misfit:
        source.line(f"if {misfit}: {into} = MISFIT")
    return may_misfit


def write_record(writer: ReadWriter, given: int, wanted: int, into: str) -> bool:
    """Write code that reads record ``given`` as record ``wanted``."""
    low, high = writer.wire.nodes[given], writer.expected.nodes[wanted]
    known = frozenset(low.ids)
    for field_id, key, target in zip(high.ids, high.keys, high.targets, strict=True):
        if field_id not in known and writer.expected.nodes[target].kind not in OMISSIBLE:
            expected = describe(writer.expected, target)
            return writer.misfit(given, into, f"expected field {key} : {expected}, found none")
    fields = _FieldWriter(writer, high, into)
    given_by_id = dict(zip(low.ids, low.targets, strict=True))
    wanted_by_id = dict(zip(high.ids, zip(high.keys, high.targets, strict=True), strict=True))
    for field_id in sorted(given_by_id.keys() | wanted_by_id.keys()):
        fields.add(given_by_id.get(field_id), wanted_by_id.get(field_id))
    return fields.finish()


class _FieldWriter:
    """Writes the fields of one record, neighbouring numbers in one step."""

    def __init__(self, writer: ReadWriter, high: Node, into: str) -> None:
        self.writer = writer
        self.into = into
        self.is_tuple = high.is_tuple
        self.record = writer.source.variable()
        self.items: list[str] = []
        self.may_misfit: list[str] = []
        self.numbers: list[tuple[Label, str, Prim]] = []
        if not self.is_tuple:
            writer.source.line(f"{self.record} = RecordValue()")

    def add(self, given: int | None, wanted: tuple[Label, int] | None) -> None:
        """Write one field: read it, skip it where not wanted, null where not given."""
        if given is not None and wanted is not None and self._is_number(given, wanted):
            return
        self._flush()
        if wanted is None:
            assert given is not None, "a field is on one side at least"
            self.writer.skip(given)
            return
        key, target = wanted
        value = "None" if given is None else self.writer.source.variable()
        if given is not None:
            with self.writer.inside(f"field {key}"):
                if self.writer.value(given, target, value):
                    self.may_misfit.append(value)
        self._put(key, value)

    def finish(self) -> bool:
        """Write the end of the record; return whether it may be MISFIT."""
        self._flush()
        whole = f"({''.join(f'{item}, ' for item in self.items)})" if self.is_tuple else self.record
        if self.may_misfit:
            any_misfit = " or ".join(f"{value} is MISFIT" for value in self.may_misfit)
            whole = f"MISFIT if {any_misfit} else {whole}"
        self.writer.source.line(f"{self.into} = {whole}")
        return bool(self.may_misfit)

    def _is_number(self, given: int, wanted: tuple[Label, int]) -> bool:
        """Put the field among the waiting numbers if both types are the same number type."""
        kind = self.writer.wire.nodes[given].kind
        is_number = kind in FORMATS and kind is self.writer.expected.nodes[wanted[1]].kind
        if is_number:
            self.numbers.append((wanted[0], self.writer.source.variable(), Prim(kind.value)))
        return is_number

    def _flush(self) -> None:
        if not self.numbers:
            return
        letters = "".join(FORMATS[kind] for _, _, kind in self.numbers)
        size = sum(FIXED_BYTES[kind] for _, _, kind in self.numbers)
        self.writer.numbers([value for _, value, _ in self.numbers], letters, size)
        for key, value, _ in self.numbers:
            self._put(key, value)
        self.numbers.clear()

    def _put(self, key: Label, value: str) -> None:
        self.items.append(value)
        if not self.is_tuple:
            self.writer.source.line(f"{self.record}[{key!r}] = {value}")


def write_variant(writer: ReadWriter, given: int, wanted: int, into: str) -> bool:
    """Write code that reads variant ``given`` as variant ``wanted``."""
    source, low, high = writer.source, writer.wire.nodes[given], writer.expected.nodes[wanted]
    number = write_case_number(source, low)
    known = dict(zip(high.ids, zip(high.keys, high.targets, strict=True), strict=True))
    cases = [known.get(field_id) for field_id in low.ids]
    plain = {
        position: case[0]
        for position, (target, case) in enumerate(zip(low.targets, cases, strict=True))
        if case and _is_null(writer.wire, target) and _is_null(writer.expected, case[1])
    }
    others = [position for position in range(len(cases)) if position not in plain]
    may_misfit = False

    def write_case(position: int) -> None:
        nonlocal may_misfit
        case = cases[position]
        writer.charge(low.targets[position])
        if case is None:
            reason = f"case {low.ids[position]} is not in {describe(writer.expected, wanted)}"
            may_misfit |= writer.misfit(low.targets[position], into, reason)
        else:
            may_misfit |= _write_payload(writer, low.targets[position], case, into)

    if plain:
        table = writer.program.functions.bind(plain)
        source.line(f"if {number} in {table}: {into} = VariantValue({table}[{number}])")
    if others:
        opening = "else:" if plain else "if True:"
        with source.block(opening), writer.calling(when=len(others) > _INLINE_CASES):
            write_choice(source, number, others, write_case)
    return may_misfit


def _write_payload(writer: ReadWriter, given: int, case: tuple[Label, int], into: str) -> bool:
    key, wanted = case
    value = writer.source.variable()
    with writer.inside(f"case {key}"):
        may_misfit = writer.value(given, wanted, value)
    condition = f"MISFIT if {value} is MISFIT else " if may_misfit else ""
    writer.source.line(f"{into} = {condition}VariantValue({key!r}, {value})")
    return may_misfit


def _is_null(graph: Graph, index: int) -> bool:
    return graph.nodes[index].kind is Prim.NULL
