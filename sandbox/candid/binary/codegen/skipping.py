"""Code that steps over values nobody asked for, checking them all the same.

What is skipped must be as well-formed as what is read: a bool is 0 or 1, a text is
UTF-8. Only the Python values are spared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.candid.graph.nodes import Con, Kind
from sandbox.candid.graph.shape import FIXED_BYTES
from sandbox.candid.types import Prim

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sandbox.candid.binary.codegen.decoding import ReadWriter
    from sandbox.candid.binary.codegen.source import Source
    from sandbox.candid.graph.nodes import Node

# Longer chains of `elif` would nest too deeply for Python's compiler.
_CHAIN: Final = 4
_SIMPLE: Final[dict[Kind, tuple[str, ...]]] = {
    Prim.BOOL: ("if d[p] > 1: raise wrong_byte(p, 'a bool')", "p += 1"),
    Prim.NAT: ("while d[p] > 127: p += 1", "p += 1"),
    Prim.INT: ("while d[p] > 127: p += 1", "p += 1"),
    Prim.TEXT: ("_, p = read_text(d, p)",),
    Prim.PRINCIPAL: ("_, p = read_principal(d, p)",),
    Con.SERVICE: ("_, p = read_principal(d, p)",),
    Con.FUNC: ("_, p = read_func(d, p)",),
    Con.FUTURE: ("p = skip_future(d, p)",),
}


def write_skip(writer: ReadWriter, index: int) -> None:
    """Write code that moves ``p`` behind a value of wire type ``index``."""
    node = writer.wire.nodes[index]
    match node.kind:
        case Con.OPT:
            _skip_opt(writer, node.targets[0])
        case Con.VEC:
            _skip_vec(writer, node.targets[0])
        case Con.RECORD:
            for target in node.targets:
                writer.skip(target)
        case Con.VARIANT:
            _skip_variant(writer, node)
        case Prim() as prim if prim in FIXED_BYTES and prim is not Prim.BOOL:
            writer.source.line(f"p += {FIXED_BYTES[prim]}")
        case simple:
            for text in _SIMPLE[simple]:
                writer.source.line(text)


def write_length(source: Source, variable: str) -> None:
    """Write code that reads a length or count into a variable."""
    source.line(f"{variable} = d[p]")
    source.line("p += 1")
    source.line(f"if {variable} > 127: {variable}, p = read_length(d, p - 1)")


def write_case_number(source: Source, node: Node) -> str:
    """Write code that reads which case of a variant follows; return its variable."""
    number = source.variable()
    write_length(source, number)
    source.line(
        f"if {number} >= {len(node.ids)}: raise Malformed("
        f"p - 1, f'case {{{number}}} of a variant with {len(node.ids)} cases')"
    )
    return number


def write_choice(
    source: Source, variable: str, numbers: Sequence[int], write: Callable[[int], None]
) -> None:
    """Write a choice by the number in ``variable``, which is one of ``numbers`` (ascending)."""
    if len(numbers) > _CHAIN:
        middle = len(numbers) // 2
        with source.block(f"if {variable} < {numbers[middle]}:"):
            write_choice(source, variable, numbers[:middle], write)
        with source.block("else:"):
            write_choice(source, variable, numbers[middle:], write)
        return
    for position, number in enumerate(numbers):
        keyword = "elif" if position else "if"
        with source.block(f"{keyword} {variable} == {number}:"):
            write(number)
            source.line("pass")


def _skip_opt(writer: ReadWriter, inner: int) -> None:
    flag = writer.source.variable()
    writer.source.line(f"{flag} = d[p]")
    writer.source.line("p += 1")
    with writer.source.block(f"if {flag} == 1:"):
        writer.charge(inner)
        writer.skip(inner)
        writer.source.line("pass")
    writer.source.line(f"elif {flag}: raise wrong_byte(p - 1, 'an opt')")


def _skip_vec(writer: ReadWriter, inner: int) -> None:
    source, kind = writer.source, writer.wire.nodes[inner].kind
    count = source.variable()
    write_length(source, count)
    writer.charge(inner, count)
    source.line(f"check_room(d, p, {count} * {writer.shape.least_bytes[inner]})")
    if kind is Prim.BOOL:
        source.line(f"read_bools(d, p, {count})")
        source.line(f"p += {count}")
    elif isinstance(kind, Prim) and kind in FIXED_BYTES:
        source.line(f"p += {count} * {FIXED_BYTES[kind]}")
    else:
        with source.block(f"for _ in range({count}):"):
            writer.skip(inner)
            source.line("pass")


def _skip_variant(writer: ReadWriter, node: Node) -> None:
    number = write_case_number(writer.source, node)
    kinds = [writer.wire.nodes[target].kind for target in node.targets]
    with_payload = [position for position, kind in enumerate(kinds) if kind is not Prim.NULL]

    def skip_payload(position: int) -> None:
        writer.charge(node.targets[position])
        writer.skip(node.targets[position])

    write_choice(writer.source, number, with_payload, skip_payload)
