"""Traces: what a message caused, as a tree of calls.

A ``Tracer`` listens to the router while it is attached and builds ``Span`` objects: one per
call, with the executions of its call context and, below it, the calls they made. What began
before it listened shows up as a root of its own, marked as continued.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sandbox.limits import MAINNET, Limits
from sandbox.messages import Answer, Outcome, Reject, Reply
from sandbox.world.telling import Wording, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.principal import Principal
    from sandbox.world.traffic import Request


# Some 1 KiB each: a month of a busy timer must not fill the memory.
_MOST_CALLS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Execution:
    """One message that ran.

    entry: the method, the hook, or ``reply callback``, ``reject callback``, ``cleanup callback``.
    instructions: as the IC charges them. pages: OS pages committed.
    failure: why it was rolled back.
    """

    canister: Principal
    entry: str
    instructions: int
    heap_pages: int
    stable_pages: int
    failure: Reject | None


@dataclass(slots=True)
class Span:
    """One call: who called what, what ran, what it called, how it ended.

    canister: the callee. caller: None for a heartbeat or timer. answer: None while open.
    argument: None where there is none, or the call was not seen.
    accepted_cycles: of the attached cycles, known with the answer.
    is_continued: the call was made before the trace began; only what came later is here.
    """

    canister: Principal
    method: str
    caller: Principal | None
    time_ns: int
    cycles: int = 0
    argument: bytes | None = None
    executions: list[Execution] = field(default_factory=list)
    calls: list[Span] = field(default_factory=list)
    answer: Answer | None = None
    accepted_cycles: int = 0
    is_continued: bool = False

    @property
    def instructions(self) -> int:
        """Of the call itself, without the calls it made."""
        return sum(item.instructions for item in self.executions)

    def walk(self) -> Iterator[Span]:
        """Return this span and all below it, callers first."""
        yield self
        for call in self.calls:
            yield from call.walk()

    def as_dict(self) -> dict[str, Any]:
        """Return the span as plain values, as ``Trace.to_json`` writes them."""
        return {
            "canister": str(self.canister),
            "method": self.method,
            "caller": None if self.caller is None else str(self.caller),
            "time_ns": self.time_ns,
            "argument": None if self.argument is None else self.argument.hex(),
            "cycles": self.cycles,
            "accepted_cycles": self.accepted_cycles,
            "instructions": self.instructions,
            "continued": self.is_continued,
            "executions": [_execution_dict(item) for item in self.executions],
            "result": answer_dict(self.answer),
            "calls": [call.as_dict() for call in self.calls],
        }


@dataclass(slots=True)
class Trace:
    """Everything that happened while somebody listened; ``print`` it, or ``to_json``.

    limits: the profile in force. is_cut: there was more than was kept.
    wording: how it is told.
    """

    limits: Limits = MAINNET
    roots: list[Span] = field(default_factory=list)
    is_cut: bool = False
    wording: Wording = field(default_factory=Wording, compare=False, repr=False)

    @property
    def spans(self) -> tuple[Span, ...]:
        """All calls, callers before what they called."""
        return tuple(span for root in self.roots for span in root.walk())

    @property
    def executions(self) -> tuple[Execution, ...]:
        """All messages that ran, call by call."""
        return tuple(item for span in self.spans for item in span.executions)

    def to_json(self) -> str:
        """Return the trees as JSON, with the profile of limits they ran under."""
        record = {
            "limits": self.limits.summary(),
            "is_cut": self.is_cut,
            "calls": [root.as_dict() for root in self.roots],
        }
        return json.dumps(record, indent=1)

    def __str__(self) -> str:
        """Return the trees as text; the limits are named where they are not the mainnet's."""
        lines = list(told(self.roots, self.wording))
        if self.is_cut:
            lines.append("… and more")
        if lines and self.limits != MAINNET:
            lines.append(f"limits: {self.limits}")
        return "\n".join(lines)


