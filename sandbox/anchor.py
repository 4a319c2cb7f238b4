"""Anchors: a mark on the whole sandbox; leaving one brings everything back.

Costs a mark per canister memory to set, and the pages changed since to rewind. Anchors
nest; the inner one must be left first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from sandbox.sandbox import Sandbox
    from sandbox.world.anchor import SavedWorld


class Anchor:
    """A sandbox at one moment; a context manager that rewinds at its end.

    ``rewind`` may be called any number of times before.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        with sandbox.entered() as world:
            self._world = world.save()
            self._beside = dict(sandbox.names), dict(sandbox.interfaces), sandbox.identity

    @property
    def world(self) -> SavedWorld:
        """The canisters, the clock and all else of the level below, as they were."""
        return self._world

    def rewind(self) -> None:
        """Bring back every canister, snapshot, message, mock, name, the identity, the clock."""
        names, interfaces, identity = self._beside
        with self._sandbox.entered() as world:
            world.rewind(self._world)
            self._sandbox.names = dict(names)
            self._sandbox.interfaces = dict(interfaces)
            self._sandbox.identity = identity

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.rewind()
