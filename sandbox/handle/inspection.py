"""Looking into a canister: memories, globals, checksum, log, methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.canistermemory import CanisterMemory
from sandbox.globalvalues import global_values
from sandbox.handle.base import Handle
from snapshot.checksum import checksum
from snapshot.content import content_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.state import LogRecord


class Inspected(Handle):
    """The part of a handle that shows what the canister is between messages."""

    @property
    def heap(self) -> CanisterMemory:
        """The linear memory between messages, read like bytes."""
        return CanisterMemory(lambda: self.runtime.heap)

    @property
    def stable_memory(self) -> CanisterMemory:
        """The stable memory between messages, read like bytes."""
        return CanisterMemory(lambda: self.runtime.stable)

    @property
    def globals(self) -> dict[str, int | float]:
        """The values of the mutable globals, by export name or ``global 7``.

        Integers are unsigned; v128 is a 128-bit number; a float NaN loses its payload here
        (the snapshot keeps it).
        """
        return global_values(self.runtime)

    @property
    def checksum(self) -> str:
        """BLAKE3 over module, globals, both memories, certified data, timer, chunk store."""
        with self.sandbox.entered():
            return checksum(content_of(self.runtime.capture()))

    @property
    def certified_data(self) -> bytes:
        """What the canister has certified, at most 32 bytes."""
        return self.runtime.state.certified_data

    @property
    def module_hash(self) -> bytes | None:
        """SHA-256 of the module as given; None when the canister is empty."""
        module = self.runtime.state.module
        return None if module is None else module.module_hash

    @property
    def logs(self) -> tuple[LogRecord, ...]:
        """What the canister printed and why it trapped, oldest first."""
        return self.runtime.log.read()

    @property
    def methods(self) -> Mapping[str, str]:
        """Each public method with its Candid type, or its kind when there is no interface."""
        return self._interface().described()
