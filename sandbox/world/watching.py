"""Who listens to what goes on between canisters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sandbox.messages import Answer, Outcome
    from sandbox.principal import Principal
    from sandbox.world.traffic import Request


class Watcher(Protocol):
    """Told about everything the router does, in order; changes nothing."""

    def requested(self, request: Request, context: int | None) -> None:
        """Note a call: by a message of a context, or from outside."""

    def began(self, context: int, request: Request | None, canister: Principal) -> None:
        """Note a context opened for a request or a system task."""

    def executed(self, context: int, canister: Principal, entry: str, outcome: Outcome) -> None:
        """Note that a message of a context ran."""

    def answered(self, request: Request, answer: Answer, refund: int) -> None:
        """Note a request's answer, which may still be on its way."""

    def query_began(
        self, canister: Principal, method: str, argument: bytes, caller: Principal
    ) -> None:
        """Note a query, from outside or from a composite query."""

    def query_executed(self, canister: Principal, entry: str, outcome: Outcome) -> None:
        """Note an execution of the innermost query under way."""

    def query_ended(self, answer: Answer) -> None:
        """Note the answer of the innermost query under way."""
