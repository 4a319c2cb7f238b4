"""Public names found in the source: what defines them, how it is called, what it says.

Read as text and never run, so that a signature is shown as it was written.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHECKOUT: Final = Path(__file__).parents[1]
_ROOTS: Final = (_CHECKOUT, _CHECKOUT / "fixtures")
_SHOWN_DECORATORS: Final = ("classmethod", "staticmethod", "contextmanager")
_SHOWN_OPERATORS: Final = ("__call__", "__getattr__", "__getitem__", "__len__")
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Definition:
    """A function, a class or a constant in its module."""

    module: str
    node: ast.stmt

    @property
    def docstring(self) -> str:
        """What it says of itself; for a constant, the comment above it."""
        if isinstance(self.node, Function | ast.ClassDef):
            return ast.get_docstring(self.node) or ""
        return "\n".join(self._comment_above())

    @property
    def code(self) -> str:
        """How it is called: a signature; fields, members or bases of a class; a constant."""
        match self.node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self._signature(self.node, self.node.name)
            case ast.ClassDef():
                return self._class_code(self.node)
        first = _source(self.module)[self.node.lineno - 1]
        return re.sub(r"\s*[({\[]$", " …", first)

    @property
    def names(self) -> frozenset[str]:
        """Parameters and fields: what the docstring may explain."""
        found = {name for name, _ in self.members()}
        for node in self._own_nodes():
            if isinstance(node, Function):
                given = node.args
                all_of_them = [*given.posonlyargs, *given.args, *given.kwonlyargs]
                all_of_them += filter(None, (given.vararg, given.kwarg))
                found |= {one.arg for one in all_of_them}
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
                found |= {one.attr for one in node.targets if isinstance(one, ast.Attribute)}
        return frozenset(found)

    def members(self) -> Iterator[tuple[str, Definition]]:
        """Yield a class's documented methods and properties, those of its bases after them."""
        seen: set[str] = set()
        for class_ in self._with_bases():
            for node in getattr(class_.node, "body", ()):
                if isinstance(node, Function) and _is_shown(node) and node.name not in seen:
                    seen.add(node.name)
                    yield node.name, Definition(class_.module, node)

    def _own_nodes(self) -> Iterator[ast.AST]:
        if isinstance(self.node, ast.ClassDef):
            for node in self.node.body:
                if isinstance(node, ast.AnnAssign):
                    yield node
                elif isinstance(node, Function) and node.name == "__init__":
                    yield from ast.walk(node)
        else:
            yield self.node

    def _with_bases(self) -> Iterator[Definition]:
        if not isinstance(self.node, ast.ClassDef):
            return
        yield self
        for base in self.node.bases:
            found = resolved(self.module, base.id) if isinstance(base, ast.Name) else None
            if found is not None and isinstance(found.node, ast.ClassDef):
                yield from found._with_bases()

    def _class_code(self, class_: ast.ClassDef) -> str:
        bases = ", ".join(map(ast.unparse, class_.bases))
        head = f"class {class_.name}({bases})" if bases else f"class {class_.name}"
        fields = [
            self._text(node)
            for node in class_.body
            if isinstance(node, ast.AnnAssign | ast.Assign) and not _is_private(node)
        ]
        if fields:
            return "\n".join([f"{head}:", *fields])
        for node in class_.body:
            is_init = isinstance(node, ast.FunctionDef) and node.name == "__init__"
            if is_init and self._explains(node):
                return self._signature(node, class_.name).removesuffix(" -> None")
        return head

    def _explains(self, init: ast.FunctionDef) -> bool:
        """Whether the class says what its parameters are: users may make one."""
        names = (one.arg for one in init.args.args + init.args.kwonlyargs)
        return any(f"{name}: " in self.docstring for name in names)

    def _signature(self, function: Function, name: str) -> str:
        first, last = function.lineno - 1, function.body[0].lineno - 1
        text = dedent("\n".join(_source(self.module)[first:last]))
        text = text[: text.rindex(":")]
        text = re.sub(rf"^(async )?def {function.name}", name, text)
        text = re.sub(r"  # (noqa|type: ignore).*", "", text)
        kinds = [ast.unparse(one) for one in function.decorator_list]
        if {"property", "cached_property"} & set(kinds):
            return text.replace("(self) -> ", ": ")
        for kind in kinds:
            if kind.startswith("pytest.fixture"):  # asked for by name; what it needs is pytest's
                shown = kind.replace("'", '"')
                return f"@{shown}\n{name} -> {ast.unparse(function.returns or ast.Constant(None))}"
        text = re.sub(r"\((\s*)(self|cls)(, |,\s+)?", r"(\1", text, count=1)
        shown = [f"@{kind}" for kind in kinds if kind in _SHOWN_DECORATORS]
        return "\n".join([*shown, text])

    def _text(self, node: ast.stmt) -> str:
        return "\n".join(_source(self.module)[node.lineno - 1 : node.end_lineno])

    def _comment_above(self) -> list[str]:
        lines, at = _source(self.module), self.node.lineno - 1
        above = at
        while lines[above - 1].startswith("#"):
            above -= 1
        return [line.removeprefix("#").strip() for line in lines[above:at]]


@cache
def resolved(module: str, name: str) -> Definition | None:
    """Return what a name stands for in a module of ours, None for what others define."""
    path = _path(module)
    if path is None:
        return None
    nodes = list(_statements(ast.parse("\n".join(_source(module))).body))
    for node in nodes:
        if isinstance(node, Function | ast.ClassDef) and node.name == name:
            return Definition(module, node)
        if isinstance(node, ast.Assign | ast.AnnAssign) and name in _targets(node):
            return Definition(module, node)
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name and node.module != module:
                    return resolved(node.module, alias.name)
    return None


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, those under ``if TYPE_CHECKING`` too."""
    for node in body:
        if isinstance(node, ast.If):
            yield from _statements(node.body)
        else:
            yield node


def module_docstring(module: str) -> str:
    """Return what a module says of itself."""
    return ast.get_docstring(ast.parse("\n".join(_source(module)))) or ""


@cache
def _source(module: str) -> list[str]:
    path = _path(module)
    assert path is not None, f"{module} is ours"
    return path.read_text("utf-8").splitlines()


def _path(module: str) -> Path | None:
    for root in _ROOTS:
        place = root.joinpath(*module.split("."))
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return path
    return None


def _targets(node: ast.Assign | ast.AnnAssign) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {one.id for one in targets if isinstance(one, ast.Name)}


def _is_private(node: ast.Assign | ast.AnnAssign) -> bool:
    return all(name.startswith("_") for name in _targets(node))


def _is_shown(node: Function) -> bool:
    is_setter = any(ast.unparse(one).endswith(".setter") for one in node.decorator_list)
    is_public = not node.name.startswith("_") or node.name in _SHOWN_OPERATORS
    return is_public and not is_setter and ast.get_docstring(node) is not None
