"""Written values at expected types: what they are in Python, or where they do not fit.

A number becomes the number type expected, a missing opt field null. As in didc, the
coercions of the binary form do not apply to text: ``5`` is no ``opt nat`` and
``5 : nat8`` no nat64; but fields nobody expects are passed over, because a client
newer than the canister sends such records.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from sandbox.candid.mapping import is_omissible, is_tuple, key
from sandbox.candid.subtyping import subtype
from sandbox.candid.syntax import spelling
from sandbox.candid.text.literal_typer import LiteralTyper, shown_type
from sandbox.candid.text.literals import Literal
from sandbox.candid.text.parser import Annotated, Case, Fields, Items, Node, Present
from sandbox.candid.types import Opt, Prim, Record, Variant, Vec, unfold
from sandbox.candid.values import RecordValue, Some, Value, VariantValue

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from sandbox.candid.errors import CandidSyntaxError
    from sandbox.candid.syntax.cursor import Cursor
    from sandbox.candid.trampoline import Task
    from sandbox.candid.types import Env, Field, Type

_T = TypeVar("_T")
_Typing: TypeAlias = "Generator[Task[Value], Value, _T]"


@dataclass(frozen=True, slots=True)
class ValueTyper:
    """Gives the values read at ``cursor`` the types of ``env``."""

    cursor: Cursor
    env: Env
    literals: LiteralTyper

    def value(self, node: Node, of: Type) -> Task[Value]:
        """Return a value at a type (a task, see ``trampoline``).

        Raises: CandidSyntaxError at the part that does not fit.
        """
        value: Value = None
        match node, unfold(of, self.env):
            case Literal(), _:
                value = self.literals.value(node, of)
            case Annotated(), _:
                value = yield from self._annotated(node, of)
            case _, Prim.RESERVED:
                value = None
            case Present(), Opt(inner):
                value = yield self.value(node.inner, inner)
                value = Some(value) if is_omissible(inner, self.env) else value
            case Items(), Vec(inner):
                value = yield from self._items(node, inner)
            case Fields(), Record(fields):
                value = yield from self._record(node, fields)
            case Case(), Variant(fields):
                value = yield from self._variant(node, fields)
            case _:
                raise self.literals.mismatch(node, of)
        return value

    def _annotated(self, node: Annotated, of: Type) -> _Typing[Value]:
        if node.type == of:
            return (yield self.value(node.inner, of))
        if not subtype(node.type, self.env, of, self.env):
            raise self._error(node, f"expected {shown_type(of)}, found {shown_type(node.type)}")
        # Twice, so that `-1 : nat` is refused where an int is expected. Annotations that
        # widen level by level inside each other double the time with each level.
        yield self.value(node.inner, node.type)
        return (yield self.value(node.inner, of))

    def _items(self, node: Items, inner: Type) -> _Typing[Value]:
        items: list[Value] = []
        for item in node.items:
            if isinstance(item, Literal):
                items.append(self.literals.value(item, inner))
            else:
                items.append((yield self.value(item, inner)))
        return bytes(items) if unfold(inner, self.env) is Prim.NAT8 else items

    def _record(self, node: Fields, fields: tuple[Field, ...]) -> _Typing[Value]:
        entries = {entry.id: entry.node for entry in node.entries}
        values: list[Value] = []
        for field in fields:
            part = entries.get(field.id)
            if part is None:
                self._check_omissible(node, field, fields)
                values.append(None)
            elif isinstance(part, Literal):
                values.append(self.literals.value(part, field.type))
            else:
                values.append((yield self.value(part, field.type)))
        if is_tuple(fields):
            return tuple(values)
        return RecordValue(zip(map(key, fields), values, strict=True))

    def _variant(self, node: Case, fields: tuple[Field, ...]) -> _Typing[Value]:
        entry = node.entry
        field = next((each for each in fields if each.id == entry.id), None)
        if field is None:
            tag = spelling.label(entry.id, entry.name)
            near = _near(entry.name, [each.name for each in fields])
            raise self._error(node, f"the variant has no case `{tag}`{near}")
        return VariantValue(key(field), (yield self.value(entry.node, field.type)))

    def _check_omissible(self, node: Fields, field: Field, fields: tuple[Field, ...]) -> None:
        if is_omissible(field.type, self.env):
            return
        known = {each.id for each in fields}
        unknown = [entry.name for entry in node.entries if entry.id not in known]
        near = _near(field.name, unknown)
        wanted = f"{spelling.label(field.id, field.name)} : {shown_type(field.type)}"
        raise self._error(node, f"the record lacks the field `{wanted}`{near}")

    def _error(self, node: Node, reason: str) -> CandidSyntaxError:
        return self.cursor.error(node.token, reason)


def _near(name: str | None, names: Iterable[str | None]) -> str:
    """Return a hint at the one among ``names`` that may have been meant, or nothing."""
    known = {each.lower(): each for each in names if each}
    near = get_close_matches((name or "").lower(), known, n=1)
    return f"; is it `{known[near[0]]}`?" if near else ""
