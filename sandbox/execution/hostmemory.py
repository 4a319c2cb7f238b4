"""How much of this machine's memory canisters may really hold.

Counts what commits add, and asks for the exact sum only when the estimate reaches the
budget, so the common case is one addition.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_SHARE_OF_MACHINE: Final = 0.75
_LARGEST_MESSAGE_BYTES: Final = 8 << 30  # a 6 GiB heap and 2 GiB of stable memory


class MemoryBudget:
    """A bound on the memory of all regions together.

    limit_bytes: None takes three quarters of the machine's memory.
    measure: the exact sum of what regions hold now.
    """

    def __init__(self, limit_bytes: int | None, measure: Callable[[], int]) -> None:
        self._limit = machine_bytes(_SHARE_OF_MACHINE) if limit_bytes is None else limit_bytes
        self._measure = measure
        self._estimate = 0

    @property
    def is_tight(self) -> bool:
        """Whether a single message could use up what is left, as far as is known."""
        return self._estimate + _LARGEST_MESSAGE_BYTES > self._limit

    def has_room(self, more_bytes: int) -> bool:
        """Whether this many more bytes fit; they are then counted."""
        if self._estimate + more_bytes > self._limit:
            self._estimate = self._measure()
            if self._estimate + more_bytes > self._limit:
                return False
        self._estimate += more_bytes
        return True


def machine_bytes(share: float) -> int:
    """Return a share of the machine's memory; of 4 GiB where it cannot be asked."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        total = 4 << 30
    return int(total * share)
