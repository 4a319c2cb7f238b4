"""Text and tables as markup.

Whatever comes from a canister goes through ``text``: it is shown, never interpreted.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def text(value: object) -> str:
    """Return a value as text that is safe in markup and attributes."""
    return escape(str(value), quote=True)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of text cells; columns that are empty throughout are left out."""
    listed = [list(row) for row in rows]
    kept = [at for at in range(len(head)) if at == 0 or any(row[at] for row in listed)]
    if kept == [0, len(head) - 1]:
        head = [""] * len(head)  # only one state is told of: "after" would say too much
    titles = "".join(f"<th>{text(head[at])}</th>" for at in kept if head[at])
    body = "".join(
        "<tr>" + "".join(_cell(head[at], row[at], is_first=at == 0) for at in kept) + "</tr>"
        for row in listed
    )
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _cell(name: str, value: str, *, is_first: bool) -> str:
    label = "" if is_first or not name else f' data-name="{text(name)}"'
    return f'<td class="mono"{label}>{text(value)}</td>'
