"""Types and interfaces as text, laid out as didc does.

What is printed reads back as the same value: ``parse_interface(format_interface(i)) == i``.
Argument names and comments are not part of a type, so they are not in the text either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from sandbox.candid.syntax import spelling
from sandbox.candid.syntax.layout import Document, Nest, enclose, render
from sandbox.candid.types import (
    Field,
    Func,
    Mode,
    Opt,
    Prim,
    Record,
    Ref,
    Service,
    Variant,
    Vec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.candid.types import Interface, Type

_WIDTH: Final = 80


def format_type(of: Type, *, width: int = _WIDTH) -> str:
    """Write one type, for example ``opt record { owner : principal }``."""
    return render(_type(of), width)


def format_types(types: Iterable[Type], *, width: int = _WIDTH) -> str:
    """Write an argument list, for example ``(nat, opt text)``."""
    return render(_arguments(types), width)


def format_interface(interface: Interface, *, width: int = _WIDTH) -> str:
    """Write a whole ``.did`` text; it ends with a newline."""
    parts = [(f"type {name} = ", _type(of), ";") for name, of in interface.env.items()]
    if interface.service is not None:
        init = () if interface.init is None else (_arguments(interface.init), " -> ")
        parts.append(("service : ", (*init, _service(interface.service)), ""))
    return "".join(render(part, width) + "\n" for part in parts)


def _service(service: Service | Ref) -> Document:
    return service.name if isinstance(service, Ref) else _methods(service.methods)


def _type(of: Type) -> Document:
    document: Document
    match of:
        case Prim():
            document = of.value
        case Ref(name):
            document = name
        case Vec(Prim.NAT8):
            document = "blob"
        case Vec(inner):
            document = ("vec ", _type(inner))
        case Opt(inner):
            document = ("opt ", _type(inner))
        case Record(fields):
            document = ("record ", _record(fields))
        case Variant(fields):
            document = ("variant ", enclose("{", [_case(field) for field in fields], ";", "}"))
        case Func():
            document = ("func ", _func(of))
        case Service(methods):
            document = ("service ", _methods(methods))
        case _:
            assert_never(of)
    return document


def _record(fields: tuple[Field, ...]) -> Document:
    if is_tuple(fields):
        return enclose("{", [_type(field.type) for field in fields], ";", "}")
    return enclose("{", [_field(field) for field in fields], ";", "}")


def is_tuple(fields: tuple[Field, ...]) -> bool:
    """Say whether a record's labels can be left out: they are 0, 1, 2 and so on."""
    return all(field.name is None and field.id == i for i, field in enumerate(fields))


def _field(field: Field) -> Document:
    return (spelling.label(field.id, field.name), " : ", _type(field.type))


def _case(field: Field) -> Document:
    if field.type is Prim.NULL:
        return spelling.label(field.id, field.name)
    return _field(field)


def _func(func: Func) -> Document:
    modes = "".join(f" {mode.value}" for mode in Mode if mode in func.modes)
    return Nest((_arguments(func.args), " -> ", _arguments(func.results), modes))


def _arguments(types: Iterable[Type]) -> Document:
    return enclose("(", [_type(of) for of in types], ",", ")")


def _methods(methods: tuple[tuple[str, Func | Ref], ...]) -> Document:
    return enclose("{", [_method(name, of) for name, of in methods], ";", "}")


def _method(name: str, of: Func | Ref) -> Document:
    return (spelling.name(name), " : ", _func(of) if isinstance(of, Func) else of.name)
