"""Motoko's stable signatures, read: the text of a module's ``motoko:stable-types``.

    // Version: 1.0.0
    type Nat__9 = Nat;
    actor { stable var counter : Nat__9; stable list : {var root : ?Text} };

With a migration (``with migration = …``) the actor is a pair: what is taken over, where
``in`` marks what has to be there, and what is kept. Types this module does not know are kept
as their text: equal or not, nothing in between.
Source: caffeinelabs/motoko, ``mo_types/type.ml`` (pp_stab_sig) and the printed signatures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping


class SignatureUnreadable(SandboxError):
    """A stable signature is written in a way this version does not know."""


@dataclass(frozen=True, slots=True)
class Node:
    """A type. kind: ``name``, ``opt``, ``array``, ``var array``, ``tuple``, ``record``,
    ``variant`` or ``text`` (not understood).

    label: the name, or the text. fields: (name, is mutable, type) of records and variants.
    """  # noqa: D205 - the list of kinds is the summary

    kind: str
    label: str = ""
    parts: tuple[Node, ...] = ()
    fields: tuple[tuple[str, bool, Node], ...] = ()


@dataclass(frozen=True, slots=True)
class Variable:
    """A stable variable. is_required: a migration function takes it (``in``)."""

    type: Node
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """What a version takes over (pre) and what it keeps (post); aliases by name."""

    aliases: Mapping[str, tuple[tuple[str, ...], Node]]
    pre: Mapping[str, Variable]
    post: Mapping[str, Variable]


def read_signature(text: str) -> Signature:
    """Read a stable signature. Raises: SignatureUnreadable."""
    try:
        return _Reader(text).signature()
    except IndexError as error:
        raise SignatureUnreadable("the stable signature ends too early") from error


_TOKEN: Final = re.compile(r"\s+|//[^\n]*|(->|[A-Za-z_][A-Za-z0-9_.]*|[0-9]+|.)", re.DOTALL)
_PAIRS: Final = {"(": ")", "[": "]", "{": "}", "<": ">"}
_ENDS: Final = {";", ",", ")", "]", "}", ">", "="}
_NOT_UNDERSTOOD: Final = {"shared", "actor", "module", "async", "composite", "query", "func"}


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[str] = [token for token in _TOKEN.findall(text) if token]
        self._at = 0

    def signature(self) -> Signature:
        aliases: dict[str, tuple[tuple[str, ...], Node]] = {}
        while self._peek() == "type":
            self._take("type")
            name = self._take()
            parameters = self._parameters()
            self._take("=")
            aliases[name] = parameters, self._type()
            self._take(";")
        self._take("actor")
        if self._peek() != "(":
            kept = self._variables()
            return Signature(aliases, kept, kept)
        self._take("(")
        pre = self._variables()
        self._take(",")
        return Signature(aliases, pre, self._variables())

    def _parameters(self) -> tuple[str, ...]:
        if self._peek() != "<":
            return ()
        self._take("<")
        names = [self._take()]
        while self._peek() == ",":
            self._take(",")
            names.append(self._take())
        self._take(">")
        return tuple(names)

    def _variables(self) -> dict[str, Variable]:
        found: dict[str, Variable] = {}
        self._take("{")
        while self._peek() != "}":
            word = self._take()
            if word not in ("stable", "in"):
                raise SignatureUnreadable(f"a stable variable begins with {word!r}")
            name, _, type_ = self._field()
            found[name] = Variable(type_, is_required=word == "in")
            self._skip(";")
        self._take("}")
        return found

    def _field(self) -> tuple[str, bool, Node]:
        is_mutable = self._skip("var")
        name = self._take()
        self._take(":")
        return name, is_mutable, self._type()

    def _type(self) -> Node:
        start = self._at
        node = self._plain() if self._peek() not in _NOT_UNDERSTOOD else Node("text")
        if self._at == start or self._peek() not in _ENDS:
            # A function or something new: up to where its surroundings go on.
            self._at = start
            return Node("text", self._raw())
        return node

    def _plain(self) -> Node:
        token = self._take()
        match token:
            case "?":
                return Node("opt", parts=(self._plain(),))
            case "[":
                kind = "var array" if self._skip("var") else "array"
                node = Node(kind, parts=(self._type(),))
                self._take("]")
                return node
            case "(":
                return Node("tuple", parts=self._list(")"))
            case "{":
                return self._braces()
            case _:
                parts: tuple[Node, ...] = ()
                if self._skip("<"):
                    parts = self._list(">")
                return Node("name", token, parts)

    def _list(self, end: str) -> tuple[Node, ...]:
        found = []
        while not self._skip(end):
            found.append(self._type())
            self._skip(",")
        return tuple(found)

    def _braces(self) -> Node:
        is_variant = self._peek() == "#"
        fields = []
        while not self._skip("}"):
            if is_variant:
                self._take("#")
                name = self._take()
                type_ = self._type() if self._skip(":") else Node("tuple")
                fields.append((name, False, type_))
            else:
                fields.append(self._field())
            self._skip(";")
        return Node("variant" if is_variant else "record", fields=tuple(sorted(fields, key=_name)))

    def _raw(self) -> str:
        """Take everything up to the end of this type, brackets in pairs."""
        taken: list[str] = []
        open_: list[str] = []
        while open_ or self._peek() not in _ENDS:
            token = self._take()
            taken.append(token)
            if token in _PAIRS:
                open_.append(_PAIRS[token])
            elif open_ and token == open_[-1]:
                open_.pop()
        if not taken:
            raise SignatureUnreadable(f"a type is missing before {self._peek()!r}")
        return " ".join(taken)

    def _peek(self) -> str:
        return self._tokens[self._at]

    def _take(self, wanted: str = "") -> str:
        token = self._tokens[self._at]
        if wanted and token != wanted:
            raise SignatureUnreadable(f"{wanted!r} was expected and {token!r} found")
        self._at += 1
        return token

    def _skip(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._at += 1
        return True


def _name(field: tuple[str, bool, Node]) -> str:
    return field[0]
