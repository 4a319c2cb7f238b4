"""What differs between two states: memories byte by byte, globals, metadata, module.

Costs the pages changed between two snapshots of one memory, otherwise what is not zero.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.memory import OS_PAGE
from snapshot.insight.memories import Window, joined, windows
from snapshot.insight.names import global_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.execution.canister import Held
    from sandbox.memory import Run
    from snapshot.content import Content, GlobalValue

# Changed bytes this close together are one change: an integer of which two bytes differ.
_NEAR_BYTES: Final = 8
_CHANGED: Final = re.compile(rb"[^\0]+(?:\0{1,%d}[^\0]+)*" % _NEAR_BYTES)
DEFAULT_RUNS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Change:
    """Bytes that differ."""

    offset: int
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class MemoryDiff:
    """How two memories differ.

    pages: runs of changed OS pages (offset_bytes, length_bytes). bytes_changed: exact.
    changes: the first of them; ``is_complete`` says whether these are all.
    """

    size_before: int
    size_after: int
    pages: tuple[Run, ...]
    bytes_changed: int
    changes: tuple[Change, ...]
    is_complete: bool

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return self.size_before == self.size_after and not self.pages

    @property
    def pages_changed(self) -> int:
        """OS pages with at least one changed byte."""
        return sum(length for _, length in self.pages) // OS_PAGE


@dataclass(frozen=True, slots=True)
class GlobalChange:
    """A global that differs; None where one state has none of this number."""

    number: int
    name: str
    before: GlobalValue | None
    after: GlobalValue | None


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A small part that differs, as text for people."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs between two states."""

    heap: MemoryDiff
    stable: MemoryDiff
    globals: tuple[GlobalChange, ...]
    fields: tuple[FieldChange, ...]

    @property
    def is_same(self) -> bool:
        """Whether the states are equal."""
        return self.heap.is_same and self.stable.is_same and not (self.globals or self.fields)


def diff(before: Content, after: Content, *, max_changes: int = DEFAULT_RUNS) -> Difference:
    """Compare two states.

    max_changes: for each memory, how many changes to list with their bytes.
    """
    return Difference(
        heap=diff_memories(before.heap, after.heap, max_changes=max_changes),
        stable=diff_memories(before.stable, after.stable, max_changes=max_changes),
        globals=tuple(_global_changes(before, after)),
        fields=tuple(_field_changes(before, after)),
    )


def diff_memories(before: Held, after: Held, *, max_changes: int = DEFAULT_RUNS) -> MemoryDiff:
    """Compare two memories."""
    pages: list[Run] = []
    changes: list[Change] = []
    changed = 0
    is_complete = True
    for window in windows(before, after):
        if window.before == window.after:
            continue
        mask = _xor(window)
        changed += len(mask) - mask.count(0)
        pages += _changed_pages(window.offset, mask)
        for change in _changes(window, mask):
            if len(changes) == max_changes:
                is_complete = False
                break
            changes.append(change)
    return MemoryDiff(
        before.mark.size_bytes,
        after.mark.size_bytes,
        tuple(joined(pages)),
        changed,
        tuple(changes),
        is_complete,
    )


def _xor(window: Window) -> bytes:
    numbers = (int.from_bytes(data, "little") for data in (window.before, window.after))
    first, second = numbers
    return (first ^ second).to_bytes(len(window.before), "little")


def _changed_pages(offset: int, mask: bytes) -> Iterator[Run]:
    for at in range(0, len(mask), OS_PAGE):
        page = mask[at : at + OS_PAGE]
        if page.count(0) != len(page):
            yield offset + at, len(page)


def _changes(window: Window, mask: bytes) -> Iterator[Change]:
    """Yield the changed runs; one that crosses into the next window is two."""
    for found in _CHANGED.finditer(mask):
        first, last = found.span()
        yield Change(window.offset + first, window.before[first:last], window.after[first:last])


def _global_changes(before: Content, after: Content) -> Iterator[GlobalChange]:
    old_names, new_names = global_names(before.module), global_names(after.module)
    for number in range(max(len(before.globals), len(after.globals))):
        old = before.globals[number] if number < len(before.globals) else None
        new = after.globals[number] if number < len(after.globals) else None
        if old != new:
            names = new_names if number < len(new_names) else old_names
            name = names[number] if number < len(names) else f"#{number}"
            yield GlobalChange(number, name, old, new)


def _field_changes(before: Content, after: Content) -> Iterator[FieldChange]:
    for name, old, new in (
        ("module", before.module_hash.hex(), after.module_hash.hex()),
        ("certified data", before.certified_data.hex(), after.certified_data.hex()),
        ("global timer", _timer(before.timer_ns), _timer(after.timer_ns)),
        ("low memory hook", str(before.low_memory_hook), str(after.low_memory_hook)),
        ("chunk store", _hashes(before), _hashes(after)),
    ):
        if old != new:
            yield FieldChange(name, old, new)


def _timer(timer_ns: int | None) -> str:
    if timer_ns is None:
        return "not recorded"
    return f"{timer_ns} ns" if timer_ns else "inactive"


def _hashes(content: Content) -> str:
    return " ".join(hash_.hex() for hash_ in sorted(content.chunks)) or "empty"
