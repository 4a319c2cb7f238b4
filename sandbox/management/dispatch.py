"""From bytes to method and back: who may call what, decoded and encoded by ``ic.did``.

The methods themselves are in the modules beside this one; ``METHODS`` is the table.
Source: reference/management_canister.md section 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.candid.errors import CandidError
from sandbox.management import interface
from sandbox.management.call import LATER, ManagementCall, Refused, refuse
from sandbox.management.methods import METHODS, Method, Who
from sandbox.messages import Answer, Reject, Reply

if TYPE_CHECKING:
    from sandbox.principal import Principal
    from sandbox.world.traffic import Request
    from sandbox.world.world import World


class Manager:
    """Answers calls to the management canister of one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def admit(self, method: str, argument: bytes, caller: Principal) -> Principal | Reject:
        """Say whether an ingress message is let in; return its effective canister id.

        For a method without one it is the management canister's own id.
        """
        try:
            row = _row(method)
            call = self._call(row, argument, caller, 0, None)
            if not call.is_from_canister:
                _check_ingress(row)
            if row.target is None:
                return self._world.management
            runtime = call.runtime(call.argument[row.target])
            _check_caller(row, call)
        except Refused as refused:
            return refused.refusal
        return runtime.state.id

    def answer(self, request: Request) -> tuple[Answer, int] | None:
        """Answer a call, with the cycles accepted; None when the answer comes later."""
        call: ManagementCall | None = None
        try:
            row = _row(request.method)
            call = self._call(row, request.argument, request.sender, request.cycles, request)
            if not call.is_from_canister:
                _check_ingress(row)
            _check_caller(row, call)
            result = row.handler(call)
            return None if result is LATER else (_encoded(row.name, result), call.accepted)
        except Refused as refused:
            return refused.refusal, call.accepted if call else 0

    def query(self, method: str, argument: bytes, caller: Principal) -> Answer:
        """Answer a query call. Only the methods marked so in ``ic.did`` can be queried."""
        try:
            row = _row(method)
            if not interface.is_query(method):
                raise refuse("IC0536", f"Query method {method} not found.")
            call = self._call(row, argument, caller, 0, None)
            _check_caller(row, call)
            return _encoded(method, row.handler(call))
        except Refused as refused:
            return refused.refusal

    def _call(
        self,
        row: Method,
        argument: bytes,
        caller: Principal,
        cycles: int,
        request: Request | None,
    ) -> ManagementCall:
        try:
            values = interface.arguments(row.name).decode(argument)
        except CandidError as error:
            raise refuse("IC0408", f"Error decoding candid: {error}") from error
        value = values[0] if values else None
        return ManagementCall(self._world, row.name, value, caller, cycles, request)


def _row(method: str) -> Method:
    row = METHODS.get(method)
    if row is None:
        raise refuse("IC0536", f"Management canister has no method '{method}'")
    return row


def _check_ingress(row: Method) -> None:
    if row.who is Who.CANISTERS:
        raise refuse("IC0406", f"Only canisters can call ic00 method {row.name}")
    if row.who is Who.QUERIES:
        text = f"{row.name} API is not accessible via ingress in replicated mode"
        raise refuse("IC0406", text)


def _check_caller(row: Method, call: ManagementCall) -> None:
    if row.who is Who.CONTROLLERS or (
        row.who is Who.CONTROLLERS_OR_SELF and call.target().state.id != call.caller
    ):
        call.require_controller(call.target())


def _encoded(method: str, result: object) -> Answer:
    values = (result,) if interface.has_result(method) else ()
    return Reply(interface.results(method).encode(values))
