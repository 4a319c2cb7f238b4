"""A difference as one HTML page: what changed in numbers, pictures and hexdumps.

Stands alone: no script, no other file, nothing fetched.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from snapshot.insight.hexdump import change_dump
from snapshot.insight.parts import changes_by_part, part_names
from snapshot.insight.picture import LEGEND, cells, svg
from snapshot.insight.stable import recognise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sandbox.execution.canister import Held
    from snapshot.content import Content
    from snapshot.insight.diff import Change, Difference, MemoryDiff
    from snapshot.insight.parts import PartChange

_SHOWN_CHANGES: Final = 200
_STYLE: Final = (
    ":root{color-scheme:light dark;--line:#8884;--old:#b3261e;--new:#1b7a3d}"
    "@media(prefers-color-scheme:dark){:root{--old:#ff8a80;--new:#7bd88f}}"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "h1{font-size:1.4em}h2{font-size:1.15em;margin-top:2em}"
    "table{border-collapse:collapse;display:block;overflow-x:auto}"
    "td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid var(--line)}"
    "pre{font-size:13px;overflow-x:auto}del,ins{text-decoration:none}"
    "del{color:var(--old)}ins{color:var(--new)}"
    "svg{max-width:100%;height:auto;background:#fff;border-radius:4px}"
    ".key span{display:inline-block;width:.9em;height:.9em;margin:0 .3em 0 1em;"
    "vertical-align:-.1em;border:1px solid var(--line)}"
)


def html(found: Difference, before: Content, after: Content, *, title: str) -> str:
    """Return the page. found: ``diff(before, after)``."""
    body = [
        f"<h1>{escape(title)}</h1>",
        *_small_parts(found),
        *_memory("Heap", found.heap, before.heap, after.heap),
        *_memory("Stable memory", found.stable, before.stable, after.stable),
        *_parts(changes_by_part(found.stable, recognise(after.stable))),
    ]
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title>\n"
        f"<style>{_STYLE}</style>\n" + "\n".join(body) + "\n</html>\n"
    )


def _small_parts(found: Difference) -> Iterator[str]:
    rows = [
        (item.name, str(item.before and item.before.number), str(item.after and item.after.number))
        for item in found.globals
    ]
    rows += [(item.name, item.before, item.after) for item in found.fields]
    if found.is_same:
        yield "<p>The two states are the same.</p>"
    elif rows:
        yield _table(("what", "before", "after"), rows)


def _memory(name: str, found: MemoryDiff, before: Held, after: Held) -> Iterator[str]:
    yield f"<h2>{name}</h2>"
    size = max(found.size_before, found.size_after)
    if not size:
        yield "<p>Empty in both.</p>"
        return
    yield _table(
        ("before", "after", "OS pages changed", "bytes changed"),
        [
            (
                f"{found.size_before:,}",
                f"{found.size_after:,}",
                f"{found.pages_changed:,}",
                f"{found.bytes_changed:,}",
            )
        ],
    )
    longer = after if found.size_after >= found.size_before else before
    filled = longer.region.extents(at=longer.mark)
    yield svg(cells(size, filled, found.pages), title=f"{name}, {size:,} bytes")
    yield _key()
    shown = found.changes[:_SHOWN_CHANGES]
    if shown:
        yield "<pre>" + "\n\n".join(map(_marked, shown)) + "</pre>"
    if len(found.changes) > len(shown) or not found.is_complete:
        yield f"<p>The first {len(shown)} changes are shown.</p>"


def _parts(rows: tuple[PartChange, ...]) -> Iterator[str]:
    """Tell the changes of stable memory by the memories inside it, where there are any."""
    if not any(row.part for row in rows):
        return
    yield "<h3>By virtual memory</h3>"
    yield _table(
        ("memory", "structure", "bytes in changed pages", "changes shown above"),
        [(*part_names(row), f"{row.bytes_in_changed_pages:,}", f"{row.changes:,}") for row in rows],
    )


def _key() -> str:
    shades = "".join(
        f'<span style="background:{colour}"></span>{escape(meaning)}' for colour, meaning in LEGEND
    )
    return f'<p class="key">{shades}</p>'


def _marked(change: Change) -> str:
    lines = change_dump(change).splitlines()
    return "\n".join(
        f"<del>{escape(line)}</del>" if line.startswith("-") else f"<ins>{escape(line)}</ins>"
        for line in lines
    )


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["".join(f"<th>{escape(name)}</th>" for name in header)]
    lines += ["".join(f"<td>{escape(value)}</td>" for value in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
