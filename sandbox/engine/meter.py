"""The instructions of a running message, as its code and the system API count them.

The count is kept by the canister's own metered code (``sandbox.wasm.metering``), in a global;
the system API adds up its share in one of its own and hands it over now and then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.engine.binding import Globals

if TYPE_CHECKING:
    import wasmtime

_NOTHING_LEFT: Final = (1 << 64) - 1  # -1


class Meter:
    """One instance's meter; ``start`` and ``stop`` it with each message.

    used: the instructions of the last message.
    """

    def __init__(
        self,
        store: wasmtime.Store,
        counter: wasmtime.Global,
        charged: wasmtime.Global,
    ) -> None:
        self._globals = Globals(store, (counter, charged), ("i64", "i64"))
        self.used = 0
        self._limit = 0
        self._host = 0

    def start(self, limit: int) -> None:
        """Begin to count. limit: instructions the message may use."""
        self._limit, self._host = limit, 0
        self._globals.write((limit, 0))

    def stop(self) -> bool:
        """Read the count; say whether more was used than the limit, noticed in time or not."""
        left = self._left()
        self.used = self._limit - max(0, left)
        return left < 0

    def used_so_far(self) -> int:
        """Return the instructions until now, at most the limit."""
        return self._limit - max(0, self._left())

    def take(self, instructions: int) -> None:
        """Let the host's time count against the limit, without being the canister's."""
        self._host += instructions
        if self._host > self._left():
            self._globals.write((_NOTHING_LEFT, 0))

    def _left(self) -> int:
        left, charged = self._globals.read()
        return (left - (1 << 64) if left >> 63 else left) - charged
