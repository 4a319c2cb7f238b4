"""The code generated for decoding: reads a wire type as an expected type.

Variables of the generated functions: ``d`` the message, ``p`` the place, ``c`` the
meter, ``h`` how many plain calls may still nest. A function exists per pair of
types, in two tempers: *strict* raises where the value does not fit, *lenient* (all
inside an ``opt``) reads on to the value's end and yields MISFIT, so that no byte is
ever read twice. Malformed bytes raise in both.
Source: Candid specification, "Coercion".
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sandbox.candid.binary.codegen.compounds import write_record, write_variant, write_vec
from sandbox.candid.binary.codegen.skipping import write_length, write_skip
from sandbox.candid.binary.codegen.source import DIRECT_CALLS, Source
from sandbox.candid.graph.describe import describe
from sandbox.candid.graph.nodes import OMISSIBLE, PRIM_INDEX, Con, Kind
from sandbox.candid.graph.shape import FIXED_BYTES, FORMATS
from sandbox.candid.types import Prim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.candid.binary.decoder import Program

# A type of more nodes than this, or inside more blocks, gets a function of its own.
_INLINE_UNITS: Final = 40
_INLINE_LEVEL: Final = 8
_COMPOSED: Final = frozenset((Con.OPT, Con.VEC, Con.RECORD, Con.VARIANT))
_COMPOUND_WRITERS: Final = {
    Con.VEC: write_vec,
    Con.RECORD: write_record,
    Con.VARIANT: write_variant,
}
_IGNORED: Final = frozenset((Prim.RESERVED, Con.FUTURE))
_READABLE_AS: Final = frozenset(((Prim.NAT, Prim.INT), (Con.SERVICE, Prim.PRINCIPAL)))


class ReadWriter:
    """Writes one function of a program.

    stackless: write the generator form.
    lenient: a value that does not fit is MISFIT instead of an error.
    """

    def __init__(self, program: Program, *, stackless: bool, lenient: bool) -> None:
        self.program = program
        self.wire = program.wire
        self.expected = program.expected
        self.shape = program.shape
        self.source = Source()
        self._stackless = stackless
        self.lenient = lenient
        self._may_inline = True
        self._path: list[str] = []

    def main(self) -> str:
        """Return the function that reads all arguments."""
        with self.source.block("def main(d, p, c):"):
            self.source.line(f"h = {DIRECT_CALLS}")
            values = [self._argument(number) for number in range(len(self.expected.roots))]
            for extra in self.wire.roots[len(values) :]:
                self.charge(extra)
                self.skip(extra)
            self.source.line(f"return ({''.join(f'{value}, ' for value in values)}), p")
        return self.source.text()

    def function(self, name: str, given: int, wanted: int) -> str:
        """Return the function that reads ``given`` as ``wanted``."""
        deep = self.shape.deep[given] and not self._stackless
        # Functions are shared: where in the whole value they read is not known here.
        if wanted in self.expected.names:
            self._path.append(f"in {self.expected.names[wanted]}")
        with self.source.block(f"def {name}(d, p, c{', h' if deep else ''}):"):
            self._body(given, wanted, "x")
            self.source.line("return x, p")
            if self._stackless:
                self.source.line("yield  # never reached; makes this a generator")
        return self.source.text()

    def skip(self, index: int) -> None:
        """Write code that steps over a value."""
        if not self.shape.inhabited[index]:
            self._impossible(index)
        elif self._is_call(index):
            self._call(index, PRIM_INDEX[Prim.RESERVED], "_")
        else:
            write_skip(self, index)

    def charge(self, index: int, count: str = "1") -> None:
        """Write code that pays for the parts of values that have no bytes."""
        if excess := self.shape.excess[index]:
            self.source.line(f"c.charge({excess} * {count}, p)")

    def _argument(self, number: int) -> str:
        """Write code that reads one argument; return the expression for it."""
        wanted = self.expected.roots[number]
        if number >= len(self.wire.roots):
            if self.expected.nodes[wanted].kind not in OMISSIBLE:
                self._raise_misfit(f"argument {number} is missing")
            return "None"
        value = self.source.variable()
        self.charge(self.wire.roots[number])
        with self.inside(f"argument {number}"):
            self.value(self.wire.roots[number], wanted, value)
        return value

    def value(self, given: int, wanted: int, into: str) -> bool:
        """Write code that reads a value into a variable; return whether it may be MISFIT."""
        if not self.shape.inhabited[given]:
            self._impossible(given)
            return False
        if self.expected.nodes[wanted].kind in _IGNORED:
            self.skip(given)
            self.source.line(f"{into} = None")
            return False
        if self._is_call(given):
            self._call(given, wanted, into)
            return self.lenient and not self.program.surely_fits(given, wanted)
        return self._body(given, wanted, into)

    def _body(self, given: int, wanted: int, into: str) -> bool:
        """Do what ``value`` does, here and not in another function."""
        low, high = self.wire.nodes[given].kind, self.expected.nodes[wanted].kind
        may_misfit = False
        if high in _IGNORED:
            write_skip(self, given)
            self.source.line(f"{into} = None")
        elif high is Con.OPT:
            may_misfit = self._opt(given, wanted, into)
        elif not self._has_form_of(given, wanted):
            may_misfit = self.misfit(given, into, self._difference(given, wanted))
        elif high in _COMPOUND_WRITERS:
            may_misfit = _COMPOUND_WRITERS[high](self, given, wanted, into)
        else:
            self._simple(low, high, into)
        return may_misfit

    def _has_form_of(self, given: int, wanted: int) -> bool:
        """Return whether ``given`` is read like ``wanted``, apart from what is inside."""
        low, high = self.wire.nodes[given].kind, self.expected.nodes[wanted].kind
        if high in {Con.FUNC, Con.SERVICE}:
            return low is high and self.program.is_subtype(given, wanted)
        return low is high or (low, high) in _READABLE_AS

    def _simple(self, given: Kind, wanted: Kind, into: str) -> None:
        line = self.source.line
        match given:
            case Prim.NULL:
                line(f"{into} = None")
            case Prim.BOOL:
                line(f"{into} = d[p] == 1")
                line("if d[p] > 1: raise wrong_byte(p, 'a bool')")
                line("p += 1")
            case Prim.NAT:
                line(f"{into} = d[p]")
                line("p += 1")
                line(f"if {into} > 127: {into}, p = read_nat(d, p - 1)")
            case Prim.INT:
                line(f"{into} = d[p]")
                line("p += 1")
                line(f"if {into} > 63: {into}, p = read_int(d, p - 1)")
            case Prim.NAT8:
                line(f"{into} = d[p]")
                line("p += 1")
            case Prim.TEXT:
                self._text(into)
            case Prim.PRINCIPAL | Con.SERVICE if wanted is Prim.PRINCIPAL:
                self._principal(into)
            case Con.SERVICE:
                line(f"{into}, p = read_service(d, p)")
            case Con.FUNC:
                line(f"{into}, p = read_func(d, p)")
            case Prim():
                self.numbers([into], FORMATS[given], FIXED_BYTES[given])

    def _text(self, into: str) -> None:
        end = self.source.variable()
        write_length(self.source, end)
        self.source.line(f"{end} += p")
        self.source.line(f"{into} = d[p:{end}].decode()")
        self.source.line(f"p = {end}")

    def _principal(self, into: str) -> None:
        length = self.source.variable()
        self.source.line(f"{length} = d[p + 1]")
        with self.source.block(f"if {length} > 29 or d[p] != 1:"):
            self.source.line(f"{into}, p = read_principal(d, p)")
        with self.source.block("else:"):
            self.source.line("p += 2")
            self.source.line(f"{into} = Principal(d[p:p + {length}])")
            self.source.line(f"p += {length}")

    def numbers(self, into: list[str], letters: str, size: int) -> None:
        """Write code that reads neighbouring numbers of fixed size at once."""
        unpack = self.program.unpacker(letters)
        self.source.line(f"{', '.join(into)}, = {unpack}(d, p)")
        self.source.line(f"p += {size}")

    def _opt(self, given: int, wanted: int, into: str) -> bool:
        low, inner = self.wire.nodes[given], self.expected.nodes[wanted].targets[0]
        if low.kind in {Prim.NULL, Prim.RESERVED, Con.FUTURE}:
            self.skip(given)
            self.source.line(f"{into} = None")
            return False
        if low.kind is not Con.OPT:
            if wanted in self.program.endless:
                return self.misfit(given, into, self._difference(given, wanted))
            self._present(given, inner, into)
            return False
        flag = self.source.variable()
        self.source.line(f"{flag} = d[p]")
        self.source.line("p += 1")
        with self.source.block(f"if {flag} == 1:"):
            self.charge(low.targets[0])
            self._present(low.targets[0], inner, into)
        self.source.line(f"elif {flag}: raise wrong_byte(p - 1, 'an opt')")
        self.source.line(f"else: {into} = None")
        return False

    def _present(self, given: int, inner: int, into: str) -> None:
        """Write code that reads the content of an ``opt``; what does not fit is null."""
        was_lenient, self.lenient = self.lenient, True
        may_misfit = self.value(given, inner, into)
        self.lenient = was_lenient
        if may_misfit:
            self.source.line(f"if {into} is MISFIT: {into} = None")
        if self.expected.nodes[inner].kind in OMISSIBLE:
            otherwise = "else: " if may_misfit else ""
            self.source.line(f"{otherwise}{into} = Some({into})")

    def misfit(self, given: int, into: str, reason: str) -> bool:
        """Write code for a value that cannot fit: an error, or read on and yield MISFIT."""
        if not self.lenient:
            self._raise_misfit(": ".join([", ".join(self._path), reason]).removeprefix(": "))
            return False
        self.skip(given)
        self.source.line(f"{into} = MISFIT")
        return True

    @contextmanager
    def inside(self, part: str) -> Iterator[None]:
        """Name the part of the value that is written inside the ``with``, for errors."""
        self._path.append(part)
        yield
        self._path.pop()

    @contextmanager
    def calling(self, *, when: bool) -> Iterator[None]:
        """Give types inside the ``with`` functions of their own, whatever their size."""
        before, self._may_inline = self._may_inline, self._may_inline and not when
        yield
        self._may_inline = before

    def _difference(self, given: int, wanted: int) -> str:
        return f"expected {describe(self.expected, wanted)}, found {describe(self.wire, given)}"

    def _raise_misfit(self, reason: str) -> None:
        self.source.line(f"raise Malformed(p, {reason!r})")

    def _impossible(self, index: int) -> None:
        self._raise_misfit(f"no value of type {describe(self.wire, index)} exists")

    def _is_call(self, given: int) -> bool:
        """Return whether values of the wire type are read by a function of their own."""
        if self.wire.nodes[given].kind not in _COMPOSED:
            return False
        small = self.shape.units[given] <= _INLINE_UNITS and self.source.level <= _INLINE_LEVEL
        return self.shape.deep[given] or not (small and self._may_inline)

    def _call(self, given: int, wanted: int, into: str) -> None:
        name = self.program.declare(given, wanted, lenient=self.lenient, stackless=False)
        if not self.shape.deep[given]:
            self.source.line(f"{into}, p = {name}(d, p, c)")
            return
        task = self.program.declare(given, wanted, lenient=self.lenient, stackless=True)
        if self._stackless:
            self.source.line(f"{into}, p = yield {task}(d, p, c)")
            return
        otherwise = f"run({task}(d, p, c), c.depth)"
        self.source.line(f"{into}, p = {name}(d, p, c, h - 1) if h else {otherwise}")
