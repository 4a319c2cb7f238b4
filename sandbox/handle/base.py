"""What every part of a handle shares: which canister, its interface, who may manage it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.interface import CanisterInterface, MethodCodec, did_text, interface_of
from sandbox.world.controlling import refuse_stranger

if TYPE_CHECKING:
    from os import PathLike

    from sandbox.execution.canister import CanisterRuntime
    from sandbox.execution.modules import Source
    from sandbox.principal import Principal
    from sandbox.sandbox import PrincipalLike, Sandbox


class Handle:
    """An id in a sandbox; it holds no state."""

    def __init__(
        self,
        sandbox: Sandbox,
        canister_id: Principal,
        *,
        did: str | PathLike[str] | None = None,
    ) -> None:
        self.sandbox = sandbox
        self.id = canister_id
        if did is not None:
            self._declare(did)

    @property
    def runtime(self) -> CanisterRuntime:
        """The exact level below, what ``Sandbox.world`` is to a sandbox.

        Raises: CanisterRejected (IC0301) when the canister is gone.
        """
        return self.sandbox.world.existing(self.id)

    def codec(self, method: str) -> MethodCodec:
        """Return what encodes a method's arguments and decodes its results."""
        return self._interface().method(method)

    def init_codec(self, source: Source, did: str | PathLike[str] | None = None) -> MethodCodec:
        """Return what encodes the init argument of a module."""
        module = self.sandbox.world.loader.peek(source)
        return interface_of(module, did_text(did) or self._declared).init

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Handle):
            return self.id == other.id and self.sandbox is other.sandbox
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    def _interface(self) -> CanisterInterface:
        return interface_of(self.runtime.state.module, self._declared)

    @property
    def _declared(self) -> str | None:
        return self.sandbox.interfaces.get(self.id)

    def _declare(self, did: str | PathLike[str]) -> None:
        text = did_text(did)
        assert text is not None
        self.sandbox.interfaces[self.id] = text

    def _controlled(self, method: str, caller: PrincipalLike | None) -> CanisterRuntime:
        runtime = self.runtime
        refusal = refuse_stranger(runtime.state, self.sandbox.identity_of(caller), method)
        if refusal is not None:
            raise refusal.to_exception()
        return runtime
