"""``ic.mock(...)``: Python functions in place of canisters, and faults on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from sandbox.errors import RejectCode
from sandbox.interface import did_text, interface_of
from sandbox.messages import Answer, Reject, Reply
from sandbox.world.clock import duration_ns
from sandbox.world.mocks import AnswerFunction, MockCall, Rule
from sandbox.world.traffic import ReplyFault

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from sandbox.interface import CanisterInterface
    from sandbox.principal import Principal
    from sandbox.sandbox import Sandbox
    from sandbox.world.mocks import SeenCall


class Mock:
    """Stands in for a canister, for some of its methods, or spoils its answers.

    For example::

        ledger = ic.mock("ryjl3-tyaaa-aaaaa-aaaba-cai", did="ledger.did")
        ledger.returns("icrc1_fee", 10_000)
        ledger.rejects("icrc1_transfer", "down for maintenance", times=2)
        ledger.delays("icrc1_balance_of", minutes=2)

    Every method returns the mock itself; ``times=`` ends a rule after so many calls. Rules
    made later go first. What no rule answers goes to the real canister, if there is one.
    """

    def __init__(
        self, sandbox: Sandbox, canister: Principal, did: str | PathLike[str] | None = None
    ) -> None:
        self._sandbox = sandbox
        self._did = did_text(did)
        self.id = canister

    def answers(
        self, method: str, function: Callable[..., Any], *, times: int | None = None
    ) -> Self:
        """Let a function answer: it gets the call and the decoded arguments.

        It returns the result as ``Canister.update`` would (None, one value, a tuple), or
        raises CanisterRejected; any other exception is a trap of the canister.
        """
        return self._add(Rule(self.id, method, self._typed(method, function), times=times))

    def returns(self, method: str, *results: Any, times: int | None = None) -> Self:
        """Answer with fixed results."""
        result = results[0] if len(results) == 1 else (results or None)
        return self.answers(method, lambda _call, *_arguments: result, times=times)

    def answers_raw(
        self, method: str | None, function: AnswerFunction, *, times: int | None = None
    ) -> Self:
        """Let a function answer with bytes, or with ``Reply | Reject``; None: every method."""
        return self._add(Rule(self.id, method, function, times=times))

    def rejects(
        self,
        method: str | None = None,
        message: str = "rejected by a mock",
        *,
        code: int = RejectCode.CANISTER_REJECT,
        error_code: str | None = None,
        times: int | None = None,
    ) -> Self:
        """Answer with a reject, the canister is not asked. method: None for every method."""
        refusal = Reject(RejectCode(code), error_code or _DEFAULT_CODES[RejectCode(code)], message)
        return self._add(Rule(self.id, method, lambda _call: refusal, times=times))

    def delays(
        self, method: str | None = None, *, times: int | None = None, **duration: float
    ) -> Self:
        """Hold answers back by days=, hours=, minutes=, seconds=, ns= of virtual time."""
        return self._spoil(method, ReplyFault(delay_ns=duration_ns(**duration)), times)

    def drops(self, method: str | None = None, *, times: int | None = None) -> Self:
        """Lose answers: the call runs, its caller never hears of it (or only its deadline)."""
        return self._spoil(method, ReplyFault(is_dropped=True), times)

    def traps_callback(self, method: str | None = None, *, times: int | None = None) -> Self:
        """Make the caller's callback trap when the answer arrives; its cleanup runs."""
        return self._spoil(method, ReplyFault(traps_callback=True), times)

    def forget(self, method: str | None = None) -> None:
        """Take back all rules, or those of one method."""
        with self._sandbox.entered() as world:
            world.mocks.remove(self.id, method)

    @property
    def calls(self) -> tuple[SeenCall, ...]:
        """All calls that were answered in the canister's place, oldest first."""
        return tuple(call for call in self._sandbox.world.mocks.seen if call.canister == self.id)

    def __repr__(self) -> str:
        return f"<Mock of {self.id}>"

    def _spoil(self, method: str | None, fault: ReplyFault, times: int | None) -> Self:
        return self._add(Rule(self.id, method, fault=fault, times=times))

    def _add(self, rule: Rule) -> Self:
        with self._sandbox.entered() as world:
            world.mocks.add(rule)
        return self

    def _interface(self) -> CanisterInterface:
        if self.id == self._sandbox.management.id and self._did is None:
            from sandbox.management.interface import interface

            return interface()
        runtime = self._sandbox.world.canisters.get(self.id)
        return interface_of(None if runtime is None else runtime.state.module, self._did)

    def _typed(self, method: str, function: Callable[..., Any]) -> AnswerFunction:
        codec = self._interface().method(method)

        def answer(call: MockCall) -> Answer:
            result = function(call, *codec.decode_arguments(call.argument))
            return Reply(codec.encode_results(result))

        return answer


_DEFAULT_CODES = {
    RejectCode.SYS_FATAL: "IC0101",
    RejectCode.SYS_TRANSIENT: "IC0202",
    RejectCode.DESTINATION_INVALID: "IC0301",
    RejectCode.CANISTER_REJECT: "IC0406",
    RejectCode.CANISTER_ERROR: "IC0502",
    RejectCode.SYS_UNKNOWN: "IC0601",
}
