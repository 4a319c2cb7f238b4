"""What is under way between canisters: requests, responses, call contexts, callbacks.

All immutable records; ``Traffic`` is all of it at one moment, so that an anchor can keep it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from sandbox.messages import Answer, OutgoingCall
    from sandbox.principal import Principal
    from sandbox.system_api.table import Context


@dataclass(frozen=True, slots=True)
class ReplyFault:
    """What is done to a call's answer on purpose.

    traps_callback: the callback that gets it is made to trap.
    """

    delay_ns: int = 0
    is_dropped: bool = False
    traps_callback: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A call on its way to a canister.

    callback: the sender's callback id, None for an ingress message.
    deadline_ns: of a bounded-wait call, else 0.
    """

    callee: Principal
    method: str
    argument: bytes
    sender: Principal
    cycles: int
    callback: int | None
    ingress: int | None
    deadline_ns: int = 0
    fault: ReplyFault | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """An answer on its way to the canister that called.

    traps: the callback is made to trap (an injected fault).
    """

    callback: int
    answer: Answer
    refund: int
    traps: bool = False


@dataclass(frozen=True, slots=True)
class SystemTask:
    """A heartbeat, a due timer or a low-memory hook of one canister."""

    canister: Principal
    export: str
    context: Context


Message: TypeAlias = Request | Response | SystemTask


@dataclass(frozen=True, slots=True)
class Delayed:
    """A message that is delivered when the clock gets there."""

    due_ns: int
    message: Message


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Somebody waits for a canister to stop."""

    canister: Principal
    request: Request
    deadline_ns: int


@dataclass(frozen=True)
class CallContext:
    """What a canister owes somebody.

    request: None for system tasks, which nobody waits for.
    available_cycles: attached and not accepted yet. outstanding: callbacks to come.
    is_deleted: the code was uninstalled meanwhile; responses only bring refunds.
    """

    canister: Principal
    request: Request | None
    caller: Principal
    available_cycles: int
    is_answered: bool = False
    outstanding: int = 0
    instructions: int = 0
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Callback:
    """Where a response goes in.

    prepaid_execution, prepaid_response: paid with the call for running the callback and for
        the response's way back.
    """

    context: int
    call: OutgoingCall
    deadline_ns: int
    prepaid_execution: int
    prepaid_response: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """All that is under way."""

    queue: tuple[Message, ...] = ()
    delayed: tuple[Delayed, ...] = ()
    contexts: tuple[tuple[int, CallContext], ...] = ()
    callbacks: tuple[tuple[int, Callback], ...] = ()
    answers: tuple[tuple[int, Answer], ...] = ()
    stops: tuple[StopRequest, ...] = ()
    next_id: int = 0

    @property
    def cycles(self) -> int:
        """All cycles that are neither in a balance nor spent."""
        messages = (*self.queue, *(item.message for item in self.delayed))
        return (
            sum(message.cycles for message in messages if isinstance(message, Request))
            + sum(message.refund for message in messages if isinstance(message, Response))
            + sum(context.available_cycles for _, context in self.contexts)
            + sum(item.prepaid_execution + item.prepaid_response for _, item in self.callbacks)
            + sum(item.request.cycles for item in self.stops)
        )
