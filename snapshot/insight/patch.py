"""Changing a state by hand: always a new snapshot, which says what was changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from sandbox.errors import UsageError
from sandbox.execution.canister import Held
from snapshot.content import GlobalValue
from snapshot.insight.names import global_names
from snapshot.record import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from snapshot.content import Content

_SHOWN_BYTES = 16


@dataclass(frozen=True, slots=True)
class HeapPatch:
    """Bytes to put into the heap."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class StablePatch:
    """Bytes to put into the stable memory."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class GlobalPatch:
    """A new value for a global: its name or its number in the snapshot, and the bits."""

    which: str | int
    bits: int


# One change to a snapshot.
Patch: TypeAlias = HeapPatch | StablePatch | GlobalPatch


def patched(snapshot: Snapshot, patches: Iterable[Patch]) -> Snapshot:
    """Return a snapshot with these changes; the given one stays as it is.

    Its ``origin.notes`` tell each change, with what was there before.
    Raises: UsageError (outside the memory, no such global, bits that do not fit).
    """
    # Forks: the regions of the given snapshot may be a running canister's.
    content = snapshot.content
    content = replace(content, heap=_forked(content.heap), stable=_forked(content.stable))
    notes = list(snapshot.origin.notes)
    for patch in patches:
        content, note = _apply(content, patch)
        notes.append(note)
    origin = replace(snapshot.origin, notes=tuple(notes))
    return Snapshot(
        snapshot.id,
        snapshot.taken_on,
        snapshot.label,
        origin,
        lambda: content,
        installed=snapshot.installed,
    )


def _apply(content: Content, patch: Patch) -> tuple[Content, str]:
    match patch:
        case HeapPatch(offset, data):
            heap, note = _written(content.heap, offset, data, "heap")
            return replace(content, heap=heap), note
        case StablePatch(offset, data):
            stable, note = _written(content.stable, offset, data, "stable memory")
            return replace(content, stable=stable), note
        case GlobalPatch(which, bits):
            number, name = _global_number(content, which)
            before = content.globals[number]
            after = GlobalValue(before.type, bits)
            if not after.is_in_range:
                raise UsageError(f"{bits:#x} does not fit {name}, which is {before.type}")
            values = (*content.globals[:number], after, *content.globals[number + 1 :])
            note = f"{name}: {before.bits:#x} -> {bits:#x}"
            return replace(content, globals=values), note


def _written(memory: Held, offset: int, data: bytes, name: str) -> tuple[Held, str]:
    size = memory.mark.size_bytes
    if offset < 0 or offset + len(data) > size:
        raise UsageError(
            f"bytes {offset} to {offset + len(data)} are not inside a {name} of {size} bytes"
        )
    before = memory.region.read(offset, len(data))
    memory.region.write(offset, data)
    note = f"{name} at {offset:#x}: {_shown(before)} -> {_shown(data)}"
    return Held(memory.region), note


def _global_number(content: Content, which: str | int) -> tuple[int, str]:
    names = global_names(content.module)
    if isinstance(which, str):
        if which not in names:
            known = ", ".join(names) or "none"
            raise UsageError(f"there is no global {which!r}; there are {known:.200}")
        which = names.index(which)
    if not 0 <= which < len(content.globals):
        raise UsageError(f"there is no global {which} of {len(content.globals)}")
    return which, names[which] if which < len(names) else f"global #{which}"


def _forked(memory: Held) -> Held:
    return Held(memory.region.fork(at=memory.mark))


def _shown(data: bytes) -> str:
    more = f"… ({len(data)} bytes)" if len(data) > _SHOWN_BYTES else ""
    return data[:_SHOWN_BYTES].hex() + more
