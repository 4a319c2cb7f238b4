"""A difference as one HTML page: what changed in numbers, pictures and hexdumps.

Stands alone: no script, no other file, nothing fetched.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from snapshot.insight.hexdump import change_dump
from snapshot.insight.picture import cells, svg

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sandbox.execution.canister import Held
    from snapshot.content import Content
    from snapshot.insight.diff import Difference, MemoryDiff

_SHOWN_CHANGES: Final = 200
_STYLE: Final = (
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:left;"
    "border-bottom:1px solid #ddd}pre{font-size:13px;overflow-x:auto}"
)


def html(found: Difference, before: Content, after: Content, *, title: str) -> str:
    """Return the page. found: ``diff(before, after)``."""
    body = [
        f"<h1>{escape(title)}</h1>",
        *_small_parts(found),
        *_memory("Heap", found.heap, before.heap, after.heap),
        *_memory("Stable memory", found.stable, before.stable, after.stable),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>\n'
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
    if not size:
        return
    longer = after if found.size_after >= found.size_before else before
    filled = longer.region.extents(at=longer.mark)
    yield svg(cells(size, filled, found.pages), title=f"{name}, {size:,} bytes")
    shown = found.changes[:_SHOWN_CHANGES]
    if shown:
        dumps = "\n\n".join(change_dump(change) for change in shown)
        yield f"<pre>{escape(dumps)}</pre>"
    if len(found.changes) > len(shown) or not found.is_complete:
        yield f"<p>The first {len(shown)} changes are shown.</p>"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["".join(f"<th>{escape(name)}</th>" for name in header)]
    lines += ["".join(f"<td>{escape(value)}</td>" for value in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
