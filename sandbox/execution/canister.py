"""One message, one transaction: run it, then commit whole or leave no trace.

``CanisterRuntime`` is a canister that runs messages (``sandbox.execution.running``). The rule it
keeps: invariant 1 (a failed or read-only message changes nothing but the log).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sandbox import texts
from sandbox.engine import Instance, TrapInfo
from sandbox.engine.interrupts import PostponedSignals
from sandbox.execution import exchange
from sandbox.execution.capture import Capture, Held
from sandbox.execution.embodiment import FULL_STABLE_PAGES, PAGE_BYTES, Origin
from sandbox.execution.exchange import Effects, Surroundings
from sandbox.execution.failures import failed, out_of_host_memory, trap_violation
from sandbox.execution.machine import Growth, Machine
from sandbox.execution.running import Running
from sandbox.memory import OS_PAGE, Region, RegionRefused
from sandbox.messages import Outcome, Reject, Task
from sandbox.principal import Principal
from sandbox.records import renew
from sandbox.system_api.table import IMPORTS, Context
from sandbox.system_api.violations import Kind, Violation, describe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox.execution.log import CanisterLog
    from sandbox.state import CanisterState

__all__ = ["CanisterRuntime", "Capture", "Growth", "Held", "Machine", "Origin"]

# For each OS page a message changed, after it ran: by the heap's width, and for stable memory.
# The replica counts pages written; here, one written with the bytes it held counts for nothing.
# Source: reference/limits_and_costs.md section 4.
_HEAP_PAGE_INSTRUCTIONS: Final = {False: 1_000, True: 4_000}
_STABLE_PAGE_INSTRUCTIONS: Final = 1_000
# Less is not worth looking for: finding zero pages reads all the memory that is not a hole.
_MUCH_READ_BYTES: Final = 64 << 20
_NO_ROOM: Final = "the sandbox's memory budget is used up"
_READ_ONLY: Final = (
    Context.QUERY
    | Context.COMPOSITE_QUERY
    | Context.COMPOSITE_REPLY
    | Context.COMPOSITE_REJECT
    | Context.COMPOSITE_CLEANUP
    | Context.TRANSFORM
    | Context.INSPECT
)
_INSTALLING: Final = Context.INIT | Context.PRE_UPGRADE | Context.START
# wasm_memory_limit is enforced in these only (reference/management_canister.md, settings).
_HEAP_LIMITED: Final = Context.UPDATE | Context.INIT | Context.START


class CanisterRuntime(Running):
    """A canister between and during messages."""

    def __init__(
        self, machine: Machine, state: CanisterState, heap: Region, stable: Region, log: CanisterLog
    ) -> None:
        super().__init__(machine, state, heap, stable, log)
        self._reservation = 0
        self._task_context = Context.UPDATE
        self._outstanding: Mapping[Principal, int] = {}
        self._image_bytes = (0, 0)  # heap, stable memory; when the message began
        self._is_read_limit = False

    def execute(self, task: Task, *, bumps_version: bool = False) -> Outcome:
        """Run one message to its end: committed, or rolled back without a trace.

        Requires: the canister has a module, and the task's export exists in it.
        Raises: UsageError in a thread whose stack is too small for Wasm code.
        """
        self.machine.compiler.stack.check()
        self.live()
        self._task_context, self._outstanding = task.context, task.outstanding
        self._image_bytes = self._held_bytes()
        try:
            instance, trap = self._run_to_end(task)
            outcome = self._finish(instance, task, trap, bumps_version=bumps_version)
        except BaseException:
            # Interrupted, or the host is out of memory: forget the half-done instance.
            self.discard()
            raise
        if self.module.drops_segments:
            # A dropped data segment cannot come back in a live instance, but the IC makes
            # a new instance for each message.
            self.discard()
        return outcome

    def _finish(
        self,
        instance: Instance,
        task: Task,
        trap: TrapInfo | Violation | None,
        *,
        bumps_version: bool,
    ) -> Outcome:
        """Commit or roll back, and say what happened."""
        instructions = instance.instructions_used()
        failure = self._failure(instance, task, trap)
        pages = (0, 0)
        if failure is None:
            effects = exchange.read_effects(instance.mail)
            if task.keeps:
                try:
                    pages = self._commit(instance, effects, bumps_version=bumps_version)
                except RegionRefused as error:
                    violation = out_of_host_memory(str(error))
                    failure = failed(self.state.id, violation).reject
        self._take_log(instance, task)
        if failure is not None or not task.keeps:
            self._roll_back(instance)
        self._give_back_read_pages(sum(pages))
        for_pages = _HEAP_PAGE_INSTRUCTIONS[self.module.is_64] * pages[0]
        for_pages += _STABLE_PAGE_INSTRUCTIONS * pages[1]
        self._count_rest(task, instructions, sum(pages), for_pages)
        if failure is not None:
            return Outcome(failure, instructions=instructions)
        if instance.probe is not None:
            instance.probe.add_pages(sum(pages), for_pages)
        return Outcome(
            None,
            effects.answer,
            instructions + for_pages,
            effects.calls,
            effects.accepted,
            effects.accepted_cycles,
            *pages,
            effects.burned_cycles,
        )

    def went_live(self) -> None:
        """See ``Embodiment``."""
        self.machine.on_live(self)

    # --- one message

    def _surroundings(self, instance: Instance, task: Task) -> Surroundings:
        state, limits = self.state, self.machine.limits
        is_query = task.context in _READ_ONLY
        fee, byte_fee = (0, 0) if is_query else self.machine.call_fee(self.module.is_64)
        return Surroundings(
            status=int(state.status),
            version=state.version,
            time_ns=self.machine.now_ns(),
            timer_ns=state.timer_ns,
            balance=state.cycles,
            liquid=self.machine.liquid(self),
            stable_pages=self.stable.size_bytes // PAGE_BYTES,
            stable_max_pages=min(limits.stable_memory_bytes // PAGE_BYTES, FULL_STABLE_PAGES),
            stable_capacity_pages=instance.stable_capacity_bytes // PAGE_BYTES,
            stable_budget=self._stable_limit(),
            max_reply=limits.query_reply_bytes if is_query else limits.reply_bytes,
            max_payload=limits.call_payload_bytes,
            # Beyond this many calls the host is asked: some callee's queue may be full.
            max_calls=max(0, limits.calls_per_message - max(task.outstanding.values(), default=0)),
            call_fee=fee,
            call_byte_fee=byte_fee,
        )

    def _failure(
        self, instance: Instance, task: Task, trap: TrapInfo | Violation | None
    ) -> Reject | None:
        info = trap if isinstance(trap, TrapInfo) else None
        violation = self._violation(instance, task, trap)
        if violation is None:
            return None
        failure = failed(self.state.id, violation, info, is_trace_told=self._tells_trace(task))
        self._take_log(instance, task, *failure.log_lines)
        return failure.reject

    def _tells_trace(self, task: Task) -> bool:
        """Whether who hears of a failure may read the log as well; of a timer's nobody hears."""
        settings = self.state.settings
        is_heard = task.caller != Principal.management() or task.context is Context.TRANSFORM
        return not is_heard or settings.lets_see(task.caller, settings.log_visibility)

    def _violation(
        self, instance: Instance, task: Task, trap: TrapInfo | Violation | None
    ) -> Violation | None:
        if trap is None:
            return self._memory_violation(instance, task)
        if isinstance(trap, Violation):
            return trap
        report = exchange.read_report(instance.mail, self._labels)
        if report is None:
            return trap_violation(trap, task.instruction_limit)
        if report.kind is Kind.STABLE_LIMIT:
            report = replace(report, text=self._stable_limit_text())
        return describe(report, task.context, str(self.state.id))

    def _memory_violation(self, instance: Instance, task: Task) -> Violation | None:
        """Return what is wrong with the memory of a message that ended well."""
        self._reservation = 0
        limit = self.state.settings.wasm_memory_limit_bytes
        used = instance.heap_bytes
        if limit and used > limit and task.context in _HEAP_LIMITED:
            return Violation(
                "IC0539", texts.wasm_memory_limit(limit, used), texts.WASM_MEMORY_LIMIT
            )
        if task.context in _READ_ONLY:
            return None
        balance, stable_pages = exchange.read_balance_and_stable_pages(instance.mail)
        stable = stable_pages * PAGE_BYTES
        grown = used - self.heap.size_bytes + stable - self.stable.size_bytes
        if grown <= 0:
            return None
        growth = self.machine.growth(self, grown, balance)
        self._reservation = growth.reserved_cycles
        return growth.violation

    def _commit(
        self, instance: Instance, effects: Effects, *, bumps_version: bool
    ) -> tuple[int, int]:
        """Make both memories and the state new: the two at once, after all that may fail.

        Returns the OS pages that were stored. Raises: RegionRefused; nothing changed then.
        """
        stable_bytes = effects.stable_pages * PAGE_BYTES
        is_stable_touched = effects.window[1] or stable_bytes != self.stable.size_bytes
        if self.machine.is_tight():
            self._check_room(instance, effects)
        heap = self.heap.prepare_commit(instance.heap_bytes)
        stable = None
        if is_stable_touched:
            stable = self.stable.prepare_commit(stable_bytes, window=effects.window)
        pages = (heap.dirty_pages, stable.dirty_pages if stable else 0)
        if not self.machine.has_room(sum(pages) * OS_PAGE):
            raise RegionRefused(_NO_ROOM)
        state = self.state
        new_state = renew(
            state,
            globals=instance.read_mutable_globals(),
            cycles=effects.balance - self._reservation,
            reserved_cycles=state.reserved_cycles + self._reservation,
            timer_ns=state.timer_ns if effects.new_timer_ns is None else effects.new_timer_ns,
            certified_data=(
                state.certified_data if effects.new_certified is None else effects.new_certified
            ),
            version=state.version + bumps_version,
        )
        with PostponedSignals():
            self.heap.finish_commit(heap)
            if stable is not None:
                self.stable.finish_commit(stable)
            self.state, self._origin = new_state, Origin.STATE
        return pages

    def _check_room(self, instance: Instance, effects: Effects) -> None:
        """Refuse before anything is reserved: what is prepared keeps its pages.

        Counts the changed pages once more, so only done when memory is short.
        """
        changed = self.heap.dirty_bytes(grown_to=instance.heap_bytes)
        if effects.window[1]:
            grown_to = _whole_pages(effects.window[1])
            changed += self.stable.dirty_bytes(window=effects.window, grown_to=grown_to)
        if not self.machine.has_room(changed):
            raise RegionRefused(_NO_ROOM)

    def _roll_back(self, instance: Instance) -> None:
        if instance.heap_bytes != self.heap.size_bytes:
            self.discard()  # a heap cannot shrink in place
            return
        self.heap.roll_back()
        window = exchange.read_window(instance.mail)
        if window[1]:
            self.stable.roll_back(window=window, grown_to=_whole_pages(window[1]))
        instance.write_mutable_globals(self.state.globals)

    def _take_log(self, instance: Instance, task: Task, *more: str) -> None:
        lines = exchange.read_log(instance.mail) + more
        if lines:
            self._keep(lines, task.context)

    def _keep(self, lines: Sequence[str], context: Context) -> None:
        self.log.append(
            self.machine.now_ns(),
            lines,
            is_query=context in _READ_ONLY,
            wanted_bytes=self.state.settings.log_memory_limit_bytes,
        )

    # --- what the system API asks while a message runs; none of these raises

    def _stable_limit(self) -> int:
        limits, context = self.machine.limits, self._task_context
        if context in _INSTALLING:
            return limits.install_stable_write_bytes
        if context in _READ_ONLY:
            return limits.query_stable_write_bytes
        return limits.update_stable_write_bytes

    def stable_budget(self, offset: int, size: int) -> int:
        """See ``engine.HostSide``."""
        assert self._instance is not None
        window = exchange.read_window(self._instance.mail)  # this write is in it already
        runs = self.stable.dirty_runs(window=window, grown_to=_whole_pages(window[1]))
        start, end = offset - offset % OS_PAGE, -(-(offset + size) // OS_PAGE) * OS_PAGE
        apart = sum(length - max(0, min(at + length, end) - max(at, start)) for at, length in runs)
        written = apart + (end - start if size else 0)
        # A page that is read or written for the first time is new in the image as well.
        self._is_read_limit = self._new_image_bytes() > written
        left = self._stable_limit() - max(written, self._new_image_bytes())
        return left if left >= 0 and self.machine.has_room(apart) else -1

    def _stable_limit_text(self) -> str:
        what = "accessed" if self._is_read_limit else "modified"
        return (
            f"Exceeded the limit for the number of {what} pages in the stable memory in a "
            f"single message execution: limit: {self._stable_limit() >> 10} KB."
        )

    def _new_image_bytes(self) -> int:
        """Return what the message has added to the stable memory's image by touching it."""
        return max(0, self.stable.image_bytes - self._image_bytes[1])

    def _held_bytes(self) -> tuple[int, int]:
        """Return what the images of heap and stable memory hold, as far as it can matter.

        Each answer is a system call, asked for before and after every message.
        """
        is_heap_asked = self.heap.size_bytes > _MUCH_READ_BYTES or self.machine.is_tight()
        return (
            self.heap.image_bytes if is_heap_asked else 0,
            self.stable.image_bytes if self.stable.size_bytes else 0,
        )

    def _give_back_read_pages(self, committed_pages: int) -> None:
        """Free the pages that merely reading (or a rollback) has left behind, if they are many."""
        grown = sum(self._held_bytes()) - sum(self._image_bytes) - committed_pages * OS_PAGE
        if grown > (0 if self.machine.is_tight() else _MUCH_READ_BYTES):
            self.heap.give_back_zeros()
            self.stable.give_back_zeros()

    def flush_log(self) -> int:
        """See ``engine.HostSide``."""
        assert self._instance is not None
        lines = exchange.read_log(self._instance.mail)
        self._keep(lines, self._task_context)
        return len(lines)

    def _is_queue_full(self) -> bool:
        """Whether the queue to the callee of the call under construction is full."""
        assert self._instance is not None
        made, callee = exchange.read_callees(self._instance.mail)
        waiting = self._outstanding.get(callee, 0) + made.count(callee)
        return waiting >= self.machine.limits.calls_per_message

    def cost(self, function: int, a: int, b: int) -> int:
        """See ``engine.HostSide``."""
        assert self._instance is not None
        name = IMPORTS[function].name
        if name == "call_perform":
            return self._is_queue_full()
        key = (
            exchange.read_scratch(self._instance.mail, b)
            if "_sign_" in name or "vetkd" in name
            else ""
        )
        amount = self.machine.cost(name, a, b, key, self.module.is_64)
        if amount is None:
            return 2 if a == 0 or (a == 1 and name == "cost_sign_with_schnorr") else 1
        exchange.write_cost(self._instance.mail, amount)
        return 0


def _whole_pages(size_bytes: int) -> int:
    return -(-size_bytes // PAGE_BYTES) * PAGE_BYTES
