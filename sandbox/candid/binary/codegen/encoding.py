"""The code generated for encoding: appends a Python value to the message.

Variables of the generated functions: ``v`` the value, ``o`` the bytearray that grows
into the message, ``h`` how many plain calls may still nest. The code takes the usual
Python type of each Candid type directly and calls ``convert`` for others. It raises
whatever comes up where a value does not fit; ``explain`` then finds out where.
"""

from __future__ import annotations

import struct
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from sandbox.candid.binary.codegen.skipping import write_choice
from sandbox.candid.binary.codegen.source import DIRECT_CALLS, Source
from sandbox.candid.graph.nodes import OMISSIBLE, Con
from sandbox.candid.graph.shape import FORMATS
from sandbox.candid.types import Prim

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.candid.binary.encoder import Encoder
    from sandbox.candid.graph.nodes import Kind
    from sandbox.candid.values import Label

# As for decoding: larger or deeper types get functions of their own.
_INLINE_UNITS: Final = 40
_INLINE_LEVEL: Final = 8
_INLINE_CASES: Final = 8
_COMPOSED: Final = frozenset((Con.OPT, Con.VEC, Con.RECORD, Con.VARIANT))

_SIMPLE: Final[dict[Kind, tuple[str, ...]]] = {
    Prim.NULL: ("if {v} is not None: raise Unfit",),
    Prim.RESERVED: (),
    Prim.EMPTY: ("raise Unfit",),
    Prim.BOOL: ("if type({v}) is not bool: raise Unfit", "o.append({v})"),
    Prim.NAT: (
        "if type({v}) is not int: {v} = as_int({v})",
        "if {v} > SHORT_NAT: put_nat(o, {v})",
        "else:",
        "    while {v} > 127:",
        "        o.append({v} & 127 | 128)",
        "        {v} >>= 7",
        "    o.append({v})",
    ),
    Prim.INT: (
        "if type({v}) is not int: {v} = as_int({v})",
        "if -64 <= {v} < 64: o.append({v} & 127)",
        "else: put_int(o, {v})",
    ),
    Prim.TEXT: (
        "{v} = utf8({v})",
        "{n} = len({v})",
        "if {n} < 128: o.append({n})",
        "else: put_nat(o, {n})",
        "o += {v}",
    ),
    Prim.PRINCIPAL: (
        "if type({v}) is not Principal: {v} = as_principal({v})",
        # The slot itself: bytes(principal) is a method call and takes ten times as long.
        "{v} = {v}._raw",
        "o += PRINCIPAL_HEADS[len({v})]",
        "o += {v}",
    ),
    Con.SERVICE: (
        "{v} = bytes(as_principal({v}))",
        "o += PRINCIPAL_HEADS[len({v})]",
        "o += {v}",
    ),
    Con.FUNC: ("put_func(o, *as_func({v}))",),
}


