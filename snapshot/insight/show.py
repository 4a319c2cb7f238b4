"""What is in a state: sizes, globals with their names, the map of the heap, the stable memory.

The map says for each range whether it is static data, stack, heap or zero, as far as the
module tells; which compiler laid it out is a guess, named as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from snapshot.insight.memories import joined
from snapshot.insight.names import global_names, module_name, parsed
from snapshot.insight.stable import StableLayout, recognise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.memory import Run
    from sandbox.wasm.module import Module
    from snapshot.content import Content, GlobalValue


class Use(StrEnum):
    """What a range of the heap is for."""

    ZERO = "zero"
    DATA = "static data"
    STACK = "stack"
    HEAP = "heap"


@dataclass(frozen=True, slots=True)
class HeapRange:
    """One range of the heap."""

    offset: int
    length: int
    use: Use


@dataclass(frozen=True, slots=True)
class NamedGlobal:
    """A global and what the module calls it."""

    name: str
    value: GlobalValue


@dataclass(frozen=True, slots=True)
class Overview:
    """What ``show`` tells.

    heap_filled, stable_filled: bytes in pages that may not be zero.
    """

    module_bytes: int
    module_hash: bytes
    module_name: str
    globals: tuple[NamedGlobal, ...]
    heap_bytes: int
    heap_filled: int
    heap_map: tuple[HeapRange, ...]
    stable_bytes: int
    stable_filled: int
    stable_layout: StableLayout


def overview(content: Content) -> Overview:
    """Look a state over; reads little more than headers."""
    heap, stable = content.heap, content.stable
    heap_runs = tuple(heap.region.extents(at=heap.mark))
    stable_runs = stable.region.extents(at=stable.mark)
    names = global_names(content.module)
    return Overview(
        module_bytes=len(content.module),
        module_hash=content.module_hash,
        module_name=module_name(content.module),
        globals=tuple(
            NamedGlobal(names[at] if at < len(names) else f"#{at}", value)
            for at, value in enumerate(content.globals)
        ),
        heap_bytes=heap.mark.size_bytes,
        heap_filled=sum(length for _, length in heap_runs),
        heap_map=tuple(_heap_map(content, heap_runs)),
        stable_bytes=stable.mark.size_bytes,
        stable_filled=sum(length for _, length in stable_runs),
        stable_layout=recognise(stable),
    )


def _heap_map(content: Content, filled: tuple[Run, ...]) -> Iterator[HeapRange]:
    """Yield ranges that together cover the heap."""
    size = content.heap.mark.size_bytes
    module = parsed(content.module)
    data = [] if module is None else _data_runs(module)
    stack = _stack(content, data)
    marked = [(offset, offset + length, Use.DATA) for offset, length in data]
    if stack is not None:
        marked.append((*stack, Use.STACK))
    position = 0
    for start, end, use in sorted(marked):
        first, last = max(start, position), min(end, size)
        if first >= last:
            continue
        yield from _rest(position, first, filled)
        yield HeapRange(first, last - first, use)
        position = last
    yield from _rest(position, size, filled)


def _rest(start: int, end: int, filled: tuple[Run, ...]) -> Iterator[HeapRange]:
    """Yield what nobody claims, as heap where it is not zero."""
    position = start
    for offset, length in filled:
        first, last = max(offset, position), min(offset + length, end)
        if first >= last:
            continue
        if position < first:
            yield HeapRange(position, first - position, Use.ZERO)
        yield HeapRange(first, last - first, Use.HEAP)
        position = last
    if position < end:
        yield HeapRange(position, end - position, Use.ZERO)


def _data_runs(module: Module) -> list[Run]:
    runs = [
        (segment.offset.operand, segment.span[1] - segment.span[0])
        for segment in module.data
        if segment.offset is not None and segment.offset.operand is not None
    ]
    # Compilers leave small gaps between segments.
    return list(joined(sorted(runs), gap_bytes=256))


def _stack(content: Content, data: list[Run]) -> tuple[int, int] | None:
    """Guess the stack: below the pointer's first value, as LLVM lays it out.

    The stack comes first and the data after it, or the data first and the stack after it.
    """
    module = parsed(content.module)
    if module is None:
        return None
    tops = [
        item.init.operand
        for item in module.globals
        if item.type.is_mutable
        and item.type.value in ("i32", "i64")
        and item.init is not None
        and item.init.operand
    ]
    if not tops or tops[0] > content.heap.mark.size_bytes:
        return None
    below = [offset + length for offset, length in data if offset + length <= tops[0]]
    return max(below, default=0), tops[0]
