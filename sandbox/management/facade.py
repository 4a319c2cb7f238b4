"""``ic.management``: the methods of ``aaaaa-aa``, called from Python and typed by ``ic.did``."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

from sandbox.management import interface
from sandbox.management.methods import METHODS, Who
from sandbox.messages import Reject, Reply
from sandbox.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.sandbox import PrincipalLike, Sandbox


_NO_METHOD: Final = "IC0536"


class ManagementCanister:
    """The methods of the management canister, as Python methods.

    For example::

        ic.management.canister_status(canister_id=counter.id).cycles
        ic.management.raw_rand(caller=wallet.id)

    The fields of the argument are keywords, or one dict. ``caller=`` is who calls: a
    canister's id makes it that canister's call, which some methods require; ``cycles=``
    are attached to it. Raises: CanisterRejected.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.id = Principal.management()

    def call(
        self,
        method: str,
        /,
        *arguments: Any,
        caller: PrincipalLike | None = None,
        cycles: int = 0,
        **fields: Any,
    ) -> Any:
        """Call a method by name."""
        data = self.encode(method, *arguments, **fields)
        return self._decoded(method, self._send(method, data, caller, cycles))

    def call_raw(
        self,
        method: str,
        argument: bytes,
        *,
        caller: PrincipalLike | None = None,
        cycles: int = 0,
    ) -> bytes:
        """Call a method with encoded bytes; return the reply's bytes."""
        return self._send(method, argument, caller, cycles)

    def encode(self, method: str, /, *arguments: Any, **fields: Any) -> bytes:
        """Return the encoded argument of a method, to be sent by somebody else."""
        values = arguments or ((fields,) if fields else ())
        return interface.arguments(method).encode(values)

    def _send(self, method: str, data: bytes, caller: PrincipalLike | None, cycles: int) -> bytes:
        with self._sandbox.entered() as world:
            who = self._sandbox.identity_of(caller)
            if _is_query(method, is_canister=who in world.canisters):
                answer = world.query(self.id, method, data, who)
            else:
                answer = world.ingress(self.id, method, data, who, cycles)
        if isinstance(answer, Reject):
            error = answer.to_exception()
            near = interface.interface().near(method) if error.error_code == _NO_METHOD else []
            if near:
                error.add_note(f"Did you mean {' or '.join(near)}?")
            raise error
        assert isinstance(answer, Reply)
        return answer.data

    def _decoded(self, method: str, data: bytes) -> Any:
        values = interface.results(method).decode(data)
        return values[0] if values else None

    def __getattr__(self, method: str) -> Callable[..., Any]:
        known = interface.interface().functions
        if method not in known:
            near = difflib.get_close_matches(method, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise AttributeError(f"the management canister has no method {method!r}{hint}")

        def call(*arguments: Any, **fields: Any) -> Any:
            return self.call(method, *arguments, **fields)

        call.__name__ = call.__qualname__ = method
        return call

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *interface.interface().functions})

    def __repr__(self) -> str:
        return f"<management canister of {self._sandbox!r}>"


def _is_query(method: str, *, is_canister: bool) -> bool:
    """Whether a call is made as a query: what users cannot send as an ingress message."""
    row = METHODS.get(method)
    if row is None or row.who is Who.QUERIES:
        return row is not None
    return row.who is Who.CANISTERS and not is_canister and interface.is_query(method)
