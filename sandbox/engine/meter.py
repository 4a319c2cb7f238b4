"""The instructions of a running message, as its code and the system API count them.

The count is kept by the canister's own metered code (``sandbox.wasm.metering``), in a global;
the system API adds up its share in one of its own and hands it over now and then. The global
gets a part of the limit at a time: when that is used up the message pauses, and the host looks
whether somebody wants it to end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.engine.binding import Globals

if TYPE_CHECKING:
    import wasmtime

_BITS: Final = (1 << 64) - 1
_NOTHING_LEFT: Final = _BITS  # -1
# Takes 0.1 s; a pause takes 20 µs.
_PART: Final = 1 << 30


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
        self._later = 0  # what the counter has not got yet
        self._host = 0

    def start(self, limit: int) -> int:
        """Begin to count; return what the counter begins with.

        limit: instructions the message may use.
        """
        self._limit, self._host = limit, 0
        part = min(limit, _PART)
        self._later = limit - part
        self._globals.write((part, 0))
        return part

    def go_on(self) -> int:
        """Give the counter, which is below 0, its next part, if anything is left of the limit.

        Returns by how much it rose.
        """
        bits, charged = self._globals.read()
        counter = _signed(bits)
        left = counter + self._later
        part = min(left, _PART)
        self._later = left - part
        self._globals.write((part & _BITS, charged))
        return part - counter

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
            self._later = 0
            self._globals.write((_NOTHING_LEFT, 0))

    def _left(self) -> int:
        counter, charged = self._globals.read()
        return _signed(counter) + self._later - charged


def _signed(bits: int) -> int:
    return bits - (1 << 64) if bits >> 63 else bits