class Tracer:
    """Listens to a world and fills ``trace``. See ``watching.Watcher``.

    most: calls kept in detail; what comes later is only counted.
    """

    def __init__(
        self,
        now_ns: Callable[[], int],
        limits: Limits = MAINNET,
        most: int = _MOST_CALLS,
        *,
        wording: Wording | None = None,
    ) -> None:
        self.trace = Trace(limits, wording=wording or Wording())
        self._left = most
        self.messages = 0
        self._now_ns = now_ns
        self._by_request: dict[int, Span] = {}
        self._by_context: dict[int, Span] = {}
        self._queries: list[Span] = []

    def requested(self, request: Request, context: int | None) -> None:
        """See ``watching.Watcher``."""
        self._span(request, None if context is None else self._by_context.get(context))

    def began(self, context: int, request: Request | None, canister: Principal) -> None:  # noqa: ARG002  # of the protocol
        """See ``watching.Watcher``."""
        if request is not None and not self.trace.is_cut:
            self._by_context[context] = self._span_of(request)

    def executed(self, context: int, canister: Principal, entry: str, outcome: Outcome) -> None:
        """See ``watching.Watcher``."""
        span = self._by_context.get(context)
        if span is None:
            is_callback = entry.endswith(" callback")
            span = Span(canister, entry, None, self._now_ns(), is_continued=is_callback)
            if self._place(span, None):
                self._by_context[context] = span
        span.executions.append(_execution(canister, entry, outcome))
        self.messages += 1

    def answered(self, request: Request, answer: Answer, refund: int) -> None:
        """See ``watching.Watcher``."""
        span = self._span_of(request)
        span.answer, span.accepted_cycles = answer, request.cycles - refund

    def query_began(
        self, canister: Principal, method: str, argument: bytes, caller: Principal
    ) -> None:
        """Note a query, from outside or from a composite query."""
        span = Span(canister, method, caller, self._now_ns(), argument=argument)
        self._place(span, self._queries[-1] if self._queries else None)
        self._queries.append(span)

    def query_executed(self, canister: Principal, entry: str, outcome: Outcome) -> None:
        """Note an execution of the innermost query under way."""
        self._queries[-1].executions.append(_execution(canister, entry, outcome))
        self.messages += 1

    def query_ended(self, answer: Answer) -> None:
        """Note the answer of the innermost query under way."""
        self._queries.pop().answer = answer

    def _span_of(self, request: Request) -> Span:
        return self._by_request.get(_key(request)) or self._span(request, None, is_continued=True)

    def _span(self, request: Request, parent: Span | None, *, is_continued: bool = False) -> Span:
        """Return a span for a request, placed where there is room."""
        span = Span(
            request.callee,
            request.method,
            request.sender,
            self._now_ns(),
            request.cycles,
            request.argument,
            is_continued=is_continued,
        )
        if self._place(span, parent):
            self._by_request[_key(request)] = span
        return span

    def _place(self, span: Span, parent: Span | None) -> bool:
        if self._left <= 0:
            self.trace.is_cut = True
            return False
        (self.trace.roots if parent is None else parent.calls).append(span)
        self._left -= 1
        return True


@dataclass(frozen=True, slots=True)
class Report:
    """What a tick, or moving the clock, brought about.

    messages: how many ran. trace: what they were and what came of them.
    """

    messages: int
    started_ns: int
    ended_ns: int
    trace: Trace

    @property
    def failures(self) -> tuple[Execution, ...]:
        """The messages that were rolled back."""
        return tuple(item for item in self.trace.executions if item.failure is not None)

    def __bool__(self) -> bool:
        return self.messages > 0

    def __repr__(self) -> str:
        # Short: prompts show it unasked. ``print`` tells the whole.
        length = (self.ended_ns - self.started_ns) / 1e9
        failed = len(self.failures)
        return f"<Report: {length:g} s, messages: {self.messages}, failures: {failed}>"

    def __str__(self) -> str:
        head = f"{self.messages} messages in {(self.ended_ns - self.started_ns) / 1e9:g} s"
        return f"{head}\n{self.trace}" if self.trace.roots else head


def _key(request: Request) -> int:
    # Callbacks and ingress messages are numbered by the same counter.
    return request.callback if request.callback is not None else (request.ingress or 0)


def _execution(canister: Principal, entry: str, outcome: Outcome) -> Execution:
    return Execution(
        canister,
        entry,
        outcome.instructions,
        outcome.heap_dirty_pages,
        outcome.stable_dirty_pages,
        outcome.failure,
    )


def _execution_dict(item: Execution) -> dict[str, Any]:
    return {
        "entry": item.entry,
        "instructions": item.instructions,
        "heap_pages": item.heap_pages,
        "stable_pages": item.stable_pages,
        "failure": None if item.failure is None else answer_dict(item.failure),
    }


def answer_dict(answer: Answer | None) -> dict[str, Any] | None:
    """Return an answer as plain values."""
    match answer:
        case Reply():
            return {"reply": answer.data.hex()}
        case Reject():
            return {
                "reject_code": int(answer.code),
                "error_code": answer.error_code,
                "message": answer.message,
            }
        case None:
            return None
