"""Stand-ins and faults: what answers in a canister's place, and what goes wrong on purpose.

Rules are tried from the newest to the oldest: the first that answers gives the answer, the
first that has a fault gives the fault. All of it is undone with an anchor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from sandbox import texts
from sandbox.errors import CanisterRejected, RejectCode
from sandbox.messages import Answer, Reject, Reply, reject
from sandbox.world.traffic import Request

if TYPE_CHECKING:
    from sandbox.principal import Principal
    from sandbox.world.traffic import ReplyFault


@dataclass(slots=True)
class MockCall:
    """A call as a stand-in sees it.

    cycles: attached; take some or all of them with ``accept``.
    """

    caller: Principal
    canister: Principal
    method: str
    argument: bytes
    cycles: int
    accepted: int = 0

    def accept(self, most: int | None = None) -> int:
        """Take cycles, at most so many; return how many were taken."""
        left = self.cycles - self.accepted
        taken = left if most is None else max(0, min(most, left))
        self.accepted += taken
        return taken


AnswerFunction: TypeAlias = Callable[[MockCall], bytes | Answer]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing to do to calls.

    method: None for all of the canister's. answer: None leaves the call to the canister.
    times: for how many calls; None for ever.
    """

    canister: Principal
    method: str | None
    answer: AnswerFunction | None = None
    fault: ReplyFault | None = None
    times: int | None = None

    def covers(self, canister: Principal, method: str) -> bool:
        """Whether a call falls under this rule."""
        return self.canister == canister and self.method in (None, method) and self.times != 0

    @property
    def used(self) -> Rule:
        """The rule after one more call."""
        return self if self.times is None else replace(self, times=self.times - 1)


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A call that a stand-in answered, or will answer late."""

    caller: Principal
    canister: Principal
    method: str
    argument: bytes
    cycles: int


@dataclass(frozen=True, slots=True)
class SavedMocks:
    """All rules and all calls seen, at one moment."""

    rules: tuple[Rule, ...]
    seen: tuple[SeenCall, ...]


@dataclass(slots=True)
class Mocks:
    """The rules of one sandbox. Oldest first."""

    rules: list[Rule] = field(default_factory=list)
    seen: list[SeenCall] = field(default_factory=list)

    def add(self, rule: Rule) -> None:
        """Put a rule before all others."""
        self.rules.append(rule)

    def remove(self, canister: Principal, method: str | None = None) -> None:
        """Forget the rules of a canister, or of one of its methods."""
        self.rules = [
            rule
            for rule in self.rules
            if rule.canister != canister or (method is not None and rule.method != method)
        ]

    def covers(self, canister: Principal, method: str) -> bool:
        """Whether a stand-in would answer this call."""
        return any(rule.answer is not None and rule.covers(canister, method) for rule in self.rules)

    def stand_in(self, request: Request) -> tuple[Request, tuple[Answer, int] | None]:
        """Return the request as it is to be treated, and the answer with the cycles accepted.

        The answer is None when the canister itself shall give it.
        """
        if not self.rules:
            return request, None
        answering = self._use(request, lambda rule: rule.answer is not None)
        failing = self._use(request, lambda rule: rule.fault is not None)
        if failing is not None:
            request = replace(request, fault=failing.fault)
        if answering is None or answering.answer is None:
            return request, None
        self.seen.append(
            SeenCall(
                request.sender, request.callee, request.method, request.argument, request.cycles
            )
        )
        return request, _asked(answering.answer, request)

    def answer_query(
        self, canister: Principal, method: str, argument: bytes, caller: Principal
    ) -> Answer | None:
        """Answer a query in a canister's place; None when nobody stands in."""
        if not self.rules:
            return None
        request = Request(canister, method, argument, caller, 0, None, None)
        _, instead = self.stand_in(request)
        return None if instead is None else instead[0]

    def saved(self) -> SavedMocks:
        """Return all rules and calls."""
        return SavedMocks(tuple(self.rules), tuple(self.seen))

    def restore(self, saved: SavedMocks) -> None:
        """Put back what ``saved`` returned."""
        self.rules, self.seen = list(saved.rules), list(saved.seen)

    def _use(self, request: Request, is_wanted: Callable[[Rule], bool]) -> Rule | None:
        for place in reversed(range(len(self.rules))):
            rule = self.rules[place]
            if is_wanted(rule) and rule.covers(request.callee, request.method):
                self.rules[place] = rule.used
                return rule
        return None


def _asked(function: AnswerFunction, request: Request) -> tuple[Answer, int]:
    call = MockCall(
        request.sender, request.callee, request.method, request.argument, request.cycles
    )
    try:
        result = function(call)
    except CanisterRejected as error:
        return _as_reject(error), call.accepted
    except Exception as error:  # noqa: BLE001  # the user's function; its failure is a trap
        message = f"Canister trapped: the stand-in raised {type(error).__name__}: {error}"
        text = texts.error_from(str(request.callee), message, texts.TRAPPED)
        return reject("IC0502", text), 0
    return (Reply(result) if isinstance(result, bytes) else result), call.accepted


def _as_reject(error: CanisterRejected) -> Reject:
    return Reject(RejectCode(error.reject_code), error.error_code, error.message)
