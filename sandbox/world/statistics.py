"""What queries from outside have asked of each canister: ``query_stats`` of its status.

Besides the log the one thing a query leaves behind. Counted are executions of methods, those
that a composite query calls too, not callbacks, as in the replica's query_context.rs. There each
node counts for itself and the median of an epoch shows some ten minutes later; here it shows
at once.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.principal import Principal

Counts: TypeAlias = tuple[int, int, int, int]
"""Calls, instructions, bytes of requests, bytes of responses; in the order of ``query_stats``."""

_NOTHING: Final[Counts] = (0, 0, 0, 0)


class QueryStatistics:
    """The counts of one world."""

    def __init__(self) -> None:
        self._counts: dict[Principal, Counts] = {}

    def note(
        self, canister: Principal, instructions: int, request_bytes: int, response_bytes: int
    ) -> None:
        """Count one execution."""
        calls, instructions_before, requests, responses = self.of(canister)
        self._counts[canister] = (
            calls + 1,
            instructions_before + instructions,
            requests + request_bytes,
            responses + response_bytes,
        )

    def of(self, canister: Principal) -> Counts:
        """Return a canister's counts since it was created."""
        return self._counts.get(canister, _NOTHING)

    def forget(self, canister: Principal) -> None:
        """Drop what a deleted canister had: another may get its id."""
        self._counts.pop(canister, None)

    def saved(self) -> Mapping[Principal, Counts]:
        """Return what ``restore`` needs."""
        return MappingProxyType(dict(self._counts))

    def restore(self, saved: Mapping[Principal, Counts]) -> None:
        """Put back what ``saved`` returned."""
        self._counts = dict(saved)
