"""Docstrings as Markdown, by the habits of this project (CONTRIBUTING.md).

``code`` becomes `code`; a line that begins with names and a colon (``did: the interface``,
``Raises: UsageError``) becomes an item of a list, with the indented lines below it, and so
does ``name``  with two spaces behind it; what is indented after an empty line, and ``>>>``,
is code; a table of ``====`` is kept as it is.
"""

from __future__ import annotations

import re
from inspect import cleandoc
from itertools import groupby
from textwrap import dedent
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_SECTIONS: Final = ("Raises", "Requires", "On failure", "Returns", "Source", "Warns")
_LABEL: Final = re.compile(r"([A-Za-z_][\w ]*(?:, \w+)*): (?=\S)|``(\w+)``  +")


def markdown(docstring: str, names: Collection[str] = ()) -> str:
    """Return a docstring as Markdown.

    names: parameters and fields; only they, and the sections, begin an item.
    """
    blocks = [block for block in re.split(r"\n\n+", cleandoc(docstring)) if block]
    texts = []
    for kind, alike in groupby(blocks, _kind):
        text = "\n\n".join(alike)
        if kind == "prose":
            found = "\n".join(_lines(text.splitlines(), frozenset(names)))
            text = re.sub(r"::$", ":", re.sub(r"``(.+?)``", r"`\1`", found), flags=re.MULTILINE)
            texts.append(re.sub(r"\n{3,}", "\n\n", text).strip())
        else:
            texts.append(f"```{kind}\n{dedent(text)}\n```")
    # Items with empty lines between them would be set as paragraphs.
    return re.sub(
        r"^(\* .*(?:\n  .*)*)\n\n(?=\* )", r"\1\n", "\n\n".join(texts), flags=re.MULTILINE
    )


def _kind(block: str) -> str:
    if block.startswith(("    ", ">>>")):
        return "python"
    return "text" if block.startswith("===") else "prose"


def _lines(lines: list[str], names: frozenset[str]) -> Iterator[str]:
    is_item = False
    for line in _one_item_each(lines, names):
        label, rest = _labelled(line, names)
        if label:
            yield from () if is_item else ("",)
            yield f"* **{label}**: {rest}"
        elif is_item and line.startswith(" "):
            yield f"  {line.strip()}"
            continue
        else:
            yield from ("",) if is_item and line else ()
            yield line
        is_item = bool(label)


def _one_item_each(lines: list[str], names: frozenset[str]) -> Iterator[str]:
    """Yield lines, divided where a second item begins: ``low: the first. high: the last.``."""
    begins = rf"(?<=[.;]) (?=(?:{'|'.join(names)}): )" if names else r"(?!)"
    for line in lines:
        yield from re.split(begins, line)


def _labelled(line: str, names: frozenset[str]) -> tuple[str, str]:
    """Return an item's label and what follows; an empty label where none begins."""
    found = _LABEL.match(line)
    if found is None:
        return "", line
    label = found[1] or found[2]
    is_known = label in _SECTIONS or names.issuperset(label.split(", "))
    return (label, line[found.end() :]) if found[2] or is_known else ("", line)
