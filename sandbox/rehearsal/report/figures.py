"""Numbers as the reports show them."""

from __future__ import annotations

from typing import Final

_SIZES: Final = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def share(part: int, limit: int) -> str:
    """Return how much of a limit something takes."""
    if part * 10_000 < limit:
        return "under 0.01% of the limit"
    return f"{part / limit:.2%} of the limit" if limit else "no limit"


def size(size_bytes: int) -> str:
    """Return a number of bytes for people."""
    for unit, name in _SIZES:
        if size_bytes >= unit:
            return f"{size_bytes / unit:.4g} {name}"
    return f"{size_bytes} bytes"
