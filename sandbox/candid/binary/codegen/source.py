"""The text of a generated function, and the functions that are compiled when first called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

# Plain calls of recursive types before ``trampoline.run`` takes over. Enough for nearly all
# data, and little of the 1,000 frames Python allows.
DIRECT_CALLS: Final = 40
# Arguments and results of generated functions are known to the generated code only.
Function: TypeAlias = Callable[..., Any]

_INDENT: Final = "    "


class Source:
    """The text of one function, line by line."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._level = 0
        self._variables = 0

    def line(self, text: str) -> None:
        """Append one line at the current indentation."""
        self._lines.append(_INDENT * self._level + text)

    @contextmanager
    def block(self, opening: str) -> Iterator[None]:
        """Indent what is written inside the ``with`` under the line ``opening``."""
        self.line(opening)
        self._level += 1
        yield
        self._level -= 1

    def variable(self) -> str:
        """Return a name that is not yet used in this function."""
        self._variables += 1
        return f"x{self._variables}"

    @property
    def level(self) -> int:
        """How many blocks are open."""
        return self._level

    def text(self) -> str:
        """Return everything written so far."""
        return "\n".join(self._lines) + "\n"


class Functions:
    """Generated functions that call each other through one namespace.

    helpers: what the generated code uses, by name.
    """

    def __init__(self, helpers: Mapping[str, object]) -> None:
        self._namespace: dict[str, Any] = dict(helpers)

    def bind(self, value: object) -> str:
        """Return a new name for ``value``."""
        name = f"k{len(self._namespace)}"
        self._namespace[name] = value
        return name

    def declare(self, name: str, write: Callable[[str], str]) -> Function:
        """Return function ``name``; ``write(name)`` gives its text when it is first called."""
        if name not in self._namespace:
            self._namespace[name] = self._stub(name, write)
        function: Function = self._namespace[name]
        return function

    def _stub(self, name: str, write: Callable[[str], str]) -> Function:
        def first_call(*arguments: object) -> object:
            if self._namespace[name] is first_call:
                code = compile(write(name), f"<candid {name}>", "exec")
                exec(code, self._namespace)  # noqa: S102 - our own text, no user text in it
            return self._namespace[name](*arguments)

        return first_call
