"""One message, one transaction: run it, then commit whole or leave no trace.

``CanisterRuntime`` owns what a canister is made of: the immutable state record, the heap
and stable memory regions, the log and, as a cache, a live instance. Rules it keeps:
invariant 1 (a failed or read-only message changes nothing but the log) and invariant 2
(between messages the instance shows exactly the regions and globals of the state).
"""

from __future__ import annotations

import weakref
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from sandbox import exchange, texts
from sandbox.engine import Compiled, Compiler, Hooks, Instance, TrapInfo
from sandbox.errors import ModuleRefused, SandboxError
from sandbox.exchange import Effects, Surroundings
from sandbox.failures import failed, no_function, out_of_host_memory, trap_violation
from sandbox.interrupts import uninterrupted
from sandbox.memory import OS_PAGE, Region, RegionKind, RegionRefused, new_region
from sandbox.messages import Outcome, Reject, Task
from sandbox.records import replace
from sandbox.system_api.table import IMPORTS, Context
from sandbox.system_api.violations import Kind, Violation, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.limits import Limits
    from sandbox.log import CanisterLog
    from sandbox.modules import InstalledModule
    from sandbox.principal import Principal
    from sandbox.state import CanisterState

PAGE_BYTES: Final = 65_536
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
_FULL_STABLE_PAGES: Final = 500 << 14  # 500 GiB
# Few canisters outgrow 16 GiB, and with the heap's 8 GiB and the mailbox thousands of
# instances fit the 128 TiB of address space. A message that does is run again with all.
_FIRST_STABLE_PAGES: Final = 16 << 14


class Origin(Enum):
    """Where a new instance's heap and globals come from."""

    NEW = "the module: data segments and initialisers (install, reinstall, upgrade)"
    HEAP = "heap from the region, globals from the initialisers (upgrade that keeps memory)"
    STATE = "both from the state (the instance is merely made anew)"


@dataclass(frozen=True, slots=True)
class Machine:
    """What all canisters of a sandbox share.

    system_api: by heap width, the compiled system API and its label texts.
    memory_kind: ``auto``, ``copy-on-write`` or ``copying`` (``sandbox.memory``).
    cost: (import name, a, b, key name, is_64) -> cycles, or None for an unknown curve or key.
    liquid: what a canister may spend. call_fee: of every call, by heap width; and per byte.
    growth: what growing by some bytes costs a canister that has so many cycles left.
    has_room: whether the process may keep this many more bytes.
    on_live: told about each new instance, so that the owner can bound their number.
    """

    compiler: Compiler
    system_api: Callable[[bool], tuple[Compiled, tuple[str, ...]]]
    limits: Limits
    subnet: Principal
    root_key: bytes
    now_ns: Callable[[], int]
    memory_kind: RegionKind
    cost: Callable[[str, int, int, str, bool], int | None]
    liquid: Callable[[CanisterRuntime], int]
    call_fee: Callable[[bool], tuple[int, int]]
    growth: Callable[[CanisterRuntime, int, int], Growth]
    has_room: Callable[[int], bool]
    on_live: Callable[[CanisterRuntime], None]

    def new_region(self, size_bytes: int = 0) -> Region:
        """Return a fresh region of this machine's kind."""
        return new_region(size_bytes, kind=self.memory_kind)


@dataclass(frozen=True, slots=True)
class Growth:
    """What becomes of a message that made memory grow.

    violation: why it may not; else the cycles to be set aside for the memory.
    """

    violation: Violation | None = None
    reserved_cycles: int = 0


class Held:
    """A region together with a mark in it that lives as long as this object.

    The mark is released when the last reference goes (an anchor, a snapshot, …), so that
    a deleted snapshot survives exactly as long as an anchor may bring it back.
    """

    __slots__ = ("mark", "region")

    def __init__(self, region: Region) -> None:
        self.region = region
        with uninterrupted():
            self.mark = region.mark()

    def __del__(self) -> None:
        with suppress(SandboxError, AttributeError), uninterrupted():
            self.region.release(self.mark)


@dataclass(frozen=True, slots=True)
class Capture:
    """A canister's state and memories at one moment.

    Its marks live as long as it does.
    """

    state: CanisterState
    heap: Held
    stable: Held


