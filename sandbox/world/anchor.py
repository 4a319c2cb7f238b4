"""Anchors: a mark on the whole sandbox; leaving one brings everything back.

Costs a mark per canister memory to set, and the pages changed since to rewind. Anchors
nest; the inner one must be left first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    from sandbox.cycles import SavedBank
    from sandbox.execution.canister import CanisterRuntime, Capture
    from sandbox.principal import Principal
    from sandbox.state import LogRecord
    from sandbox.world.mocks import SavedMocks
    from sandbox.world.outcalls import SavedOutcalls
    from sandbox.world.traffic import Traffic
    from sandbox.world.world import World
    from snapshot.shelf import Saved


@dataclass(frozen=True, slots=True)
class SavedCanister:
    """One canister as it was."""

    runtime: CanisterRuntime
    capture: Capture
    log: tuple[tuple[LogRecord, ...], int]


@dataclass(frozen=True, slots=True)
class SavedWorld:
    """A whole sandbox as it was.

    counters: bytes drawn for canisters and for the order, and until when canisters have paid.
    """

    canisters: dict[Principal, SavedCanister]
    traffic: Traffic
    snapshots: Saved
    now_ns: int
    next_canister: int
    bank: SavedBank
    mocks: SavedMocks
    outcalls: SavedOutcalls
    stopping: frozenset[Principal]
    counters: tuple[int, int, int]


class Anchor:
    """The world at one moment; a context manager that rewinds at its end.

    ``rewind`` may be called any number of times before.
    """

    def __init__(self, world: World, *beside: dict[Any, Any]) -> None:
        self._world = world
        self._saved = world.save()
        # What the sandbox keeps beside its world: names, declared interfaces.
        self._beside = [(kept, dict(kept)) for kept in beside]

    def rewind(self) -> None:
        """Bring back every canister, snapshot, message, name and the clock."""
        self._world.rewind(self._saved)
        for kept, before in self._beside:
            kept.clear()
            kept.update(before)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.rewind()
