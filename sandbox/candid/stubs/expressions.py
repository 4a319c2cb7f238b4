"""Candid types as Python type expressions, with the classes they need.

Every expression is text that mypy reads in the scope of the module. Records with
names become classes; anonymous ones are named after the place where they stand, and
equal ones share their class.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, assert_never

from sandbox.candid.mapping import is_omissible, is_tuple, key
from sandbox.candid.stubs.names import Names, is_name
from sandbox.candid.types import Field, Func, Opt, Prim, Record, Ref, Service, Variant, Vec, unfold

if TYPE_CHECKING:
    from sandbox.candid.types import Env, Type

_WORD: Final = re.compile(r"\w+")
_TEXT: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_PRIMITIVES: Final = {
    **dict.fromkeys(Prim, "int"),
    Prim.NULL: "None",
    Prim.BOOL: "bool",
    Prim.FLOAT32: "float",
    Prim.FLOAT64: "float",
    Prim.TEXT: "str",
    Prim.RESERVED: "object",
    Prim.EMPTY: "Never",
    Prim.PRINCIPAL: "Principal",
}


@dataclass(slots=True)
class TypeWriter:
    """Writes the types of an environment; ``blocks`` collects the definitions."""

    env: Env
    names: Names
    blocks: list[str] = field(default_factory=list)
    _named: dict[str, str] = field(default_factory=dict)
    _anonymous: dict[Type, str] = field(default_factory=dict)

    def define_all(self) -> None:
        """Write every named type under its own name."""
        self._named = {name: self.names.claim(name) for name in self.env}
        for name, of in self.env.items():
            self._define(name, self._named[name], of)

    def alias(self, wish: str, expression: str) -> str:
        """Give an expression a name of its own."""
        name = self.names.claim(wish)
        self.blocks.append(f"{name}: TypeAlias = {literal(expression)}\n")
        return name

    def expression(self, of: Type, place: str) -> str:
        """Return a type as Python writes it; ``place`` names the classes it needs."""
        match of:
            case Prim():
                result = _PRIMITIVES[of]
            case Ref(name):
                result = self._named[name]
            case Opt(inner):
                result = self._opt(inner, place)
            case Vec(inner):
                is_blob = unfold(inner, self.env) is Prim.NAT8
                result = "bytes" if is_blob else f"list[{self.expression(inner, place)}]"
            case Record(fields):
                result = self._record(of, fields, place)
            case Variant(fields):
                result = self._variant(fields, place)
            case Func():
                result = "FuncRef"
            case Service():
                result = "ServiceRef"
            case _:
                assert_never(of)
        return result

    def _define(self, candid_name: str, name: str, of: Type) -> None:
        if isinstance(of, Record) and _has_class(of.fields):
            self._class(name, of.fields)
            return
        place = candid_name if isinstance(of, Variant) else f"{candid_name}_value"
        self.blocks.append(f"{name}: TypeAlias = {literal(self.expression(of, place))}\n")

    def _opt(self, inner: Type, place: str) -> str:
        if is_omissible(inner, self.env):
            return "Some | None"
        return f"{self.expression(inner, place)} | None"

    def _record(self, of: Record, fields: tuple[Field, ...], place: str) -> str:
        if is_tuple(fields):
            parts = [self.expression(each.type, f"{place}_{each.id}") for each in fields]
            return f"tuple[{', '.join(parts)}]"
        if not _has_class(fields):
            return "dict[str | int, object]"
        if of not in self._anonymous:
            self._anonymous[of] = self.names.claim(place)
            self._class(self._anonymous[of], fields)
        return self._anonymous[of]

    def _variant(self, fields: tuple[Field, ...], place: str) -> str:
        tags = [each for each in fields if each.type is Prim.NULL]
        literals = ", ".join(literal(key(each)) for each in tags)
        cases = [self._case(each, place) for each in fields if each.type is not Prim.NULL]
        return " | ".join([f"Literal[{literals}]"] * bool(tags) + cases) or "Never"

    def _case(self, case: Field, place: str) -> str:
        if case.name is None:
            return f"dict[int, {self.expression(case.type, f'{place}_{case.id}')}]"
        single = Record((case,))
        if single not in self._anonymous:
            name = self.names.claim(f"{place}_{case.name}")
            self._anonymous[single] = name
            content = self.expression(case.type, f"{name}_value")
            self.blocks.append(_typed_dict(name, {case.name: content}, is_final=True))
        return self._anonymous[single]

    def _class(self, name: str, fields: tuple[Field, ...]) -> None:
        contents: dict[str, str] = {}
        for each in fields:
            content = self.expression(each.type, f"{name}_{each.name}")
            if is_omissible(each.type, self.env):
                content = f"NotRequired[{content}]"
            contents[str(each.name)] = content
        self.blocks.append(_typed_dict(name, contents))


def several(expressions: list[str]) -> str:
    """Return what Python has for a list of results: nothing, the one, or a tuple."""
    if not expressions:
        return "None"
    return expressions[0] if len(expressions) == 1 else f"tuple[{', '.join(expressions)}]"


def names_in(expression: str) -> set[str]:
    """Return the names an expression refers to; texts in it are none."""
    return set(_WORD.findall(_TEXT.sub("", expression)))


def _has_class(fields: tuple[Field, ...]) -> bool:
    """Say whether a record is a class: all its fields have names."""
    return all(each.name is not None for each in fields)


def _typed_dict(name: str, contents: dict[str, str], *, is_final: bool = False) -> str:
    """Write a class; as a call where a field's name would not do in a class."""
    words = {word for content in contents.values() for word in names_in(content)}
    if not all(is_name(key) and key not in words for key in contents):
        entries = "".join(f"    {literal(k)}: {literal(v)},\n" for k, v in contents.items())
        return f"{name} = TypedDict({literal(name)}, {{\n{entries}}})\n"
    lines = [f"    {key}: {content}\n" for key, content in contents.items()]
    # Only of a final class mypy knows that `"Ok" in result` tells the cases apart.
    head = "@final\n" if is_final else ""
    return f"{head}class {name}(TypedDict):\n" + ("".join(lines) or "    pass\n")


def literal(value: str | int) -> str:
    """Write a Python literal, a text in double quotes where they need no escape."""
    text = repr(value)
    return f'"{text[1:-1]}"' if text.startswith("'") and '"' not in text else text