class PutWriter:
    """Writes one function of an encoder.

    stackless: write the generator form.
    """

    def __init__(self, encoder: Encoder, *, stackless: bool) -> None:
        self._encoder = encoder
        self._graph = encoder.graph
        self._shape = encoder.shape
        self._source = Source()
        self._stackless = stackless
        self._may_inline = True

    def main(self) -> str:
        """Return the function that writes all arguments."""
        roots = self._graph.roots
        with self._source.block("def main(v, o):"):
            self._source.line(f"h = {DIRECT_CALLS}")
            variables = [self._source.variable() for _ in roots]
            if variables:
                self._source.line(f"{', '.join(variables)}, = v")
            for root, variable in zip(roots, variables, strict=True):
                self._put(root, variable)
        return self._source.text()

    def function(self, name: str, index: int) -> str:
        """Return the function that writes values of one type."""
        deep = self._shape.deep[index] and not self._stackless
        with self._source.block(f"def {name}(v, o{', h' if deep else ''}):"):
            self._body(index, "v")
            if self._stackless:
                self._source.line("return")
                self._source.line("yield  # never reached; makes this a generator")
        return self._source.text()

    def _put(self, index: int, value: str) -> None:
        """Write code that writes the value in a variable."""
        kind = self._graph.nodes[index].kind
        small = self._shape.units[index] <= _INLINE_UNITS and self._source.level <= _INLINE_LEVEL
        if kind not in _COMPOSED:
            self._body(index, value)
        elif self._shape.deep[index]:
            self._deep_call(index, value)
        elif small and self._may_inline:
            self._body(index, value)
        else:
            self._source.line(f"{self._encoder.declare(index, stackless=False)}({value}, o)")

    def _deep_call(self, index: int, value: str) -> None:
        task = self._encoder.declare(index, stackless=True)
        if self._stackless:
            self._source.line(f"yield {task}({value}, o)")
            return
        name = self._encoder.declare(index, stackless=False)
        with self._source.block("if h:"):
            self._source.line(f"{name}({value}, o, h - 1)")
        self._source.line(f"else: run({task}({value}, o), {self._encoder.limits.depth})")

    def _body(self, index: int, value: str) -> None:
        node = self._graph.nodes[index]
        match node.kind:
            case Con.OPT:
                self._opt(node.targets[0], value)
            case Con.VEC:
                self._vec(node.targets[0], value)
            case Con.RECORD:
                self._record(index, value)
            case Con.VARIANT:
                self._variant(index, value)
            case Prim() as prim if prim in FORMATS:
                self._numbers([(index, value)])
            case simple:
                length = self._source.variable()
                for text in _SIMPLE[simple]:
                    self._source.line(text.format(v=value, n=length))

    def _is_number(self, index: int) -> bool:
        return self._graph.nodes[index].kind in FORMATS

    def _numbers(self, values: list[tuple[int, str]]) -> None:
        """Write code that writes neighbouring numbers of fixed size at once."""
        letters = ""
        for index, value in values:
            letter = FORMATS[Prim(self._graph.nodes[index].kind.value)]
            usual = "float" if letter in "fd" else "int"
            self._source.line(f"if type({value}) is not {usual}: {value} = as_{usual}({value})")
            letters += letter
        pack = self._encoder.bind(struct.Struct(f"<{letters}").pack)
        self._source.line(f"o += {pack}({', '.join(value for _, value in values)})")

    def _opt(self, inner: int, value: str) -> None:
        line = self._source.line
        line(f"if {value} is None: o.append(0)")
        with self._source.block("else:"):
            line("o.append(1)")
            line(f"if type({value}) is Some: {value} = {value}.value")
            if self._graph.nodes[inner].kind in OMISSIBLE:
                line("else: raise Unfit('wrap the value in Some(…)')")
            self._put(inner, value)

    def _vec(self, inner: int, value: str) -> None:
        line = self._source.line
        kind = self._graph.nodes[inner].kind
        if kind is Prim.NAT8:
            line(f"if type({value}) is not bytes: {value} = as_blob({value})")
            line(f"put_nat(o, len({value}))")
            line(f"o += {value}")
        elif isinstance(kind, Prim) and kind in FORMATS:
            line(f"put_numbers(o, {value}, {FORMATS[kind]!r})")
        else:
            element = self._source.variable()
            line(f"if type({value}) is not list: {value} = as_list({value})")
            line(f"put_nat(o, len({value}))")
            with self._source.block(f"for {element} in {value}:"):
                self._put(inner, element)
                line("pass")

    def _record(self, index: int, value: str) -> None:
        line, node = self._source.line, self._graph.nodes[index]
        count = len(node.keys)
        values = [self._source.variable() for _ in node.keys]
        members = self._encoder.bind(self._encoder.members(index))
        usual = "tuple" if node.is_tuple else "dict or type({v}) is RecordValue"
        usual = usual.format(v=value)
        with self._source.block(f"if (type({value}) is {usual}) and len({value}) == {count}:"):
            if node.is_tuple or not values:
                line(f"{_targets(values)} = {value}" if values else "pass")
            else:
                with self._source.block("try:"):
                    line(f"{_targets(values)} = {self._encoder.bind(_getter(node.keys))}({value})")
                line(f"except KeyError: {_targets(values)} = {members}.values({value})")
        line(f"else: {_targets(values)} = {members}.values({value})")
        for is_number, fields in groupby(
            zip(node.targets, values, strict=True), key=lambda field: self._is_number(field[0])
        ):
            if is_number:
                self._numbers(list(fields))
            else:
                for target, variable in fields:
                    self._put(target, variable)

    def _variant(self, index: int, value: str) -> None:
        line, node = self._source.line, self._graph.nodes[index]
        tag, number = self._source.variable(), self._source.variable()
        members = self._encoder.bind(self._encoder.members(index))
        line(f"if type({value}) is VariantValue: {tag} = {value}.tag; {value} = {value}.value")
        line(f"else: {tag}, {value} = as_variant({value})")
        line(f"{number} = {members}.positions.get({tag})")
        line(f"if {number} is None: {number} = {members}.position({tag})")
        line(f"put_nat(o, {number})")
        plain = [position for position, target in enumerate(node.targets) if self._is_null(target)]
        others = [position for position in range(len(node.targets)) if position not in set(plain)]

        def write_case(position: int) -> None:
            self._put(node.targets[position], value)

        inlined, self._may_inline = self._may_inline, len(others) <= _INLINE_CASES
        if plain:
            with self._source.block(f"if {number} in {self._encoder.bind(frozenset(plain))}:"):
                line(f"if {value} is not None: raise Unfit")
        if others:
            with self._source.block("else:" if plain else "if True:"):
                write_choice(self._source, number, others, write_case)
        self._may_inline = inlined

    def _is_null(self, index: int) -> bool:
        return self._graph.nodes[index].kind is Prim.NULL


def _getter(keys: tuple[Label, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that takes the values of all keys out of a dict."""
    # itemgetter of a single key gives the bare value.
    return itemgetter(*keys) if len(keys) > 1 else lambda fields: (fields[keys[0]],)


def _targets(values: list[str]) -> str:
    return f"[{', '.join(values)}]"
