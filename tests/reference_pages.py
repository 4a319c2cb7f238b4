"""docs/reference, made from the docstrings: ``python tests/reference_pages.py`` writes it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Self

import pytest

from canister_fixtures.plugin import pytest_addoption
from definitions import Definition, module_docstring, resolved
from docstring_markdown import markdown

PAGES: Final = Path(__file__).parents[1] / "docs" / "reference"
_MADE_BY: Final = "Made from the docstrings by `python tests/reference_pages.py`."


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page.

    modules: packages, each with all it offers, or ``module.name``.
    first: names that stand before the others. about: modules whose docstrings introduce it.
    text: what else there is to say.
    """

    title: str
    modules: tuple[str, ...]
    first: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    text: str = ""

    def names(self) -> dict[str, Definition | None]:
        """Return names and what defines them; None for a module."""
        found: dict[str, Definition | None] = {}
        for path in self.modules:
            module, _, name = path.rpartition(".")
            definition = resolved(module, name)
            if definition is not None:
                found[name] = definition
            else:
                public = (*self.first, *import_module(path).__all__)
                found |= {one: resolved(path, one) for one in public}
        return found


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the reference."""

    title: str
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return f"# {self.title}\n\n{_MADE_BY}\n" + "".join(map(self._part, self.parts))

    def links(self, part: Part, file: str = "") -> str:
        """Return links to all names of a part."""
        anchors = self._anchors()
        names = sorted(part.names(), key=str.lower)
        return ",\n".join(f"[{name}]({file}#{anchors[part.title, name]})" for name in names)

    def _anchors(self) -> dict[tuple[str, str], str]:
        """Return where a name of a part is; GitHub numbers headings that are alike."""
        seen: Counter[str] = Counter([anchor_of(self.title)])
        found = {}
        for part in self.parts:
            for heading in (part.title, *part.names()):
                anchor = anchor_of(heading)
                found[part.title, heading] = f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor
                seen[anchor] += 1
        return found

    def _anchors(self) -> dict[tuple[str, str], str]:
        """Return where a name of a part is; GitHub numbers headings that are alike."""
        seen: Counter[str] = Counter([anchor_of(self.title)])
        found = {}
        for part in self.parts:
            for heading in (part.title, *part.names()):
                anchor = anchor_of(heading)
                found[part.title, heading] = f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor
                seen[anchor] += 1
        return found

    def _part(self, part: Part) -> str:
        about = "\n\n".join(markdown(module_docstring(module)) for module in part.about)
        pieces = (f"\n## {part.title}", about, part.text, self.links(part))
        head = "\n\n".join(filter(None, pieces))
        return head + "\n" + "".join(_entry(*item) for item in part.names().items())


class _Options(list[str]):
    """Stands where pytest's parser does, and writes down what is added."""

    def getgroup(self, _name: str) -> Self:
        return self

    def addoption(self, name: str, **about: Any) -> None:
        values = "|".join(about.get("choices", ())) or about.get("metavar", "")
        default = f" (default: {about['default']})" if "choices" in about else ""
        self.append(f"* `{f'{name} {values}'.strip()}`{default}: {about['help']}")


def _options() -> str:
    options = _Options()
    pytest_addoption(options, pytest.PytestPluginManager())  # type: ignore[arg-type]  # enough
    return "\n".join(options)


