"""What a history is made of: restore points, and what says how many are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.errors import RejectCode
from sandbox.messages import Answer, Reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.principal import Principal
    from sandbox.world.anchor import SavedWorld
    from snapshot.record import Snapshot


@dataclass(slots=True, eq=False)
class Point:
    """The world just before one message, and what the message did.

    number: counts up from 0; a world that went back counts on from there.
    time_ns: the virtual clock. canister: who ran it; None for what concerns all.
    entry: the method, the hook, ``reply callback`` and such, or what a controller did.
    caller: None for hooks, callbacks and time. argument: of a call.
    result: the answer or the failure; None when the answer came, or is to come, later.
    heap_pages, stable_pages: OS pages committed. held_bytes: what going back needs, about.
    snapshot: the state before a trap, where such are kept; ``not_kept``: or why it was not.
    is_call: of a method. is_act: of a controller; the rest are hooks and callbacks.
    saved, again: the way back and how to run the message once more; None when forgotten.
    """

    number: int
    time_ns: int
    canister: Principal | None
    entry: str
    caller: Principal | None = None
    argument: bytes = b""
    cycles: int = 0
    result: Answer | None = None
    instructions: int = 0
    heap_pages: int = 0
    stable_pages: int = 0
    held_bytes: int = 0
    snapshot: Snapshot | None = None
    not_kept: str = ""
    is_call: bool = False
    is_act: bool = False
    saved: SavedWorld | None = field(default=None, repr=False)
    again: Callable[[], object] | None = field(default=None, repr=False)

    @property
    def has_trapped(self) -> bool:
        """Whether the canister failed, so that its message left no trace."""
        return isinstance(self.result, Reject) and self.result.code is RejectCode.CANISTER_ERROR

    def forget(self) -> None:
        """Give the memory back; there is no way to this point any more."""
        self.saved = self.again = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What is recorded.

    points: at most so many. budget_bytes: pages kept for going back, all points together.
    keeps_traps: the state before a trap becomes a snapshot of its canister.
    """

    points: int
    budget_bytes: int
    keeps_traps: bool


@dataclass(frozen=True, slots=True)
class Past:
    """A recorder at one moment."""

    rules: Rules | None
    points: tuple[Point, ...]
    next_number: int
