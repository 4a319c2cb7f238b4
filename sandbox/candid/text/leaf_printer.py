"""Values without parts as text: numbers, texts, blobs and references.

Each is converted by a table to the one Python type its spelling takes, so that what
a user may write (an id as text, a number type of numpy) prints like what is read.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Final

from sandbox.candid.errors import CandidEncodeError
from sandbox.candid.syntax import spelling
from sandbox.candid.text.literal_typer import shown_type
from sandbox.candid.types import Func, Prim, Service
from sandbox.candid.values import FuncRef, ServiceRef, Value
from sandbox.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.candid.place import Place
    from sandbox.candid.types import Type

# What needs its type beside it to read back as the same value.
ANNOTATED: Final = frozenset(Prim) - {Prim.BOOL, Prim.TEXT, Prim.PRINCIPAL, Prim.EMPTY}


def leaf(value: Value, prim: Prim, at: Place) -> str:
    """Write a value of a primitive type, with the type where it needs it.

    Raises: CandidEncodeError.
    """
    text = spelled(_SPELLINGS[prim], _CONVERSIONS[prim], value, prim, at)
    return f"{text} : {prim.value}" if prim in ANNOTATED else text


def spelled(
    spell: Callable[[Value], str],
    convert: Callable[[Value], Value],
    value: Value,
    of: Type,
    at: Place,
) -> str:
    """Convert a value to its Python type and write it.

    Raises: CandidEncodeError when the conversion does not take it.
    """
    try:
        return spell(convert(value))
    except (TypeError, ValueError, OverflowError) as error:
        raise CandidEncodeError(at.path(), shown_type(of), value, str(error)) from error


def reference(value: Value, of: Type | None, at: Place) -> str:
    """Write a reference to a service or function.

    Raises: CandidEncodeError.
    """
    assert isinstance(of, Func | Service)
    if isinstance(of, Service):
        return spelled(lambda p: f'service "{p}"', _service, value, of, at)
    return spelled(lambda f: f'func "{f[0]}".{spelling.name(f[1])}', _func, value, of, at)


def _service(value: Value) -> Principal:
    return Principal(value.principal if isinstance(value, ServiceRef) else value)


def _func(value: Value) -> tuple[Principal, str]:
    principal, method = (value.principal, value.method) if isinstance(value, FuncRef) else value
    return Principal(principal), method


def _exactly(kind: type) -> Callable[[Value], Value]:
    def check(value: Value) -> Value:
        if not isinstance(value, kind):
            raise TypeError(f"it must be a {kind.__name__}")
        return value

    return check


def _number(value: Value) -> int:
    if isinstance(value, bool):
        raise TypeError("a bool is no number")
    return index(value)


def _nothing(value: Value) -> Value:
    raise TypeError(f"no value has this type, so {value!r:.40} has not")


_CONVERSIONS: Final[dict[Prim, Callable[[Value], Value]]] = {
    **dict.fromkeys(Prim, _number),
    Prim.FLOAT32: float,
    Prim.FLOAT64: float,
    Prim.BOOL: _exactly(bool),
    Prim.TEXT: _exactly(str),
    Prim.NULL: _exactly(type(None)),
    Prim.RESERVED: lambda _: None,
    Prim.PRINCIPAL: Principal,
    Prim.EMPTY: _nothing,
}
_SPELLINGS: Final[dict[Prim, Callable[[Value], str]]] = {
    **dict.fromkeys(Prim, spelling.integer),
    Prim.FLOAT32: spelling.float32,
    Prim.FLOAT64: spelling.float64,
    Prim.BOOL: lambda value: "true" if value else "false",
    Prim.TEXT: spelling.quoted,
    Prim.NULL: lambda _: "null",
    Prim.RESERVED: lambda _: "null",
    Prim.PRINCIPAL: lambda value: f'principal "{value}"',
}
