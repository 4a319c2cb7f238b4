"""A canister's state and memories at one moment, kept for as long as somebody holds them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.engine.interrupts import PostponedSignals

if TYPE_CHECKING:
    from sandbox.memory import Region
    from sandbox.state import CanisterState


class Held:
    """A region together with a mark in it that lives as long as this object.

    The mark is released when the last reference goes (an anchor, a snapshot, …), so that
    a deleted snapshot survives exactly as long as an anchor may bring it back.
    """

    __slots__ = ("mark", "region")

    def __init__(self, region: Region) -> None:
        self.region = region
        with PostponedSignals():
            self.mark = region.mark()

    def __del__(self) -> None:
        with suppress(AttributeError):  # marking may have failed
            self.region.release_later(self.mark)


@dataclass(frozen=True, slots=True)
class Capture:
    """A canister's state and memories at one moment.

    Its marks live as long as it does.
    """

    state: CanisterState
    heap: Held
    stable: Held
