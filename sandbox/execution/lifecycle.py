"""Installing, upgrading, uninstalling: the effect matrix, and all or nothing.

Which part of the state each operation keeps, replaces or clears is the table of
reference/management_canister.md section 2. An operation runs on a *candidate* made of the
new module and the memories it may use; only a candidate that got through every stage
takes the canister's place (invariant 3).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sandbox import texts
from sandbox.errors import ModuleRefused
from sandbox.execution import ratelimits
from sandbox.execution.canister import CanisterRuntime, Origin
from sandbox.messages import Reject, Task, reject
from sandbox.state import CanisterState, LowMemoryHook
from sandbox.system_api.table import Context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.execution.modules import InstalledModule
    from sandbox.principal import Principal

_EOP_MISSING: Final = (
    "Missing upgrade option: Enhanced orthogonal persistence requires the "
    "`wasm_memory_persistence` upgrade option."
)
_EOP_INVALID: Final = (
    "Invalid upgrade option: The `wasm_memory_persistence: opt Keep` upgrade option requires that "
    "the new canister module supports enhanced orthogonal persistence."
)


class Persistence(StrEnum):
    """``wasm_memory_persistence`` of an upgrade.

    AUTO is ours: keep for a module with enhanced orthogonal persistence, as dfx does; left out
    for any other, so that nobody loses a heap without having said so.
    """

    KEEP = "keep"
    REPLACE = "replace"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step: ``pre_upgrade``, ``compile``, ``start``, ``init`` or ``post_upgrade``.

    stable_dirty_pages: OS pages of stable memory that it wrote.
    """

    name: str
    instructions: int
    heap_bytes: int
    stable_bytes: int
    stable_dirty_pages: int = 0


@dataclass(frozen=True, slots=True)
class InstallReport:
    """What an installation did. failure: None when it succeeded; then all is as before."""

    failure: Reject | None
    stages: tuple[Stage, ...] = ()

    @property
    def instructions(self) -> int:
        """All stages together; they share one limit."""
        return sum(stage.instructions for stage in self.stages)


class _Failed(Exception):
    """A stage failed; carries the reject out of the nested steps."""

    def __init__(self, failure: Reject) -> None:
        super().__init__(failure.message)
        self.failure = failure


class _Stages:
    """Runs hooks one after the other on one instruction budget."""

    def __init__(self, limit: int, caller: Principal) -> None:
        self.done: list[Stage] = []
        self._limit = limit
        self._caller = caller

    def compile(self, runtime: CanisterRuntime, module: InstalledModule) -> None:
        """Charge for compiling the module, as far as the budget goes; it never fails for that."""
        cost = runtime.machine.limits.compile_instructions * module.instructions
        if cost:
            self._add("compile", min(cost, self._left()), runtime)

    def run(
        self, runtime: CanisterRuntime, name: str, export: str, context: Context, argument: bytes
    ) -> None:
        """Run one hook. Raises: _Failed."""
        left = self._left()
        task = Task(
            export,
            context,
            left,
            argument=argument,
            caller=self._caller,
            method=export,
        )
        outcome = runtime.execute(task)
        self._add(name, outcome.instructions, runtime, outcome.stable_dirty_pages)
        if outcome.failure is not None:
            raise _Failed(self._with_whole_limit(outcome.failure, left))

    def _left(self) -> int:
        return max(0, self._limit - sum(stage.instructions for stage in self.done))

    def _add(
        self, name: str, instructions: int, runtime: CanisterRuntime, dirty_pages: int = 0
    ) -> None:
        size = (runtime.heap.size_bytes, runtime.stable.size_bytes)
        self.done.append(Stage(name, instructions, *size, dirty_pages))

    def _with_whole_limit(self, failure: Reject, left: int) -> Reject:
        """Name the whole installation's limit in the text, not what this hook had left."""
        if failure.error_code != "IC0522":
            return failure
        text = failure.message.replace(f"limit of {left} ", f"limit of {self._limit} ")
        return replace(failure, message=text)

    def start_and(self, runtime: CanisterRuntime, name: str, hook: str, argument: bytes) -> None:
        """Run the start function, then ``canister_<hook>``, where the module has them."""
        start = runtime.module.shape.start_export
        if start is not None:
            self.run(runtime, "start", start, Context.START, b"")
        if hook in runtime.module.hooks:
            self.run(runtime, name, hook, Context.INIT, argument)
        elif start is None:
            runtime.settle()


def install(
    runtime: CanisterRuntime, module: InstalledModule, argument: bytes, caller: Principal
) -> InstallReport:
    """Install into an empty canister.

    On failure: the canister is empty as before; only its log may have grown.
    """
    if runtime.state.module is not None:
        canister = runtime.state.id
        text = (
            f"Canister {canister} cannot be installed because the canister is not empty. "
            "Try installing with mode='reinstall' instead."
        )
        return InstallReport(reject("IC0514", text))
    return _install_fresh(runtime, module, argument, caller)


def reinstall(
    runtime: CanisterRuntime, module: InstalledModule, argument: bytes, caller: Principal
) -> InstallReport:
    """Install anew, dropping heap, stable memory and certified data.

    On failure: the canister is as before; only its log may have grown.
    """
    return _install_fresh(runtime, module, argument, caller)


