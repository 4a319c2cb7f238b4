"""Stage 3, stable memory: who owns which part of it, before and after (L01, L03-L05)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.layout import kind_of, name_of
from sandbox.rehearsal.registry import finding, findings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.layout import Layout


def check_layout(before: Layout, after: Layout) -> Iterator[Finding]:
    """Compare two layouts."""
    if before.has_data and not before.is_managed and after.is_managed:
        heads = f"begins {before.head.hex(' ')}", f"begins {after.head.hex(' ')} (MGR)"
        yield finding("L04", Fact("stable memory at 0", *heads))
    if not (before.is_managed and after.is_managed):
        return
    if before.bucket_pages != after.bucket_pages:
        sizes = f"{before.bucket_pages} pages", f"{after.bucket_pages} pages"
        yield finding("L05", Fact("bucket size", *sizes))
    yield from findings_of("L03", _changed_hands(before, after))
    yield from findings_of("L01", _emptied(before, after))


def _emptied(before: Layout, after: Layout) -> Iterator[Fact]:
    now = {part.number: part for part in after.parts}
    for part in before.parts:
        later = now.get(part.number)
        is_same = later is not None and name_of(later) == name_of(part)
        if later is not None and is_same and part.entries and later.entries == 0:
            yield Fact(f"memory id {part.number}", f"{part.entries:,} entries", "0 entries")


def _changed_hands(before: Layout, after: Layout) -> Iterator[Fact]:
    now = {part.number: part for part in after.parts}
    for part in before.parts:
        later = now.get(part.number)
        was, is_ = kind_of(part), "" if later is None else kind_of(later)
        if part.structure and was != is_:
            yield Fact(f"memory id {part.number}", was, is_ or "nothing known")
