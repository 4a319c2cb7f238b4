"""The methods of a service as a ``Protocol``.

Inside the class a method hides whatever has its name outside (a method ``list`` hides
Python's own), so a signature that needs a hidden name gets an alias before the class.
A query takes no cycles, as on the IC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.candid.language.pretty import format_type
from sandbox.candid.stubs.expressions import TypeWriter, names_in, several
from sandbox.candid.stubs.names import is_name
from sandbox.candid.types import Func, Mode, Ref, unfold

if TYPE_CHECKING:
    from sandbox.candid.types import Type

_LINE_CHARS: Final = 88
_ON_ONE_LINE: Final = 1_000_000


@dataclass(slots=True)
class MethodWriter:
    """Writes the class; ``hidden`` are the names of its methods."""

    types: TypeWriter
    hidden: frozenset[str]
    _caller: str = ""

    def protocol(self, name: str, methods: tuple[tuple[str, Func | Ref], ...]) -> str:
        """Return the class as text; what it needs goes into the types before it."""
        self._caller = self.types.alias("Caller", "Principal | str | None")
        parts = [self._method(method, of) for method, of in methods]
        if not any(is_name(method) for method, _ in methods):
            parts.append("    pass\n")
        return f"class {name}(Protocol):\n" + "\n".join(parts)

    def _method(self, name: str, of: Func | Ref) -> str:
        if not is_name(name):
            return f"    # {name!r} is no Python name: call it by its text.\n"
        func = unfold(of, self.types.env)
        assert isinstance(func, Func)  # the grammar has seen to it
        place = f"{name}_result"
        result = several([self.types.expression(each, place) for each in func.results])
        head = _head(name, self._parameters(name, func), self._visible(result, place))
        return f'{head}        """{_documentation(func)}"""\n        ...\n'

    def _parameters(self, name: str, func: Func) -> list[str]:
        numbers = range(len(func.args))
        names = ["argument"] if len(numbers) == 1 else [f"argument{n}" for n in numbers]
        given = [
            f"{each}: {self._argument(name, of)}"
            for each, of in zip(names, func.args, strict=False)
        ]
        options = [f"caller: {self._caller} = None"]
        if not func.modes & {Mode.QUERY, Mode.COMPOSITE_QUERY}:
            options.append(f"cycles: {self._visible('int', 'Cycles')} = 0")
        return ["self", *given, "/", "*", *options]

    def _argument(self, name: str, of: Type) -> str:
        place = f"{name}_argument"
        return self._visible(self.types.expression(of, place), place)

    def _visible(self, expression: str, wish: str) -> str:
        """Return an expression that means inside the class what it means outside."""
        if self.hidden.isdisjoint(names_in(expression)):
            return expression
        return self.types.alias(wish, expression)


def _head(name: str, parameters: list[str], result: str) -> str:
    inline = ", ".join(parameters)
    if len(line := f"    def {name}({inline}) -> {result}:\n") <= _LINE_CHARS:
        return line
    if len(line := f"        {inline}\n") <= _LINE_CHARS:
        return f"    def {name}(\n{line}    ) -> {result}:\n"
    lines = "".join(f"        {parameter},\n" for parameter in parameters)
    return f"    def {name}(\n{lines}    ) -> {result}:\n"


def _documentation(func: Func) -> str:
    """Return the signature as Candid has it, fit to stand in a docstring."""
    signature = format_type(func, width=_ON_ONE_LINE).removeprefix("func ")
    return signature.replace("\\", "\\\\").replace('"', '\\"')
