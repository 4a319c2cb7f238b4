"""``Canister``: what users hold; every call is one sandbox operation that returns or raises.

A handle is only an id: it holds no state, so it stays valid through upgrades, snapshot
loads and anchors, and fails with IC0301 once its canister is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.handle.inspection import Inspected
from sandbox.handle.managing import Managed
from sandbox.handle.method import Method
from sandbox.handle.naming import first_few
from sandbox.messages import Answer, Reject, Reply
from sandbox.pending import Pending

if TYPE_CHECKING:
    from sandbox.interface import MethodCodec
    from sandbox.sandbox import PrincipalLike

_NO_METHOD: Final = "IC0536"


class Canister(Managed, Inspected):
    """One canister of a sandbox, by its id; it holds no state.

    ``canister.id`` is a ``Principal``, ``canister.sandbox`` where it lives. Its methods can be
    called like Python's: ``ledger.icrc1_name()``.

    ``caller=`` (a principal or its text; default: the sandbox's own identity) and, for
    updates, ``cycles=`` are keyword arguments of every call.
    """

    def update(
        self,
        method: str,
        *arguments: Any,
        caller: PrincipalLike | None = None,
        cycles: int = 0,
    ) -> Any:
        """Call a method as an update and return its result as Python values.

        arguments: Python values by the Candid interface; or one ``str`` of Candid text in
            parentheses when the canister has no interface.
        Returns: None, the one result, or a tuple of results.
        Raises: CanisterRejected, CanisterTrapped (nothing changed), CandidError (not sent).
        """
        codec = self.codec(method)
        data = self.update_raw(method, codec.encode(arguments), caller=caller, cycles=cycles)
        return codec.decode(data)

    def query(self, method: str, *arguments: Any, caller: PrincipalLike | None = None) -> Any:
        """Call a method as a query; whatever it does leaves no trace. See ``update``."""
        codec = self.codec(method)
        return codec.decode(self.query_raw(method, codec.encode(arguments), caller=caller))

    def call(
        self,
        method: str,
        *arguments: Any,
        caller: PrincipalLike | None = None,
        cycles: int = 0,
    ) -> Any:
        """Call a method the way the interface says: as a query if it is one, else as an update."""
        if self.codec(method).is_query:
            return self.query(method, *arguments, caller=caller)
        return self.update(method, *arguments, caller=caller, cycles=cycles)

    def update_raw(
        self,
        method: str,
        argument: bytes = b"",
        *,
        caller: PrincipalLike | None = None,
        cycles: int = 0,
    ) -> bytes:
        """Call a method as an update with encoded bytes; return the reply's bytes.

        Raises: CanisterRejected, CanisterTrapped; nothing changed then.
        """
        with self.sandbox.entered() as world:
            who = self.sandbox.identity_of(caller)
            return self._reply(world.ingress(self.id, method, bytes(argument), who, cycles), method)

    def submit(
        self,
        method: str,
        *arguments: Any,
        caller: PrincipalLike | None = None,
        cycles: int = 0,
    ) -> Pending:
        """Submit an update without running it; ``result()`` of what comes back runs it.

        Raises: CanisterRejected when the message is not even let in.
        """
        codec = self.codec(method)
        return self._submit(codec, codec.encode(arguments), caller, cycles)

    def submit_raw(
        self,
        method: str,
        argument: bytes = b"",
        *,
        caller: PrincipalLike | None = None,
        cycles: int = 0,
    ) -> Pending:
        """Submit an update with encoded bytes. See ``submit``."""
        return self._submit(self.codec(method), bytes(argument), caller, cycles)

    def _submit(
        self, codec: MethodCodec, data: bytes, caller: PrincipalLike | None, cycles: int
    ) -> Pending:
        with self.sandbox.entered() as world:
            who = self.sandbox.identity_of(caller)
            ingress = world.submit(self.id, codec.name, data, who, cycles)
        if isinstance(ingress, Reject):
            raise ingress.to_exception()
        return Pending(self.sandbox, ingress, codec)

    def query_raw(
        self, method: str, argument: bytes = b"", *, caller: PrincipalLike | None = None
    ) -> bytes:
        """Call a method as a query with encoded bytes; return the reply's bytes."""
        with self.sandbox.entered() as world:
            who = self.sandbox.identity_of(caller)
            return self._reply(world.query(self.id, method, bytes(argument), who), method)

    def __getattr__(self, name: str) -> Method:
        """Return a method of the canister as a function: ``ledger.icrc1_name()``.

        It calls as ``call`` does. A method that is named like something of this class is
        reached through ``call`` only.
        """
        if name.startswith("_"):  # asked for by whatever shows values, so nothing is looked up
            raise AttributeError(f"Canister has no {name!r}")
        if name not in self._interface().functions:
            raise AttributeError(
                f"neither Canister nor {self.id} has a method {name!r}{self._hint(name)}"
            )
        return Method(self, name)

    def __dir__(self) -> list[str]:
        is_there = self.id in self.sandbox.world.canisters
        return sorted({*super().__dir__(), *(self._interface().functions if is_there else ())})

    def __repr__(self) -> str:
        return self.sandbox.shown(self.id)

    # --- inside

    def _meant(self, method: str) -> str:
        """Return what somebody may have meant by a method that cannot be called so."""
        interface = self._interface()
        if method in interface.exported:
            return f"{method} is of another kind: {interface.exported[method]}."
        near = interface.near(method)
        if near:
            return f"Did you mean {' or '.join(near)}?"
        there = sorted(interface.exported)
        return f"There are: {first_few(there)}" if there else "It has none."

    def _hint(self, name: str) -> str:
        """Return what somebody may have meant by a name that the interface does not know."""
        interface = self._interface()
        if name.startswith("_"):
            return ""
        kind = interface.exported.get(name)
        if kind is not None:
            return (
                f" in its interface; its module exports the {kind} {name!r}: call it by "
                f"{'update' if kind == 'update' else 'query'}({name!r}), arguments as Candid text"
            )
        near = interface.near(name)
        return f"; did you mean {' or '.join(near)}?" if near else ""

    def _reply(self, answer: Answer, method: str) -> bytes:
        if isinstance(answer, Reply):
            return answer.data
        error = answer.to_exception()
        if error.error_code == _NO_METHOD:
            error.add_note(self._meant(method))
        raise error
