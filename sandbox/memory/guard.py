"""Who may use a region: its own process, while it is open and whole.

Every public method of a region asks its guard first. The check costs one ``getpid``
(0.2 us), which a forked child cannot hide from.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sandbox.memory.errors import RegionMisused, RegionPoisoned, UsedAfterFork

if TYPE_CHECKING:
    from types import TracebackType


class Guard:
    """The right to use one region.

    ``with guard:`` is a block that must run to its end: if it does not, the region is
    poisoned. An interrupt (Ctrl-C) poisons too, and is passed on as itself.
    """

    __slots__ = ("_closed", "_fault", "_pid")

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._fault: BaseException | None = None
        self._closed = False

    def check(self) -> None:
        """Return if the region may be used.

        Raises: UsedAfterFork, RegionPoisoned, RegionMisused (it is closed).
        """
        if os.getpid() != self._pid:
            raise UsedAfterFork(self._pid)
        if self._fault is not None:
            raise _poisoned(self._fault) from self._fault
        if self._closed:
            raise RegionMisused("this canister memory is closed")

    def close(self) -> None:
        """Let every later check fail."""
        self._closed = True

    def __enter__(self) -> None:
        return

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        fault: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        if fault is None:
            return
        self._fault = fault
        if isinstance(fault, Exception):
            raise _poisoned(fault) from fault


def _poisoned(fault: BaseException) -> RegionPoisoned:
    return RegionPoisoned(
        "a change of this canister memory failed half-way and it cannot be trusted any more: "
        f"{type(fault).__name__}: {fault}"
    )