def _install_fresh(
    runtime: CanisterRuntime, module: InstalledModule, argument: bytes, caller: Principal
) -> InstallReport:
    refusal = ratelimits.refuse_install(runtime)
    if refusal is not None:
        return InstallReport(refusal)
    machine = runtime.machine
    first_line = runtime.log.next_index
    state = replace(_renewed(runtime, module), certified_data=b"")
    candidate = CanisterRuntime(
        machine, state, machine.new_region(), machine.new_region(), runtime.log
    )
    stages = _Stages(machine.limits.install_instructions, caller)
    stages.compile(candidate, module)
    try:
        with _closing_on_failure(candidate):
            _begin(candidate, Origin.NEW)
            stages.start_and(candidate, "init", "canister_init", argument)
    except _Failed as failed:
        return InstallReport(failed.failure, tuple(stages.done))
    runtime.adopt(candidate)
    runtime.log.forget_before(first_line)
    return InstallReport(None, tuple(stages.done))


def upgrade(
    runtime: CanisterRuntime,
    module: InstalledModule,
    argument: bytes,
    caller: Principal,
    *,
    skip_pre_upgrade: bool = False,
    persistence: Persistence | None = None,
) -> InstallReport:
    """Replace the module, keeping stable memory (and the heap when asked to).

    persistence: None is the IC's null: replace, and refused for a canister with enhanced
        orthogonal persistence.

    On failure: module, heap, stable memory, globals and all else are as before, also what
        pre_upgrade had changed; only the log may have grown.
    """
    refusal = ratelimits.refuse_install(runtime)
    refusal = refusal or _upgrade_refusal(runtime, module, persistence)
    if refusal is not None:
        return InstallReport(refusal)
    keeps_heap = persistence is Persistence.KEEP or (
        persistence is Persistence.AUTO and module.is_eop and runtime.module.is_eop
    )
    stages = _Stages(runtime.machine.limits.install_instructions, caller)
    try:
        with _undone_on_failure(runtime):
            if "canister_pre_upgrade" in runtime.module.hooks and not skip_pre_upgrade:
                hook = "canister_pre_upgrade"
                stages.run(runtime, "pre_upgrade", hook, Context.PRE_UPGRADE, b"")
            stages.compile(runtime, module)
            runtime.discard()
            heap = runtime.heap if keeps_heap else runtime.machine.new_region()
            candidate = CanisterRuntime(
                runtime.machine, _renewed(runtime, module), heap, runtime.stable, runtime.log
            )
            try:
                _begin(candidate, Origin.HEAP if keeps_heap else Origin.NEW)
                stages.start_and(candidate, "post_upgrade", "canister_post_upgrade", argument)
                runtime.adopt(candidate)
            except BaseException:
                candidate.discard()
                if not keeps_heap:
                    heap.close()
                raise
    except _Failed as failed:
        return InstallReport(failed.failure, tuple(stages.done))
    return InstallReport(None, tuple(stages.done))


def uninstall(runtime: CanisterRuntime) -> None:
    """Remove module, memories, certified data, chunks, timer and log; the rest stays."""
    machine, state = runtime.machine, runtime.state
    empty = replace(
        state,
        module=None,
        globals=(),
        certified_data=b"",
        timer_ns=0,
        low_memory_hook=LowMemoryHook.CONDITION_NOT_SATISFIED,
        chunks={},
        version=state.version + 1,
        installed_at_ns=None,
    )
    runtime.adopt(
        CanisterRuntime(machine, empty, machine.new_region(), machine.new_region(), runtime.log)
    )
    runtime.log.clear()


def _upgrade_refusal(
    runtime: CanisterRuntime, module: InstalledModule, persistence: Persistence | None
) -> Reject | None:
    canister = str(runtime.state.id)
    if runtime.state.module is None:
        message = "Attempted to execute a message, but the canister contains no Wasm module."
        return reject("IC0537", texts.error_from(canister, message, texts.NO_MODULE))
    is_left_out = persistence is None or (persistence is Persistence.AUTO and not module.is_eop)
    if runtime.module.is_eop and is_left_out:
        return reject("IC0504", _EOP_MISSING)
    if persistence is Persistence.KEEP and not module.is_eop:
        return reject("IC0504", _EOP_INVALID)
    return None


def _renewed(runtime: CanisterRuntime, module: InstalledModule) -> CanisterState:
    """Return the state a new module starts from, as far as all modes agree."""
    return replace(
        runtime.state,
        module=module,
        globals=(),
        timer_ns=0,
        low_memory_hook=LowMemoryHook.CONDITION_NOT_SATISFIED,
        version=runtime.state.version + 1,
        installed_at_ns=runtime.machine.now_ns(),
    )


def _begin(candidate: CanisterRuntime, origin: Origin) -> None:
    try:
        candidate.start_instance(origin)
    except ModuleRefused as error:
        raise _Failed(invalid_module(candidate.state.id, error)) from error


def invalid_module(canister: Principal, error: ModuleRefused) -> Reject:
    """Return the replica's reject for a module it does not accept."""
    message = f"Canister's Wasm module is not valid: {error.reason}"
    return reject("IC0505", texts.error_from(str(canister), message, texts.TOOLCHAIN))


@contextmanager
def _closing_on_failure(candidate: CanisterRuntime) -> Iterator[None]:
    try:
        yield
    except BaseException:
        candidate.close()
        raise


@contextmanager
def _undone_on_failure(runtime: CanisterRuntime) -> Iterator[None]:
    """Bring state, heap and stable memory back when the block fails."""
    before = runtime.capture()
    try:
        yield
    except BaseException:
        runtime.restore(before)
        raise