class CanisterRuntime:
    """A canister between and during messages."""

    def __init__(
        self, machine: Machine, state: CanisterState, heap: Region, stable: Region, log: CanisterLog
    ) -> None:
        self.machine = machine
        self.state = state
        self.heap = heap
        self.stable = stable
        self.log = log
        self._instance: Instance | None = None
        self._labels: tuple[str, ...] = ()
        self._reservation = 0
        self._origin = Origin.STATE
        self._needs_all_stable = False
        self._task_context = Context.UPDATE
        self._outstanding: Mapping[Principal, int] = {}

    def execute(self, task: Task, *, bumps_version: bool = False) -> Outcome:
        """Run one message to its end: committed, or rolled back without a trace.

        Requires: the canister has a module, and the task's export exists in it.
        Raises: UsageError in a thread whose stack is too small for Wasm code.
        """
        self.machine.compiler.stack.check()
        instance = self.live()
        self._task_context, self._outstanding = task.context, task.outstanding
        try:
            first_line = self.log.next_index
            trap = self._run(instance, task)
            if trap is not None and exchange.wants_stable_capacity(instance.mail):
                self.log.forget_from(first_line)
                instance, trap = self._run_with_all_stable(task)
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
        instructions = instance.fuel_used()
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
        if failure is not None:
            return Outcome(failure, instructions=instructions)
        return Outcome(
            None,
            effects.answer,
            instructions,
            effects.calls,
            effects.accepted,
            effects.accepted_cycles,
            *pages,
            effects.burned_cycles,
        )

    @property
    def module(self) -> InstalledModule:
        """The installed module. Requires: there is one."""
        assert self.state.module is not None, "the canister is empty"
        return self.state.module

    def live(self) -> Instance:
        """Return the live instance, making it from regions and globals when needed."""
        if self._instance is None:
            self.start_instance(self._origin)
        assert self._instance is not None
        return self._instance

    def start_instance(self, origin: Origin) -> None:
        """Instantiate the module over the regions; no code of the canister runs.

        Raises: ModuleRefused when a data segment does not fit and such; nothing changed.
        """
        with uninterrupted():
            self._start_instance(origin)

    def _start_instance(self, origin: Origin) -> None:
        module, machine = self.module, self.machine
        system_api, self._labels = machine.system_api(module.is_64)
        instance = Instance(
            machine.compiler.engine,
            system_api,
            module.compiled,
            module.shape,
            Hooks(weakref.ref(self)),
            heap_pages=self.heap.size_bytes // PAGE_BYTES,
            stable_capacity_pages=self._stable_capacity_pages(),
        )
        self._instance = instance
        try:
            self._attach(instance, origin)
            self.write_identity()
        except BaseException:
            self.discard()  # what it shows is not the canister's state
            raise
        self._origin = origin
        machine.on_live(self)

    def _stable_capacity_pages(self) -> int:
        fits = self.stable.size_bytes <= _FIRST_STABLE_PAGES * PAGE_BYTES
        return _FIRST_STABLE_PAGES if fits and not self._needs_all_stable else _FULL_STABLE_PAGES

    def _attach(self, instance: Instance, origin: Origin) -> None:
        if origin is Origin.NEW:
            # An empty view that has grown: what the data segments wrote gets committed.
            self.heap.attach(instance.heap_address, 0, fresh=True)
        else:
            if instance.heap_bytes > self.heap.size_bytes:
                self.heap.resize(instance.heap_bytes)
            elif instance.heap_bytes < self.heap.size_bytes:
                raise ModuleRefused("Wasm module has no memory to keep the heap in")
            self.heap.attach(instance.heap_address, instance.heap_bytes)
        if origin is Origin.STATE:
            instance.write_mutable_globals(self.state.globals)
        else:
            # Known from the start: the first message may have to be rolled back.
            self.state = replace(self.state, globals=instance.read_mutable_globals())
        self.stable.attach(instance.stable_address, instance.stable_capacity_bytes, fresh=True)

    def write_identity(self) -> None:
        """Tell the live instance about changed settings; free when there is none."""
        if self._instance is None:
            return
        exchange.write_identity(
            self._instance.mail,
            canister=self.state.id,
            subnet=self.machine.subnet,
            root_key=self.machine.root_key,
            controllers=self.state.settings.controllers,
            environment=self.state.settings.environment,
        )

    def discard(self) -> None:
        """Throw the live instance away, with whatever it had not committed."""
        with uninterrupted():
            if self._instance is None:
                return
            instance, self._instance = self._instance, None
            self.heap.detach()
            self.stable.detach()
            instance.close()

    def settle(self) -> None:
        """Commit what instantiation alone has written, when no code of the canister runs."""
        instance = self.live()
        with uninterrupted():
            self.heap.commit(instance.heap_bytes)
            self._origin = Origin.STATE

    def capture(self) -> Capture:
        """Remember state and memories; costs the same for every size."""
        return Capture(self.state, Held(self.heap), Held(self.stable))

    def restore(self, capture: Capture) -> None:
        """Become what was captured, byte for byte; costs the pages changed since.

        The capture stays valid. The live instance is kept when it can show the old content.
        """
        heap, stable = capture.heap, capture.stable
        with uninterrupted():
            if not self._can_show(capture):
                self.discard()
            self.heap, self.stable, self.state = heap.region, stable.region, capture.state
            heap.region.rewind(heap.mark)
            stable.region.rewind(stable.mark)
            if self._instance is not None:
                self._instance.write_mutable_globals(self.state.globals)
                self.write_identity()

    def _can_show(self, capture: Capture) -> bool:
        return (
            self._instance is not None
            and self.heap is capture.heap.region
            and self.stable is capture.stable.region
            and self.state.module is capture.state.module
            and self._instance.heap_bytes == capture.heap.mark.size_bytes
            and self._instance.stable_capacity_bytes >= capture.stable.mark.size_bytes
        )

    def adopt(self, other: CanisterRuntime) -> None:
        """Take over another runtime's state, memories and instance; it is used up by that.

        Regions that nobody else holds (``Held``) are freed.
        """
        with uninterrupted():
            if self._instance is not other._instance:
                self.discard()
            self.state, self.heap, self.stable = other.state, other.heap, other.stable
            self._instance, other._instance = other._instance, None
            self._labels = other._labels
            # Somebody may remember ``other`` (``Machine.on_live``); the regions must not live on.
            del other.heap, other.stable
            if self._instance is not None:
                self._instance.hooks.owner = weakref.ref(self)
                self.machine.on_live(self)

    def close(self) -> None:
        """Free everything the canister holds."""
        self.discard()
        self.heap.close()
        self.stable.close()

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
            stable_max_pages=min(limits.stable_memory_bytes // PAGE_BYTES, _FULL_STABLE_PAGES),
            stable_capacity_pages=instance.stable_capacity_bytes // PAGE_BYTES,
            stable_budget=self._stable_limit(),
            max_reply=limits.query_reply_bytes if is_query else limits.reply_bytes,
            max_payload=limits.call_payload_bytes,
            # Beyond this many calls the host is asked: some callee's queue may be full.
            max_calls=max(0, limits.calls_per_message - max(task.outstanding.values(), default=0)),
            call_fee=fee,
            call_byte_fee=byte_fee,
        )

    def _run_with_all_stable(self, task: Task) -> tuple[Instance, TrapInfo | Violation | None]:
        """Run a message from its start again, with address space for all stable memory."""
        self.discard()
        self._needs_all_stable = True
        instance = self.live()
        return instance, self._run(instance, task)

    def _run(self, instance: Instance, task: Task) -> TrapInfo | Violation | None:
        exchange.write_task(instance.mail, task, self._surroundings(instance, task))
        if isinstance(task.run, str):
            return instance.run(task.run, task.instruction_limit)
        result = instance.run_table(task.run.function, task.run.env, task.instruction_limit)
        return no_function(task.run) if isinstance(result, str) else result

    def _failure(
        self, instance: Instance, task: Task, trap: TrapInfo | Violation | None
    ) -> Reject | None:
        info = trap if isinstance(trap, TrapInfo) else None
        violation = self._violation(instance, task, trap)
        if violation is None:
            return None
        failure = failed(self.state.id, violation, info)
        self._take_log(instance, task, *failure.log_lines)
        return failure.reject

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
        heap = self.heap.prepare_commit(instance.heap_bytes)
        stable = None
        if is_stable_touched:
            stable = self.stable.prepare_commit(stable_bytes, window=effects.window)
        pages = (heap.dirty_pages, stable.dirty_pages if stable else 0)
        if not self.machine.has_room(sum(pages) * OS_PAGE):
            raise RegionRefused("the sandbox's memory budget is used up")
        state = self.state
        new_state = replace(
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
        with uninterrupted():
            self.heap.finish_commit(heap)
            if stable is not None:
                self.stable.finish_commit(stable)
            self.state, self._origin = new_state, Origin.STATE
        return pages

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
            is_query = task.context in _READ_ONLY
            self.log.append(self.machine.now_ns(), lines, is_query=is_query)

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
        left = self._stable_limit() - apart - (end - start)
        return left if left >= 0 and self.machine.has_room(apart) else -1

    def _stable_limit_text(self) -> str:
        return (
            "Exceeded the limit for the number of modified pages in the stable memory in a "
            f"single message execution: limit: {self._stable_limit() >> 10} KB."
        )

    def flush_log(self) -> int:
        """See ``engine.HostSide``."""
        assert self._instance is not None
        lines = exchange.read_log(self._instance.mail)
        is_query = self._task_context in _READ_ONLY
        self.log.append(self.machine.now_ns(), lines, is_query=is_query)
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
