"""Call contexts, callbacks and the queue: the life of a call across messages.

Messages run one at a time, in the order they were queued (first in, first out), so the
same inputs give the same run. A context is answered exactly once; when no callback is
outstanding and nothing was answered, the system answers for the canister.
Source: IC interface specification, "Call contexts"; reference/management_canister.md.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from sandbox import texts
from sandbox.messages import (
    Answer,
    Closure,
    Outcome,
    OutgoingCall,
    Reject,
    Reply,
    Task,
    reject,
)
from sandbox.principal import Principal
from sandbox.state import Status
from sandbox.system_api.table import Context
from sandbox.wasm.methods import MethodKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.canister import CanisterRuntime

_MANAGEMENT: Final = Principal.management()


@dataclass(frozen=True, slots=True)
class Request:
    """A call on its way to a canister.

    callback: the sender's callback id, None for an ingress message.
    """

    callee: Principal
    method: str
    argument: bytes
    sender: Principal
    cycles: int
    callback: int | None
    ingress: int | None
    deadline_ns: int = 0


@dataclass(frozen=True, slots=True)
class Response:
    """An answer on its way to the canister that called."""

    callback: int
    answer: Answer
    refund: int


@dataclass(frozen=True, slots=True)
class SystemTask:
    """A heartbeat or a due timer of one canister."""

    canister: Principal
    export: str
    context: Context


Message: TypeAlias = Request | Response | SystemTask


@dataclass(frozen=True, slots=True)
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
    """Where a response goes in."""

    context: int
    call: OutgoingCall


@dataclass(frozen=True, slots=True)
class Traffic:
    """All that is under way; immutable, so that an anchor can keep it."""

    queue: tuple[Message, ...] = ()
    contexts: tuple[tuple[int, CallContext], ...] = ()
    callbacks: tuple[tuple[int, Callback], ...] = ()
    answers: tuple[tuple[int, Answer], ...] = ()
    next_id: int = 0


@dataclass(slots=True)
class Router:
    """Delivers messages between canisters.

    find: the canister behind a principal, None when there is none.
    manage: answers a call to the management canister.
    """

    find: Callable[[Principal], CanisterRuntime | None]
    manage: Callable[[Request], Answer]
    queue: deque[Message] = field(default_factory=deque)
    contexts: dict[int, CallContext] = field(default_factory=dict)
    callbacks: dict[int, Callback] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)
    next_id: int = 0

    def submit(
        self, callee: Principal, method: str, argument: bytes, sender: Principal, cycles: int
    ) -> int:
        """Queue an ingress message and return the id its answer will have."""
        ingress = self._new_id()
        self.queue.append(Request(callee, method, argument, sender, cycles, None, ingress))
        return ingress

    def take_answer(self, ingress: int) -> Answer | None:
        """Return the answer to an ingress message, once it is there."""
        return self.answers.pop(ingress, None)

    def step(self) -> bool:
        """Run the next message; False when there is none."""
        if not self.queue:
            return False
        match self.queue.popleft():
            case Request() as request:
                self._deliver(request)
            case Response() as response:
                self._respond(response)
            case SystemTask() as task:
                self._run_system_task(task)
        return True

    def has_open_contexts(self, canister: Principal) -> bool:
        """Whether the canister still owes or awaits an answer."""
        return any(context.canister == canister for context in self.contexts.values())

    def forget_canister(self, canister: Principal) -> None:
        """Answer everything an uninstalled canister owes; late responses only refund."""
        for key, context in list(self.contexts.items()):
            if context.canister != canister:
                continue
            if not context.is_answered:
                self._answer(key, reject("IC0406", "Canister has been uninstalled."))
            self._update(key, is_deleted=True)

    def saved(self) -> Traffic:
        """Return all that is under way."""
        return Traffic(
            tuple(self.queue),
            tuple(self.contexts.items()),
            tuple(self.callbacks.items()),
            tuple(self.answers.items()),
            self.next_id,
        )

    def restore(self, traffic: Traffic) -> None:
        """Put back what ``saved`` returned."""
        self.queue = deque(traffic.queue)
        self.contexts = dict(traffic.contexts)
        self.callbacks = dict(traffic.callbacks)
        self.answers = dict(traffic.answers)
        self.next_id = traffic.next_id

    # --- requests

    def _deliver(self, request: Request) -> None:
        if request.callee == _MANAGEMENT:
            self._reply_to(request, self.manage(request), request.cycles)
            return
        runtime = self.find(request.callee)
        refusal = refusal_of(runtime, request.callee, request.method)
        if refusal is not None or runtime is None:
            assert refusal is not None
            self._reply_to(request, refusal, request.cycles)
            return
        self._run_request(runtime, request)

    def _run_request(self, runtime: CanisterRuntime, request: Request) -> None:
        method = runtime.module.methods[request.method]
        is_update = method.kind is MethodKind.UPDATE
        key = self._new_id()
        self.contexts[key] = CallContext(
            request.callee, request, request.sender, available_cycles=request.cycles
        )
        task = Task(
            run=method.export_name,
            context=Context.UPDATE if is_update else Context.REPLICATED_QUERY,
            instruction_limit=runtime.machine.limits.update_instructions,
            argument=request.argument,
            caller=request.sender,
            method=request.method,
            keeps=is_update,
            available_cycles=request.cycles,
            deadline_ns=request.deadline_ns,
        )
        outcome = runtime.execute(task, bumps_version=True)
        if outcome.failure is not None:
            self._answer(key, outcome.failure)
        self._after(key, runtime, outcome)

    def _run_system_task(self, task: SystemTask) -> None:
        runtime = self.find(task.canister)
        if runtime is None or runtime.state.module is None:
            return
        if task.export not in runtime.module.hooks or runtime.state.status is not Status.RUNNING:
            return
        key = self._new_id()
        self.contexts[key] = CallContext(task.canister, None, _MANAGEMENT, 0, is_answered=True)
        limit = runtime.machine.limits.update_instructions
        outcome = runtime.execute(
            Task(task.export, task.context, limit, method=task.export), bumps_version=True
        )
        self._after(key, runtime, outcome)

    # --- responses

    def _respond(self, response: Response) -> None:
        callback = self.callbacks.pop(response.callback)
        key = callback.context
        context = self.contexts[key]
        self._update(key, outstanding=context.outstanding - 1)
        runtime = self.find(context.canister)
        if runtime is not None and response.refund:
            cycles = runtime.state.cycles + response.refund
            runtime.state = replace(runtime.state, cycles=cycles)
        if runtime is None or runtime.state.module is None or context.is_deleted:
            self._close_if_done(key)
            return
        is_reply = isinstance(response.answer, Reply)
        closure = callback.call.on_reply if is_reply else callback.call.on_reject
        outcome = runtime.execute(
            self._callback_task(runtime, key, closure, response), bumps_version=True
        )
        if outcome.failure is not None:
            self._callback_failed(runtime, key, callback, outcome.failure)
        self._after(key, runtime, outcome)

    def _callback_task(
        self, runtime: CanisterRuntime, key: int, closure: Closure, response: Response
    ) -> Task:
        context, answer = self.contexts[key], response.answer
        is_reply = isinstance(answer, Reply)
        return Task(
            run=closure,
            context=Context.REPLY if is_reply else Context.REJECT,
            instruction_limit=runtime.machine.limits.update_instructions,
            argument=answer.data if isinstance(answer, Reply) else answer.message.encode(),
            caller=context.caller,
            answered=context.is_answered,
            available_cycles=context.available_cycles,
            refunded_cycles=response.refund,
            reject_code=0 if isinstance(answer, Reply) else int(answer.code),
            deadline_ns=context.request.deadline_ns if context.request else 0,
            counter_base=context.instructions,
        )

    def _callback_failed(
        self, runtime: CanisterRuntime, key: int, callback: Callback, failure: Reject
    ) -> None:
        """Run the cleanup callback; whatever happens, the failure is the context's answer."""
        cleanup = callback.call.on_cleanup
        if cleanup is not None:
            task = Task(
                run=cleanup,
                context=Context.CLEANUP,
                instruction_limit=runtime.machine.limits.update_instructions,
                caller=self.contexts[key].caller,
                answered=self.contexts[key].is_answered,
            )
            second = runtime.execute(task, bumps_version=True).failure
            if second is not None:
                text = f"{failure.message}\n\ncall_on_cleanup also failed:\n\n{second.message}"
                failure = replace(failure, message=text)
        context = self.contexts[key]
        if not context.is_answered and not context.outstanding:
            self._answer(key, failure)

    # --- what an execution leaves behind

    def _after(self, key: int, runtime: CanisterRuntime, outcome: Outcome) -> None:
        context = self.contexts[key]
        self._update(
            key,
            instructions=context.instructions + outcome.instructions,
            available_cycles=context.available_cycles - outcome.accepted_cycles,
            outstanding=context.outstanding + len(outcome.calls),
        )
        for call in outcome.calls:
            self._send(key, runtime, call)
        if outcome.answer is not None:
            self._answer(key, outcome.answer)
        self._answer_for_silent(key)
        self._close_if_done(key)

    def _send(self, key: int, runtime: CanisterRuntime, call: OutgoingCall) -> None:
        callback = self._new_id()
        self.callbacks[callback] = Callback(key, call)
        deadline = 0
        if call.timeout_s is not None:
            deadline = runtime.machine.now_ns() + call.timeout_s * 1_000_000_000
        self.queue.append(
            Request(
                call.callee, call.method, call.argument, runtime.state.id, call.cycles,
                callback, None, deadline,
            )
        )  # fmt: skip

    def _answer_for_silent(self, key: int) -> None:
        context = self.contexts[key]
        if context.is_answered or context.outstanding or context.request is None:
            return
        self._answer(
            key, reject("IC0506", f"Canister {context.canister} did not reply to the call")
        )

    def _answer(self, key: int, answer: Answer) -> None:
        context = self.contexts[key]
        assert not context.is_answered
        if context.request is not None:
            self._reply_to(context.request, answer, context.available_cycles)
        self._update(key, is_answered=True, available_cycles=0)

    def _reply_to(self, request: Request, answer: Answer, refund: int) -> None:
        if request.ingress is not None:
            self.answers[request.ingress] = answer
        else:
            assert request.callback is not None
            self.queue.append(Response(request.callback, answer, refund))

    def _close_if_done(self, key: int) -> None:
        context = self.contexts[key]
        if context.is_answered and not context.outstanding:
            del self.contexts[key]

    def _update(self, key: int, **changes: object) -> None:
        self.contexts[key] = replace(self.contexts[key], **changes)  # type: ignore[arg-type]  # field names

    def _new_id(self) -> int:
        self.next_id += 1
        return self.next_id


def refusal_of(
    runtime: CanisterRuntime | None, canister: Principal, method: str, *, is_query: bool = False
) -> Reject | None:
    """Return why a call cannot even start, in the replica's words; None when it can."""
    if runtime is None:
        return reject("IC0301", f"Canister {canister} not found")
    state = runtime.state
    if state.status is not Status.RUNNING:
        code = "IC0508" if state.status is Status.STOPPED else "IC0509"
        word = "not running" if is_query else state.status.name.lower()
        return reject(code, f"Canister {canister} is {word}")
    if state.module is None:
        message = "Attempted to execute a message, but the canister contains no Wasm module."
        return reject("IC0537", texts.error_from(str(canister), message, texts.NO_MODULE))
    found = state.module.methods.get(method)
    if found is not None and found.kind is MethodKind.COMPOSITE_QUERY and not is_query:
        return reject("IC0527", "Composite query cannot be called in replicated mode")
    if found is None or (is_query and found.kind is MethodKind.UPDATE):
        kind = "query" if is_query else "update"
        message = f"Canister has no {kind} method '{method}'."
        return reject("IC0536", texts.error_from(str(canister), message, texts.METHOD_NOT_FOUND))
    return None
