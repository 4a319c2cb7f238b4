"""The specification's own tests: files of assertions about the binary and textual form.

``parse_suite`` reads a ``.test.did`` file, ``failure`` tries one assertion on our
codec and says what went wrong. Any further file of the format can be run the same way.
Source: public repository dfinity/candid, test/README.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sandbox.candid.codec import Codec
from sandbox.candid.errors import CandidError
from sandbox.candid.language.program import read_definitions
from sandbox.candid.language.scope import check_names
from sandbox.candid.language.type_parser import TypeReader
from sandbox.candid.syntax.cursor import Cursor
from sandbox.candid.syntax.lexer import Kind
from sandbox.candid.text.values import parse_values

if TYPE_CHECKING:
    from sandbox.candid.types import Env, Type
    from sandbox.candid.values import Value


class Claim(Enum):
    """What an assertion says about its inputs."""

    READS = ":"
    IS_REFUSED = "!:"
    READ_EQUAL = "=="
    READ_UNEQUAL = "!="


@dataclass(frozen=True, slots=True)
class Assertion:
    """One ``assert`` of a test file.

    inputs: one for READS and IS_REFUSED, else two; bytes are a message in binary form,
        a str is values as text.
    """

    line: int
    claim: Claim
    inputs: tuple[bytes | str, ...]
    types: tuple[Type, ...]
    description: str


@dataclass(frozen=True, slots=True)
class Suite:
    """A test file: type definitions, then assertions that use them."""

    env: Env
    assertions: tuple[Assertion, ...]


def parse_suite(text: str) -> Suite:
    """Read a ``.test.did`` file.

    Raises: CandidSyntaxError.
    """
    cursor = Cursor(text)
    reader = TypeReader(cursor)
    definitions, _ = read_definitions(reader)
    assertions = []
    while cursor.token.kind is not Kind.END:
        assertions.append(_assertion(cursor, reader))
        if not cursor.accept(";"):
            break
    cursor.end()
    env = {name: of for name, (_, of) in definitions.items()}
    check_names(cursor, {name: at for name, (at, _) in definitions.items()}, reader.uses, env)
    return Suite(env, tuple(assertions))


def failure(assertion: Assertion, env: Env) -> str | None:
    """Try an assertion; return None if it holds, else what happened instead."""
    read: list[tuple[Value, ...]] = []
    for given in assertion.inputs:
        try:
            read.append(_read(given, assertion.types, env))
        except CandidError as error:
            is_expected = assertion.claim is Claim.IS_REFUSED
            return None if is_expected else f"{given!r} is refused: {error}"
    match assertion.claim:
        case Claim.IS_REFUSED:
            return f"{assertion.inputs[0]!r} is read as {read[0]!r}"
        case Claim.READ_EQUAL if read[0] != read[1]:
            return f"{read[0]!r} differs from {read[1]!r}"
        case Claim.READ_UNEQUAL if read[0] == read[1]:
            return f"both inputs are read as {read[0]!r}"
    return None


def _read(given: bytes | str, types: tuple[Type, ...], env: Env) -> tuple[Value, ...]:
    if isinstance(given, str):
        return parse_values(given, types, env)[0]
    return Codec(types, env).decode(given)


def _assertion(cursor: Cursor, reader: TypeReader) -> Assertion:
    keyword = cursor.identifier("`assert`")
    if keyword.text != "assert":
        raise cursor.error(keyword, f"expected `assert`, found `{keyword.text}`")
    line = cursor.source.line(keyword.offset)
    inputs = [_input(cursor)]
    claim = Claim(cursor.expect(*(each.value for each in Claim)).text)
    if claim in (Claim.READ_EQUAL, Claim.READ_UNEQUAL):
        inputs.append(_input(cursor))
        cursor.expect(":")
    types = reader.arguments()
    description = cursor.text() if cursor.token.kind is Kind.TEXT else ""
    return Assertion(line, claim, tuple(inputs), types, description)


def _input(cursor: Cursor) -> bytes | str:
    if cursor.accept("blob"):
        return cursor.data("the bytes of the message in quotes")
    return cursor.text("`blob` or values as a text in quotes")
