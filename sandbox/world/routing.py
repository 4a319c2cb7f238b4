"""Call contexts, callbacks and the queue: the life of a call across messages.

One message runs at a time; ``sandbox.world.order`` says which. A context is answered exactly
once; when no callback is outstanding and nothing was answered, the system answers for the
canister. Every execution is paid for (``sandbox.cycles``), callbacks with the call.
Longer than other modules because each step of a context's life changes the same tables;
what is made of them is elsewhere (``tasks``, ``traffic``, ``refusals``, ``order``).
Source: IC interface specification, "Call contexts"; reference/management_canister.md.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sandbox import texts
from sandbox.cycles.uses import Use
from sandbox.execution import lowmemory, ratelimits
from sandbox.execution.failures import failed, with_cleanup
from sandbox.memory import OS_PAGE
from sandbox.messages import (
    Answer,
    Outcome,
    OutgoingCall,
    Reject,
    Reply,
    reject,
)
from sandbox.principal import Principal
from sandbox.records import renew
from sandbox.state import Status
from sandbox.system_api.table import Context
from sandbox.system_api.violations import Violation
from sandbox.world.order import take_next
from sandbox.world.refusals import DEADLINE_EXPIRED, refusal_of, refuse_poor
from sandbox.world.tasks import call_task, callback_task, cleanup_task, system_task
from sandbox.world.traffic import (
    Callback,
    CallContext,
    Delayed,
    Message,
    Request,
    Response,
    StopRequest,
    SystemTask,
    Traffic,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.cycles import Bank
    from sandbox.execution.canister import CanisterRuntime
    from sandbox.messages import Task
    from sandbox.world.watching import Watcher

_MANAGEMENT: Final = Principal.management()
_SECOND_NS: Final = 1_000_000_000
_NOBODY: Final[Mapping[Principal, int]] = MappingProxyType({})


@dataclass(slots=True)
class Router:
    """Delivers messages between canisters.

    find: the canister behind a principal, None when there is none.
    manage: answers a call to the management canister; None: the answer comes later.
    stand_in: answers in a canister's place, or changes the request; see ``sandbox.world.mocks``.
    choose: None for first in, first out; see ``sandbox.world.order``.
    end_round: lets a round pass for all canisters; None where none has to wait for one.
    watchers: who listens, if anybody.
    """

    find: Callable[[Principal], CanisterRuntime | None]
    manage: Callable[[Request], tuple[Answer, int] | None]
    stand_in: Callable[[Request], tuple[Request, tuple[Answer, int] | None]]
    bank: Bank
    now_ns: Callable[[], int]
    choose: Callable[[int], int] | None = None
    end_round: Callable[[], None] | None = None
    watchers: tuple[Watcher, ...] = ()
    queue: deque[Message] = field(default_factory=deque)
    delayed: list[Delayed] = field(default_factory=list)
    contexts: dict[int, CallContext] = field(default_factory=dict)
    callbacks: dict[int, Callback] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)
    stops: list[StopRequest] = field(default_factory=list)
    next_id: int = 0
    _outstanding: dict[Principal, Counter[Principal]] = field(default_factory=dict)
    _open: Counter[Principal] = field(default_factory=Counter)

    def submit(
        self, callee: Principal, method: str, argument: bytes, sender: Principal, cycles: int
    ) -> int:
        """Queue an ingress message and return the id its answer will have."""
        ingress = self._new_id()
        request = Request(callee, method, argument, sender, cycles, None, ingress)
        for watcher in self.watchers:
            watcher.requested(request, None)
        self.queue.append(request)
        return ingress

    def take_answer(self, ingress: int) -> Answer | None:
        """Return the answer to an ingress message, once it is there."""
        return self.answers.pop(ingress, None)

    def step(self) -> bool:
        """Run the next message; False when there is none."""
        if not self.queue:
            return False
        match self._take_next():
            case Request() as request:
                self._deliver(request)
            case Response() as response:
                self._respond(response)
            case SystemTask() as task:
                self._run_system_task(task)
        return True

    def reply_to(self, request: Request, answer: Answer, refund: int) -> None:
        """Send a request its answer and the cycles nobody took."""
        for watcher in self.watchers:
            watcher.answered(request, answer, refund)
        if request.ingress is not None:
            self.answers[request.ingress] = answer
            self.bank.unmint(refund)
            return
        assert request.callback is not None
        response = Response(request.callback, answer, refund)
        fault = request.fault
        if fault is None:
            self.queue.append(response)
        elif fault.is_dropped:
            self.bank.lose(refund)
        else:
            response = replace(response, traps=fault.traps_callback)
            self.post(response, self.now_ns() + fault.delay_ns)

    def post(self, message: Message, due_ns: int) -> None:
        """Queue a message for a time; at once when that is now."""
        if due_ns <= self.now_ns():
            self.queue.append(message)
        else:
            self.delayed.append(Delayed(due_ns, message))

    # --- time

    def next_event_ns(self) -> int | None:
        """Return when something falls due that is not a timer of a canister."""
        dues = [item.due_ns for item in self.delayed]
        dues += [item.deadline_ns for item in self.callbacks.values() if item.deadline_ns]
        dues += [item.deadline_ns for item in self.stops]
        return min(dues, default=None)

    def catch_up(self) -> None:
        """Queue what has fallen due: delayed messages, then expired deadlines."""
        now = self.now_ns()
        due = sorted(
            (item for item in self.delayed if item.due_ns <= now), key=lambda item: item.due_ns
        )
        self.delayed = [item for item in self.delayed if item.due_ns > now]
        self.queue.extend(item.message for item in due)
        waiting = {item.callback for item in self.queue if isinstance(item, Response)}
        for key, callback in list(self.callbacks.items()):
            if callback.deadline_ns and callback.deadline_ns <= now and key not in waiting:
                self.callbacks[key] = replace(callback, deadline_ns=0)
                self.queue.append(Response(key, DEADLINE_EXPIRED, 0))
        for stop in [item for item in self.stops if item.deadline_ns <= now]:
            self.stops.remove(stop)
            timeout = reject("IC0206", "Stop canister request timed out")
            self.reply_to(stop.request, timeout, stop.request.cycles)

    # --- what the management canister needs to know and do

    def has_open_contexts(self, canister: Principal) -> bool:
        """Whether the canister still owes or awaits an answer."""
        return self._open[canister] > 0

    def has_messages_for(self, canister: Principal) -> bool:
        """Whether something is on its way to the canister."""
        messages = (*self.queue, *(item.message for item in self.delayed))
        return any(self._receiver(message) == canister for message in messages)

    def is_awaited(self) -> bool:
        """Whether somebody outside still waits for an answer."""
        waiting = [context.request for context in self.contexts.values() if not context.is_answered]
        requests = (item for item in (*waiting, *self.queue) if isinstance(item, Request))
        return any(request.ingress is not None for request in requests)

    def take_stop_requests(self, canister: Principal) -> tuple[Request, ...]:
        """Return who waits for the canister to stop; they must be answered now."""
        found = tuple(item.request for item in self.stops if item.canister == canister)
        self.stops = [item for item in self.stops if item.canister != canister]
        return found

    def outstanding(self, canister: Principal) -> Mapping[Principal, int]:
        """Return how many answers a canister awaits, by callee."""
        return self._outstanding.get(canister, _NOBODY)

    def forget_canister(self, canister: Principal) -> None:
        """Answer everything an uninstalled canister owes; late responses only refund."""
        for key, context in list(self.contexts.items()):
            if context.canister != canister or context.is_deleted:
                continue
            if not context.is_answered:
                self._answer(key, reject("IC0406", "Canister has been uninstalled."))
            self._update(key, is_deleted=True)

    def saved(self) -> Traffic:
        """Return all that is under way."""
        return Traffic(
            tuple(self.queue),
            tuple(self.delayed),
            tuple(self.contexts.items()),
            tuple(self.callbacks.items()),
            tuple(self.answers.items()),
            tuple(self.stops),
            self.next_id,
        )

    def restore(self, traffic: Traffic) -> None:
        """Put back what ``saved`` returned."""
        self.queue = deque(traffic.queue)
        self.delayed = list(traffic.delayed)
        self.contexts = dict(traffic.contexts)
        self.callbacks = dict(traffic.callbacks)
        self.answers = dict(traffic.answers)
        self.stops = list(traffic.stops)
        self.next_id = traffic.next_id
        self._open = Counter(context.canister for context in self.contexts.values())
        self._outstanding = {}
        for callback in self.callbacks.values():
            self._count(callback, 1)

    # --- requests

    def _deliver(self, request: Request) -> None:
        if request.deadline_ns and request.deadline_ns <= self.now_ns():
            # The caller hears of it from ``catch_up``; the call is never executed.
            self._refund_dropped(request)
            return
        request, instead = self.stand_in(request)
        if instead is not None:
            # What a function accepts leaves the world: there is no balance to put it in.
            self.bank.lose(instead[1])
        if instead is None and request.callee == _MANAGEMENT:
            instead = self.manage(request)
            if instead is None:
                return
        if instead is not None:
            answer, accepted = instead
            self.reply_to(request, answer, request.cycles - accepted)
            return
        runtime = self.find(request.callee)
        refusal = refusal_of(runtime, request.callee, request.method)
        if refusal is None and runtime is not None and request.ingress is None:
            refusal = refuse_poor(runtime, request.sender, request.cycles)
        if refusal is not None or runtime is None:
            assert refusal is not None
            self.reply_to(request, refusal, request.cycles)
            return
        self._run_request(runtime, request)

    def _run_request(self, runtime: CanisterRuntime, request: Request) -> None:
        key = self._open_context(
            CallContext(request.callee, request, request.sender, available_cycles=request.cycles)
        )
        task = call_task(runtime, request, self.outstanding(request.callee))
        outcome = self._run(runtime, task)
        if outcome.failure is not None:
            self._answer(key, outcome.failure.with_code)
        self._after(key, runtime, outcome, request.method)

    def _run_system_task(self, task: SystemTask) -> None:
        runtime = self.find(task.canister)
        if runtime is None or runtime.state.module is None:
            return
        if task.export not in runtime.module.hooks or runtime.state.status is not Status.RUNNING:
            return
        key = self._open_context(CallContext(task.canister, None, _MANAGEMENT, 0, is_answered=True))
        outcome = self._run(runtime, system_task(runtime, task, self.outstanding(task.canister)))
        if task.context is Context.LOW_MEMORY:
            lowmemory.note_executed(runtime)
        self._after(key, runtime, outcome, task.export)

    # --- responses

    def _respond(self, response: Response) -> None:
        callback = self.callbacks.pop(response.callback, None)
        if callback is None:  # a late response to an expired bounded-wait call
            self.bank.lose(response.refund)
            return
        self._count(callback, -1)
        key = callback.context
        context = self.contexts[key]
        self._update(key, outstanding=context.outstanding - 1)
        runtime = self.find(context.canister)
        self._settle_response(runtime, context.canister, callback, response)
        if runtime is None or runtime.state.module is None or context.is_deleted:
            self._return(runtime, callback.prepaid_execution)
            self._close_if_done(key)
            return
        if response.traps:
            self._return(runtime, callback.prepaid_execution)
            outcome = Outcome(_injected_trap(context.canister))
        else:
            task = callback_task(
                runtime, self.contexts[key], callback, response, self.outstanding(context.canister)
            )
            outcome = self._run(runtime, task, callback.prepaid_execution)
        if outcome.failure is not None:
            self._callback_failed(runtime, key, callback, outcome.failure)
        is_reply = isinstance(response.answer, Reply)
        self._after(key, runtime, outcome, "reply callback" if is_reply else "reject callback")

    def _settle_response(
        self,
        runtime: CanisterRuntime | None,
        canister: Principal,
        callback: Callback,
        response: Response,
    ) -> None:
        """Give back refunded cycles and what the response's transmission did not need."""
        answer = response.answer
        size = (
            len(answer.data)
            if isinstance(answer, Reply)
            else len(answer.message_to_canisters.encode())
        )
        fee = min(callback.prepaid_response, self.bank.prices.call_byte * size)
        self.bank.consume(canister, Use.TRANSMISSION, fee)
        self._return(runtime, response.refund + callback.prepaid_response - fee)

    def _callback_failed(
        self, runtime: CanisterRuntime, key: int, callback: Callback, failure: Reject
    ) -> None:
        """Run the cleanup callback; whatever happens, the failure is the context's answer."""
        cleanup = callback.call.on_cleanup
        if cleanup is not None:
            task = cleanup_task(runtime, self.contexts[key], cleanup)
            outcome = self._run(runtime, task)
            self._watch(key, runtime, outcome, "cleanup callback")
            if outcome.failure is not None:
                failure = with_cleanup(runtime.state.id, failure, outcome.failure)
        context = self.contexts[key]
        if not context.is_answered and not context.outstanding:
            self._answer(key, failure.with_code)

    # --- what an execution leaves behind

    def _after(self, key: int, runtime: CanisterRuntime, outcome: Outcome, entry: str) -> None:
        self._watch(key, runtime, outcome, entry)
        if outcome.heap_dirty_pages:
            lowmemory.look(runtime, self.queue)
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
        prices = self.bank.prices
        sender = runtime.state.id
        limit = runtime.machine.limits.update_instructions
        deadline = 0
        if call.timeout_s is not None:
            deadline = self.now_ns() + call.timeout_s * _SECOND_NS
        id_ = self._new_id()
        callback = self.callbacks[id_] = Callback(
            key,
            call,
            deadline,
            prices.execution(limit, is_64=runtime.module.is_64),
            prices.longest_response,
        )
        self._count(callback, 1)
        size = len(call.method.encode()) + len(call.argument)
        self.bank.consume(sender, Use.TRANSMISSION, prices.call + prices.call_byte * size)
        request = Request(
            call.callee, call.method, call.argument, sender, call.cycles, id_, None, deadline
        )
        for watcher in self.watchers:
            watcher.requested(request, key)
        self.queue.append(request)

    def _answer_for_silent(self, key: int) -> None:
        context = self.contexts[key]
        if context.is_answered or context.outstanding or context.request is None:
            return
        silence = reject("IC0506", f"Canister {context.canister} did not reply to the call")
        self._answer(key, replace(silence, told="No response"))

    def _answer(self, key: int, answer: Answer) -> None:
        context = self.contexts[key]
        assert not context.is_answered
        if context.request is not None:
            self.reply_to(context.request, answer, context.available_cycles)
        self._update(key, is_answered=True, available_cycles=0)

    # --- books

    def _open_context(self, context: CallContext) -> int:
        key = self._new_id()
        self.contexts[key] = context
        self._open[context.canister] += 1
        for watcher in self.watchers:
            watcher.began(key, context.request, context.canister)
        return key

    def _close_if_done(self, key: int) -> None:
        context = self.contexts[key]
        if context.is_answered and not context.outstanding:
            del self.contexts[key]
            self._open[context.canister] -= 1

    def _watch(self, key: int, runtime: CanisterRuntime, outcome: Outcome, entry: str) -> None:
        for watcher in self.watchers:
            watcher.executed(key, runtime.state.id, entry, outcome)

    def _count(self, callback: Callback, more: int) -> None:
        sender = self.contexts[callback.context].canister
        self._outstanding.setdefault(sender, Counter())[callback.call.callee] += more

    def _return(self, runtime: CanisterRuntime | None, cycles: int) -> None:
        if runtime is None:
            self.bank.lose(cycles)
        else:
            self.bank.add(runtime, cycles)

    def _refund_dropped(self, request: Request) -> None:
        self._return(self.find(request.sender), request.cycles)

    def _receiver(self, message: Message) -> Principal | None:
        match message:
            case Request():
                return message.callee
            case Response():
                callback = self.callbacks.get(message.callback)
                return None if callback is None else self.contexts[callback.context].canister
            case SystemTask():
                return message.canister

    def _take_next(self) -> Message:
        if self.end_round is None:
            return take_next(self.queue, self.choose)
        while all(map(self._must_wait, self.queue)):
            self.end_round()  # nothing else is left to run in this one
        return take_next(self.queue, self.choose, self._must_wait)

    def _must_wait(self, message: Message) -> bool:
        receiver = self._receiver(message)
        runtime = None if receiver is None else self.find(receiver)
        return runtime is not None and ratelimits.must_wait(runtime)

    def _run(self, runtime: CanisterRuntime, task: Task, prepaid: int | None = None) -> Outcome:
        """Execute a message that its canister pays for."""
        outcome = self.bank.run(runtime, task, prepaid=prepaid)
        if self.end_round is not None:
            pages = outcome.heap_dirty_pages + outcome.stable_dirty_pages
            ratelimits.note_heap_delta(runtime, pages * OS_PAGE)
        return outcome

    def _update(self, key: int, **changes: object) -> None:
        self.contexts[key] = renew(self.contexts[key], **changes)  # type: ignore[arg-type]  # field names

    def _new_id(self) -> int:
        self.next_id += 1
        return self.next_id


def _injected_trap(canister: Principal) -> Reject:
    message = "Canister trapped: a fault was injected into this callback"
    return failed(canister, Violation("IC0502", message, texts.TRAPPED)).reject