REFERENCE: Final = {
    "sandbox.md": Page("Python: the sandbox", (
        Part("sandbox", ("sandbox",), first=("Sandbox", "Canister"), about=("sandbox",)),
        Part("What a sandbox and its canisters give", (
            "sandbox.snapshots.SnapshotDesk",
            "sandbox.management.facade.ManagementCanister",
            "sandbox.world.outcalls.Outcalls",
            "sandbox.canistermemory.CanisterMemory",
            "sandbox.handle.managing.CanisterStatus",
            "sandbox.execution.lifecycle.InstallReport",
        )),
        Part("What a sandbox takes", (
            "sandbox.limits.MAINNET",
            "sandbox.limits.STRICT",
            "sandbox.limits.SYSTEM",
            "sandbox.limits.GENEROUS",
            "sandbox.cycles.prices.MAINNET_13_NODES",
            "sandbox.durable.directory.WorldDirectory",
            "sandbox.engine.compiler.Compiler",
            "sandbox.engine.cache.CompileCache",
        )),
        Part(
            "sandbox.certification",
            ("sandbox.certification",),
            first=("verified", "Certificate"),
            about=("sandbox.certification",),
        ),
        Part("sandbox.profiling", ("sandbox.profiling",), about=("sandbox.profiling",)),
        Part("Types in signatures", (
            "sandbox.sandbox.PrincipalLike",
            "sandbox.execution.modules.Source",
            "sandbox.snapshots.StoreLike",
        )),
    )),
    "canister_fixtures.md": Page("Python: tests with pytest", (
        Part("Fixtures", tuple(
            f"canister_fixtures.plugin.{name}"
            for name in ("ic", "ic_options", "golden", "budget", "rehearse")
        )),
        Part("What some of them return", (
            "canister_fixtures.budgets.Budget",
            "canister_fixtures.budgets.Cost",
            "canister_fixtures.outcomes.Expected",
        )),
        Part("Options of pytest", (), text=_options()),
        Part("canister_fixtures", ("canister_fixtures",), about=("canister_fixtures",)),
    )),
    "rehearsal.md": Page("Python: rehearsals", (
        Part(
            "sandbox.rehearsal",
            ("sandbox.rehearsal",),
            first=("rehearse", "Plan", "Rehearsal"),
            about=("sandbox.rehearsal",),
        ),
    )),
    "candid.md": Page("Python: Candid", (
        Part(
            "sandbox.candid",
            ("sandbox.candid",),
            first=("encode", "decode"),
            about=("sandbox.candid", "sandbox.candid.values"),
        ),
        Part("sandbox.candid.strategies", tuple(
            f"sandbox.candid.strategies.{name}"
            for name in ("values", "arguments", "principals")
        ), about=("sandbox.candid.strategies",)),
    )),
    "snapshot.md": Page("Python: looking into states, stores, directories", tuple(
        Part(package, (package,), about=(package,))
        for package in ("snapshot.insight", "snapshot.store", "snapshot.directory")
    )),
}  # fmt: skip


def rendered() -> dict[str, str]:
    """Return the pages by file name."""
    return {"README.md": _overview()} | {name: str(page) for name, page in REFERENCE.items()}


def _overview() -> str:
    lines = ["# Reference", "", _MADE_BY]
    for file, page in REFERENCE.items():
        lines += ["", f"## [{page.title}]({file})"]
        for part in filter(Part.names, page.parts):
            lines += ["", f"{part.title}:", page.links(part, file)]
    lines += ["", "See also [the command line](../cli.md) and [findings](../findings/README.md)."]
    return "\n".join(lines) + "\n"


def _part(part: Part) -> str:
    is_package = resolved(*part.modules[0].rpartition(".")[::2]) is None
    intro = markdown(module_docstring(part.modules[0])) if is_package else ""
    head = "\n\n".join(filter(None, (f"\n## {part.title}", intro, _links(part))))
    return head + "\n" + "".join(_entry(name, found) for name, found in part.names())


def _links(part: Part, file: str = "") -> str:
    names = sorted((name for name, _ in part.names()), key=str.lower)
    return ",\n".join(f"[{name}]({file}#{anchor_of(name)})" for name in names)


def anchor_of(heading: str) -> str:
    """Return where a heading is, as GitHub writes it."""
    return re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")


def _entry(name: str, found: Definition | None) -> str:
    if found is None:
        return f"\n### `{name}`\n\nA module: see [{name}.md]({name}.md).\n"
    members = (
        _section("####", f"{name}.{member}", definition, found.names)
        for member, definition in found.members()
    )
    return _section("###", name, found) + "".join(members)


def _section(
    level: str, title: str, found: Definition, more_names: frozenset[str] = frozenset()
) -> str:
    text = markdown(found.docstring, found.names | more_names)
    return f"\n{level} `{title}`\n\n```python\n{found.code}\n```\n\n{text}".rstrip() + "\n"


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    for file_name, text in rendered().items():
        (PAGES / file_name).write_text(text, "utf-8")
