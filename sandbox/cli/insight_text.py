"""Overviews and differences as text for people and as facts for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.cli.common import moment, properties, size
from sandbox.cli.files import write_file
from sandbox.cli.output import say

if TYPE_CHECKING:
    from pathlib import Path

    from snapshot.content import Content, GlobalValue
    from snapshot.insight import Difference, MemoryDiff, Overview, PartChange


def overview_facts(seen: Overview) -> dict[str, object]:
    """Return an overview for machines."""
    layout = seen.stable_layout
    return {
        "module_name": seen.module_name,
        "module_hash": seen.module_hash,
        "module_size": seen.module_bytes,
        "globals": [
            {"name": item.name, "type": item.value.type, "value": item.value.number}
            for item in seen.globals
        ],
        "heap_size": seen.heap_bytes,
        "heap_filled": seen.heap_filled,
        "heap_map": [
            {"offset": item.offset, "length": item.length, "use": item.use.value}
            for item in seen.heap_map
        ],
        "stable_size": seen.stable_bytes,
        "stable_filled": seen.stable_filled,
        "stable_layout": layout.kind,
        "stable_note": layout.note,
        "stable_parts": [
            {"number": part.number, "size": part.size_bytes, "structure": part.structure}
            for part in layout.parts
        ],
    }


def overview_lines(record: dict[str, object], seen: Overview) -> None:
    """Print an overview for people."""
    layout = seen.stable_layout
    properties(
        record
        | {
            "taken_on": moment(int(str(record["taken_on"]))),
            "total_size": size(int(str(record["total_size"]))),
            "module": f"{size(seen.module_bytes)}, {seen.module_hash.hex()} {seen.module_name}",
            "globals": [f"{item.name}: {_value(item.value)}" for item in seen.globals],
            "heap": [
                f"{size(seen.heap_bytes)}, {size(seen.heap_filled)} in use",
                *(f"{at.offset:#012x}  {size(at.length):>10}  {at.use}" for at in seen.heap_map),
            ],
            "stable memory": [
                f"{size(seen.stable_bytes)}, {size(seen.stable_filled)} in use",
                *(text for text in (layout.kind, layout.note) if text),
                *(
                    f"memory {part.number}: {size(part.size_bytes)} {part.structure}".rstrip()
                    for part in layout.parts
                ),
            ],
        }
    )


def difference_facts(found: Difference, parts: tuple[PartChange, ...]) -> dict[str, object]:
    """Return a difference for machines. parts: of the stable memory."""
    return {
        "same": found.is_same,
        "fields": [
            {"name": item.name, "before": item.before, "after": item.after} for item in found.fields
        ],
        "globals": [
            {"name": item.name, "before": _value(item.before), "after": _value(item.after)}
            for item in found.globals
        ],
        "heap": _memory_facts(found.heap),
        "stable": _memory_facts(found.stable),
        "stable_parts": [
            {
                "number": None if row.part is None else row.part.number,
                "structure": None if row.part is None else row.part.structure,
                "bytes_in_changed_pages": row.bytes_in_changed_pages,
                "changes": row.changes,
            }
            for row in parts
        ],
    }


def difference_lines(found: Difference, parts: tuple[PartChange, ...]) -> None:
    """Print a difference for people. parts: of the stable memory."""
    from snapshot.insight import part_names

    if found.is_same:
        say("nothing differs: module, memories, globals, certified data, timer, chunks")
        return
    for field in found.fields:
        say(f"{field.name}: {field.before or 'none'} -> {field.after or 'none'}")
    for item in found.globals:
        say(f"{item.name}: {_value(item.before)} -> {_value(item.after)}")
    for name, memory in (("heap", found.heap), ("stable memory", found.stable)):
        _memory_lines(name, memory)
    if any(row.part for row in parts):
        say("stable memory, by virtual memory:", bold=True)
        for row in parts:
            names = " ".join(part_names(row)).rstrip()
            say(f"  {names}: {size(row.bytes_in_changed_pages)} in changed pages")


def write_picture(path: Path, found: Difference, after: Content, title: str) -> None:
    """Draw which parts of the larger of the two memories changed, as SVG."""
    from snapshot.insight import cells, svg

    name, changed, held = (
        ("heap", found.heap, after.heap)
        if found.heap.pages_changed >= found.stable.pages_changed
        else ("stable memory", found.stable, after.stable)
    )
    total = max(changed.size_before, changed.size_after)
    drawn = cells(total, held.region.extents(at=held.mark), changed.pages)
    write_file(path, svg(drawn, title=f"{title}, {name}"))


def _memory_facts(memory: MemoryDiff) -> dict[str, object]:
    return {
        "size_before": memory.size_before,
        "size_after": memory.size_after,
        "pages_changed": memory.pages_changed,
        "bytes_changed": memory.bytes_changed,
        "changes": [
            {"offset": item.offset, "before": item.before, "after": item.after}
            for item in memory.changes
        ],
        "is_complete": memory.is_complete,
    }


def _memory_lines(name: str, memory: MemoryDiff) -> None:
    from snapshot.insight import change_dump

    if memory.is_same:
        say(f"{name}: the same {size(memory.size_after)}")
        return
    sizes = size(memory.size_after)
    if memory.size_before != memory.size_after:
        sizes = f"{size(memory.size_before)} -> {sizes}"
    say(
        f"{name}: bytes that differ: {memory.bytes_changed:,}, "
        f"OS pages: {memory.pages_changed:,}, size: {sizes}",
        bold=True,
    )
    for change in memory.changes:
        for line in change_dump(change).splitlines():
            say(line, fg="red" if line.startswith("-") else "green")
    if not memory.is_complete:
        say("… and more; show them with --limit")


def _value(value: GlobalValue | None) -> str:
    return "none" if value is None else f"{value.type} {value.number}"
