"""The type of a written value when none is given.

A number is an int, ``null`` is null, an empty vec a ``vec empty``. The items of a vec
agree on the least type that holds them all: cases of a variant add up, ``null`` and
``opt t`` make ``opt t``. (didc takes the first item's type and sends what does not
fit it as garbage.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.candid.language.type_parser import MAX_DEPTH
from sandbox.candid.text.literal_typer import shown_type
from sandbox.candid.text.literals import Literal
from sandbox.candid.text.parser import Annotated, Case, Entry, Fields, Items, Node, Present
from sandbox.candid.types import Field, Opt, Prim, Record, Type, Variant, Vec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.candid.syntax.cursor import Cursor


@dataclass(frozen=True, slots=True)
class TypeInferrer:
    """Finds the types of the values read at ``cursor``."""

    cursor: Cursor

    def type(self, node: Node, depth: int = 0) -> Type:
        """Return the type of a value.

        Raises: CandidSyntaxError when items disagree, or when it nests too deep to be
            written down without the name of a type.
        """
        if depth == MAX_DEPTH:
            reason = f"a value deeper than {MAX_DEPTH} levels needs a type given to it"
            raise self.cursor.error(node.token, reason)
        match node:
            case Literal() | Annotated():
                return node.type
            case Present():
                return Opt(self.type(node.inner, depth + 1))
            case Items():
                return Vec(self._items(node, depth + 1))
            case Fields():
                fields = [self._field(entry, depth + 1) for entry in node.entries]
                return Record(_ordered(fields))
            case Case():
                return Variant((self._field(node.entry, depth + 1),))

    def _field(self, entry: Entry, depth: int) -> Field:
        return Field(entry.id, entry.name, self.type(entry.node, depth))

    def _items(self, node: Items, depth: int) -> Type:
        common: Type = Prim.EMPTY
        for item in node.items:
            of = self.type(item, depth)
            joined = join(common, of)
            if joined is None:
                reason = f"a vec has items of one type: after {shown_type(common)} comes"
                raise self.cursor.error(item.token, f"{reason} {shown_type(of)}")
            common = joined
        return common


def join(one: Type, other: Type) -> Type | None:
    """Return the least type that holds the values of both, None where there is none."""
    if one is other or one == other:
        return one
    joined: Type | None = None
    match one, other:
        case (Prim.EMPTY, wider) | (wider, Prim.EMPTY):
            joined = wider
        case (Prim.NAT, Prim.INT) | (Prim.INT, Prim.NAT):
            joined = Prim.INT
        case (Prim.NULL, Opt() as wider) | (Opt() as wider, Prim.NULL):
            joined = wider
        case (Opt(first), Opt(second)) | (Vec(first), Vec(second)):
            inner = join(first, second)
            make = Opt if isinstance(one, Opt) else Vec
            joined = None if inner is None else make(inner)
        case Record(mine), Record(theirs) if {f.id for f in mine} == {f.id for f in theirs}:
            joined = _union(Record, mine, theirs)
        case Variant(mine), Variant(theirs):
            joined = _union(Variant, mine, theirs)
    return joined


def _union(
    make: type[Record | Variant], mine: tuple[Field, ...], theirs: tuple[Field, ...]
) -> Type | None:
    fields = {field.id: field for field in mine}
    for field in theirs:
        known = fields.setdefault(field.id, field)
        joined = join(known.type, field.type)
        if joined is None:
            return None
        name = field.name if known.name is None else known.name
        fields[field.id] = Field(field.id, name, joined)
    return make(_ordered(fields.values()))


def _ordered(fields: Iterable[Field]) -> tuple[Field, ...]:
    return tuple(sorted(fields, key=lambda field: field.id))
