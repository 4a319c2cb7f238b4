"""Structural difference of two decoded values: which parts differ, where, and what is lost.

Lost means: a value that said something now says nothing (zero, empty, null), or a list has
fewer items, or a record a field less. Everything else that differs is a change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sandbox.candid.values import Some, VariantValue
from sandbox.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN_CHARACTERS: Final = 120
# Salts and seeds, hashes, keys in their usual forms.
_KEY_BYTES: Final = range(16, 129)


@dataclass(frozen=True, slots=True)
class Change:
    """One place where two values differ.

    path: empty for the value itself. is_principal: two principals. is_key: two blobs of one
    length that may be salts, hashes or keys. is_next: a number is one more than before.
    """

    path: str
    before: str
    after: str
    is_loss: bool
    is_principal: bool = False
    is_key: bool = False
    is_next: bool = False


def changes(before: Any, after: Any, path: str = "") -> Iterator[Change]:
    """Yield where two values differ, outer places first."""
    # A bool equals an int in Python, and True is not the number one.
    if before == after and type(before) is type(after):
        return
    match before, after:
        case dict(), dict():
            yield from _fields(before, after, path)
        case (list() | tuple(), list() | tuple()):
            yield from _items(before, after, path)
        case VariantValue(), VariantValue() if before.tag == after.tag:
            yield from changes(before.value, after.value, f"{path}.#{before.tag}")
        case Some(), Some():
            yield from changes(before.value, after.value, path)
        case _:
            yield _change(path, before, after)


def _fields(before: dict[Any, Any], after: dict[Any, Any], path: str) -> Iterator[Change]:
    for key in dict.fromkeys([*before, *after]):
        here = f"{path}.{key}"
        if key not in after:
            yield Change(here, shown(before[key]), "gone", is_loss=True)
        elif key not in before:
            yield Change(here, "", shown(after[key]), is_loss=False)
        else:
            yield from changes(before[key], after[key], here)


def _items(before: Any, after: Any, path: str) -> Iterator[Change]:
    old, new = _by_key(before), _by_key(after)
    if old is not None and new is not None and (old or new):
        yield from _fields(old, new, path)
        return
    if len(before) != len(after):
        counts = _counted(before), _counted(after)
        yield Change(path, *counts, is_loss=len(after) < len(before))
    for number, (old, new) in enumerate(zip(before, after, strict=False)):
        yield from changes(old, new, f"{path}[{number}]")


def _by_key(items: Any) -> dict[str, Any] | None:
    """Return a list of pairs with distinct simple keys as a table: its order is no matter."""
    if not isinstance(items, list) or not all(_is_pair(item) for item in items):
        return None
    table = {shown(key): value for key, value in items}
    return table if len(table) == len(items) else None


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str | int | Principal)


def _counted(items: Any) -> str:
    return f"{len(items):,} item{'s' * (len(items) != 1)}"


def _change(path: str, before: Any, after: Any) -> Change:
    is_loss = not is_nothing(before) and is_nothing(after) and after is not False
    return Change(
        path,
        shown(before),
        shown(after),
        is_loss,
        is_principal=isinstance(before, Principal) and isinstance(after, Principal),
        is_next=isinstance(before, int) and isinstance(after, int) and after == before + 1,
        is_key=_is_key(before) and _is_key(after) and len(before) == len(after),
    )


def _is_key(value: Any) -> bool:
    return isinstance(value, bytes) and len(value) in _KEY_BYTES and any(value)


def is_nothing(value: Any) -> bool:
    """Whether a value says nothing: zero, empty, null."""
    if isinstance(value, bytes):
        return not any(value)
    return not isinstance(value, VariantValue | Some) and not value


def shown(value: Any) -> str:
    """Return a value for people, cut where it gets long."""
    match value:
        case bytes():
            text = f"0x{value.hex()}" if value else "no bytes"
        case None:
            text = "null"
        case int() if not isinstance(value, bool):
            text = f"{value:,}"
        case VariantValue():
            text = f"#{value.tag}" + ("" if value.value is None else f"({shown(value.value)})")
        case Some():
            text = f"opt {shown(value.value)}"
        case str():
            text = f'"{value}"'
        case list() | tuple():
            items = ", ".join(shown(item) for item in value[:8]) + ", …" * (len(value) > 8)
            text = f"({items})" if isinstance(value, tuple) else f"[{items}]"
        case dict():
            text = "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
        case _:
            text = str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"
