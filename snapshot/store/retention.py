"""Retention: which stored snapshots a rule keeps; nothing is deleted here."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sandbox.principal import Principal
    from snapshot.store.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Retained:
    """What a rule keeps and what it gives up, each oldest first."""

    kept: tuple[Manifest, ...]
    dropped: tuple[Manifest, ...]


def retained(
    manifests: Iterable[Manifest], *, keep_last: int | None = None, keep_labels: Sequence[str] = ()
) -> Retained:
    """Say which snapshots are kept: those that at least one rule wants.

    keep_last: the newest so many of every canister. keep_labels: patterns such as
        ``"release-*"``.

    Raises: UsageError without a rule: that would keep nothing.
    """
    if keep_last is None and not keep_labels:
        raise UsageError("say what to keep: the last so many, or some labels")
    if keep_last is not None and keep_last < 0:
        raise UsageError(f"keep_last is a count, not {keep_last}")
    listed = tuple(manifests)
    newest = _newest(listed, keep_last or 0)
    kept = tuple(
        item
        for item in listed
        if item.stored_id in newest or any(fnmatchcase(item.label, glob) for glob in keep_labels)
    )
    names = {item.stored_id for item in kept}
    return Retained(kept, tuple(item for item in listed if item.stored_id not in names))


def _newest(listed: Sequence[Manifest], count: int) -> set[str]:
    """Return the stored ids of the last ``count`` snapshots of every canister."""
    per_canister: dict[Principal, list[Manifest]] = {}
    for item in listed:
        per_canister.setdefault(item.canister_id, []).append(item)
    return {
        item.stored_id
        for items in per_canister.values()
        for item in sorted(items, key=lambda each: (each.taken_on, each.id))[-count:]
        if count
    }
