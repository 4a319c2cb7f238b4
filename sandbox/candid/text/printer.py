"""Values of the Python mapping as documents for ``layout``.

Takes all that ``values`` lists as written from Python, so that a user's arguments and
a canister's answers print alike. Printing nests without Python's stack; lines are
broken down to ten levels, as in didc, because indentation would otherwise grow with
the square of the depth.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, is_dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from sandbox.candid.errors import CandidEncodeError
from sandbox.candid.mapping import is_omissible, is_tuple, key
from sandbox.candid.place import Place
from sandbox.candid.syntax import spelling
from sandbox.candid.syntax.layout import Document, enclose
from sandbox.candid.text.leaf_printer import ANNOTATED, leaf, reference, spelled
from sandbox.candid.text.literal_typer import shown_type
from sandbox.candid.trampoline import Task, run
from sandbox.candid.types import Opt, Prim, Record, Variant, Vec, unfold
from sandbox.candid.values import Label, Some, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.candid.types import Env, Field, Type

_MAX_BROKEN_DEPTH: Final = 10

_Printing: TypeAlias = Generator[Task[Document], Document, Document]


@dataclass(frozen=True, slots=True)
class ValuePrinter:
    """Turns values into documents by their types."""

    env: Env

    def arguments(self, values: Sequence[Value], types: Sequence[Type]) -> list[Document]:
        """Return one document per value.

        Raises: CandidEncodeError.
        """
        if len(values) != len(types):
            raise CandidEncodeError("arguments", f"{len(types)} values", values)
        places = [Place(None, f"argument {number}", 0) for number in range(len(values))]
        return [run(self._value(*each)) for each in zip(values, types, places, strict=True)]

    def _value(self, value: Value, of: Type, at: Place) -> Task[Document]:
        document: Document
        match unfold(of, self.env):
            case Prim() as prim:
                document = leaf(value, prim, at)
            case Opt(inner):
                document = yield from self._opt(value, inner, at)
            case Vec(inner):
                document = yield from self._vec(value, inner, at)
            case Record(fields):
                document = yield from self._record(value, fields, at)
            case Variant(fields):
                document = yield from self._variant(value, fields, at)
            case other:
                document = reference(value, other, at)
        return document

    def _opt(self, value: Value, inner: Type, at: Place) -> _Printing:
        if value is None:
            return "null"
        if isinstance(value, Some):
            value = value.value
        elif is_omissible(inner, self.env):
            raise CandidEncodeError(at.path(), shown_type(Opt(inner)), value, "wrap it in Some")
        document = yield self._value(value, inner, at.inside(""))
        if unfold(inner, self.env) in ANNOTATED:
            document = enclose("(", [document], "", ")", flat=_is_deep(at))
        return ("opt ", document)

    def _vec(self, value: Value, inner: Type, at: Place) -> _Printing:
        items = _items(value, inner, at)
        if unfold(inner, self.env) is Prim.NAT8:
            return spelled(spelling.blob, bytes, items, Vec(inner), at)
        documents: list[Document] = []
        for number, item in enumerate(items):
            documents.append((yield self._value(item, inner, at.inside(f"element {number}"))))
        return ("vec ", enclose("{", documents, ";", "}", flat=_is_deep(at)))

    def _record(self, value: Value, fields: tuple[Field, ...], at: Place) -> _Printing:
        documents: list[Document] = []
        for number, field in enumerate(fields):
            place = at.inside(f"field {key(field)}")
            part = self._field(value, field, number, at)
            document = yield self._value(part, field.type, place)
            if not is_tuple(fields):
                document = (spelling.label(field.id, field.name), " = ", document)
            documents.append(document)
        return ("record ", enclose("{", documents, ";", "}", flat=_is_deep(at)))

    def _field(self, record: Value, field: Field, number: int, at: Place) -> Value:
        if isinstance(record, Mapping):
            for label in (key(field), field.id):
                if label in record:
                    return record[label]
        elif isinstance(record, tuple | list) and number < len(record) and field.id == number:
            return record[number]
        elif is_dataclass(record) and hasattr(record, str(field.name)):
            return getattr(record, str(field.name))
        if not is_omissible(field.type, self.env):
            reason = f"there is no field {key(field)}"
            raise CandidEncodeError(at.path(), "a record", record, reason)
        return None

    def _variant(self, value: Value, fields: tuple[Field, ...], at: Place) -> _Printing:
        tag, payload = _tag(value, fields, at)
        field = next((each for each in fields if tag in (each.name, each.id)), None)
        if field is None:
            raise CandidEncodeError(at.path(), shown_type(Variant(fields)), value)
        document: Document = spelling.label(field.id, field.name)
        if unfold(field.type, self.env) is not Prim.NULL or payload is not None:
            place = at.inside(f"case {key(field)}")
            document = (document, " = ", (yield self._value(payload, field.type, place)))
        return ("variant ", enclose("{", [document], ";", "}", flat=_is_deep(at)))


def _is_deep(at: Place) -> bool:
    """Say whether the value is too deep to be spread over several lines."""
    return at.depth >= _MAX_BROKEN_DEPTH


def _items(value: Value, inner: Type, at: Place) -> Value:
    if isinstance(value, str | Mapping):
        raise CandidEncodeError(at.path(), shown_type(Vec(inner)), value)
    if isinstance(value, bytes | bytearray | memoryview):
        return value
    try:
        return list(value)
    except TypeError as error:
        raise CandidEncodeError(at.path(), shown_type(Vec(inner)), value) from error


def _tag(value: Value, fields: tuple[Field, ...], at: Place) -> tuple[Label, Value]:
    if isinstance(value, str | int):
        return value, None
    if isinstance(value, Mapping) and len(value) == 1:
        return next(iter(value.items()))
    raise CandidEncodeError(at.path(), shown_type(Variant(fields)), value)
