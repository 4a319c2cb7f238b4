"""Query calls: executed on the spot, leaving no trace, composite ones across canisters.

Every call sees the canister as it was before the whole query; its own callbacks see what it
did itself. When it ends, the canister is as before.
Limits of the profile: the depth of the call graph, one instruction budget for all of it, in which
every call costs something whatever it does (reference/limits_and_costs.md section 1; the
replica's query_call_graph.rs: they are looked at before each step of a graph, not of a query
that answers at once). The IC's ten seconds are not measured: that would not be repeatable.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from sandbox.execution.canister import CanisterRuntime
from sandbox.execution.failures import with_cleanup
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
from sandbox.system_api.table import Context
from sandbox.wasm.methods import MethodKind
from sandbox.world.refusals import refusal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.execution.canister import Capture
    from sandbox.limits import Limits
    from sandbox.state import CanisterState
    from sandbox.world.watching import Watcher

_MANAGEMENT: Final = Principal.management()
_ENTRIES: Final = {
    Context.COMPOSITE_REPLY: "reply callback",
    Context.COMPOSITE_REJECT: "reject callback",
    Context.COMPOSITE_CLEANUP: "cleanup callback",
}


class _CutShortError(Exception):
    """The call graph broke a limit: the whole query is answered with this reject."""

    def __init__(self, refusal: Reject) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


@dataclass(slots=True)
class QueryRun:
    """One query from outside, with all the queries it makes.

    find: the canister behind a principal, None when there is none.
    manage: answers a query to the management canister.
    stand_in: answers in a canister's place; None leaves the call to the canister.
    is_frozen: whether a canister has too few cycles left to answer.
    note: counts an execution: canister, instructions, bytes asked and answered.
    certify: gives the certificate that the canister asked from outside may read.
    """

    find: Callable[[Principal], CanisterRuntime | None]
    caller: Principal
    manage: Callable[[str, bytes, Principal], Answer]
    stand_in: Callable[[Principal, str, bytes, Principal], Answer | None]
    is_frozen: Callable[[CanisterRuntime], bool]
    note: Callable[[Principal, int, int, int], None]
    watchers: tuple[Watcher, ...] = ()
    certify: Callable[[CanisterState], bytes] = lambda _state: b""
    _under_way: dict[Principal, Capture] = field(default_factory=dict)
    _used: int = 0

    def run(self, canister: Principal, method: str, argument: bytes) -> Answer:
        """Answer a query; no canister is changed by it."""
        try:
            return self._call(canister, method, argument, self.caller, depth=0)
        except _CutShortError as error:
            return error.refusal

    def _call(
        self, canister: Principal, method: str, argument: bytes, caller: Principal, *, depth: int
    ) -> Answer:
        for watcher in self.watchers:
            watcher.query_began(canister, method, argument, caller)
        try:
            answer = self._answer(canister, method, argument, caller, depth=depth)
        except _CutShortError as error:
            self._note_end(error.refusal)
            raise
        self._note_end(answer)
        return answer

    def _note_end(self, answer: Answer) -> None:
        for watcher in self.watchers:
            watcher.query_ended(answer)

    def _answer(
        self, canister: Principal, method: str, argument: bytes, caller: Principal, *, depth: int
    ) -> Answer:
        if canister == _MANAGEMENT:
            return self.manage(method, argument, caller)
        instead = self.stand_in(canister, method, argument, caller)
        if instead is not None:
            return instead
        runtime = self.find(canister)
        refusal = refusal_of(runtime, canister, method, is_query=True)
        if refusal is not None or runtime is None:
            assert refusal is not None
            return refusal
        if self.is_frozen(runtime):
            text = (
                f"Canister {canister} is unable to process query calls because it's frozen. "
                "Please top up the canister with cycles and try again."
            )
            return reject("IC0207", text)
        with self._as_before(runtime, method) as fresh:
            return self._run_method(fresh, method, argument, caller, depth)

    def _run_method(
        self, runtime: CanisterRuntime, method: str, argument: bytes, caller: Principal, depth: int
    ) -> Answer:
        found = runtime.module.methods[method]
        is_composite = found.kind is MethodKind.COMPOSITE_QUERY
        task = Task(
            run=found.export_name,
            context=Context.COMPOSITE_QUERY if is_composite else Context.QUERY,
            instruction_limit=self._budget(runtime),
            argument=argument,
            caller=caller,
            method=method,
            keeps=is_composite,
            is_replicated=False,
            certificate=b"" if depth else self.certify(runtime.state),
        )
        outcome = self._execute(runtime, task)
        answered = len(outcome.answer.data) if isinstance(outcome.answer, Reply) else 0
        self.note(runtime.state.id, outcome.instructions, len(argument), answered)
        if depth:
            self._used += runtime.machine.limits.query_call_instructions
        if outcome.failure is not None:
            return outcome.failure
        answer = self._finish(runtime, task, outcome, depth)
        if answer is None:
            return reject("IC0506", f"Canister {runtime.state.id} did not produce a response")
        return answer

    @contextmanager
    def _as_before(self, runtime: CanisterRuntime, method: str) -> Iterator[CanisterRuntime]:
        """Give a canister as it was before the whole query; afterwards it is so again.

        A canister that waits for an answer further up is not disturbed: its second call
        gets a copy.
        """
        canister = runtime.state.id
        before = self._under_way.get(canister)
        if before is not None:
            copy = _copy(runtime, before)
            try:
                yield copy
            finally:
                copy.close()
        elif runtime.module.methods[method].kind is not MethodKind.COMPOSITE_QUERY:
            yield runtime  # a query is rolled back anyway
        else:
            self._under_way[canister] = before = runtime.capture()
            try:
                yield runtime
            finally:
                del self._under_way[canister]
                runtime.restore(before)

    def _finish(
        self, runtime: CanisterRuntime, task: Task, outcome: Outcome, depth: int
    ) -> Answer | None:
        """Make the calls of a composite query, in order, until nothing is outstanding."""
        answer, calls = outcome.answer, list(outcome.calls)
        # Once there is an answer the rest of the graph cannot change it (so the replica).
        while answer is None:
            self._check_graph(runtime, depth)
            if not calls:
                break
            call = calls.pop(0)
            response = self._call(
                call.callee, call.method, call.argument, runtime.state.id, depth=depth + 1
            )
            self._check_graph(runtime, depth)
            outcome = self._callback(runtime, task, call, response)
            if outcome.failure is not None and not calls:
                answer = outcome.failure
            answer = answer or outcome.answer
            calls += outcome.calls
        return answer

    def _check_graph(self, runtime: CanisterRuntime, depth: int) -> None:
        """End the whole query where its graph is too deep or has used up its instructions."""
        limits = runtime.machine.limits
        if depth >= limits.query_depth:
            text = "Composite query calls exceeded the maximum call depth."
            raise _CutShortError(reject("IC0525", text))
        if self._used >= _whole_budget(limits):
            text = "Composite query calls exceeded the instruction limit."
            raise _CutShortError(reject("IC0526", text))

    def _callback(
        self, runtime: CanisterRuntime, task: Task, call: OutgoingCall, response: Answer
    ) -> Outcome:
        is_reply = isinstance(response, Reply)
        callback = replace(
            task,
            run=call.on_reply if is_reply else call.on_reject,
            context=Context.COMPOSITE_REPLY if is_reply else Context.COMPOSITE_REJECT,
            instruction_limit=self._budget(runtime),
            argument=response.data if isinstance(response, Reply) else response.message.encode(),
            reject_code=0 if isinstance(response, Reply) else int(response.code),
            method="",
            certificate=b"",
        )
        outcome = self._execute(runtime, callback)
        if outcome.failure is not None and call.on_cleanup is not None:
            cleanup = self._cleanup(runtime, task, call.on_cleanup).failure
            if cleanup is not None:
                failure = with_cleanup(runtime.state.id, outcome.failure, cleanup)
                return replace(outcome, failure=failure)
        return outcome

    def _cleanup(self, runtime: CanisterRuntime, task: Task, closure: Closure) -> Outcome:
        return self._execute(
            runtime,
            replace(
                task,
                run=closure,
                context=Context.COMPOSITE_CLEANUP,
                instruction_limit=self._budget(runtime),
                argument=b"",
                method="",
                certificate=b"",
            ),
        )

    def _execute(self, runtime: CanisterRuntime, task: Task) -> Outcome:
        outcome = runtime.execute(task)
        self._used += outcome.instructions
        for watcher in self.watchers:
            watcher.query_executed(runtime.state.id, task.method or _ENTRIES[task.context], outcome)
        return outcome

    def _budget(self, runtime: CanisterRuntime) -> int:
        limits = runtime.machine.limits
        return min(limits.query_instructions, max(0, _whole_budget(limits) - self._used))


def _whole_budget(limits: Limits) -> int:
    # A profile that gives a single query more does not mean to take it back here.
    return max(limits.query_graph_instructions, limits.query_instructions)


def _copy(runtime: CanisterRuntime, capture: Capture) -> CanisterRuntime:
    """Return another runtime of the captured state; it writes into the canister's own log."""
    return CanisterRuntime(
        runtime.machine,
        capture.state,
        capture.heap.region.fork(at=capture.heap.mark),
        capture.stable.region.fork(at=capture.stable.mark),
        runtime.log,
    )
