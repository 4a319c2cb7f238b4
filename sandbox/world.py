"""The world: canisters, clock, messages under way. What ``Sandbox`` is made of.

No Candid and no friendly exceptions here: bytes in, ``Reply | Reject`` out. Everything that
outlives a message hangs off a ``World``; ``save`` and ``rewind`` cover all of it
(invariant 4).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sandbox import lifecycle
from sandbox.anchor import SavedCanister, SavedWorld
from sandbox.canister import CanisterRuntime, Machine
from sandbox.clock import Clock
from sandbox.controlling import refuse_stranger
from sandbox.engine.compiler import wat_to_wasm
from sandbox.errors import ModuleRefused, UsageError
from sandbox.hostmemory import MemoryBudget
from sandbox.lifecycle import InstallReport, Persistence
from sandbox.log import CanisterLog
from sandbox.messages import Answer, Reject, Task, reject
from sandbox.modules import ModuleLoader, Source
from sandbox.principal import Principal
from sandbox.queries import QueryRun
from sandbox.routing import Request, Router, SystemTask, refusal_of
from sandbox.state import CanisterState, Settings, Status
from sandbox.system_api import mailbox
from sandbox.system_api.assemble import system_api_source
from sandbox.system_api.table import Context
from snapshot.shelf import SnapshotShelf

if TYPE_CHECKING:
    from sandbox.engine import Compiled, Compiler
    from sandbox.limits import Limits
    from sandbox.memory import RegionKind

# Where dfx's local networks start, so that ids look familiar: bnz7o-iuaaa-aaaaa-qaaaa-cai.
_FIRST_CANISTER: Final = 0x8000_0000_0010_0000
# A live instance takes 0.5 TiB of the 128 TiB of address space (stable memory is reserved
# at full size), so only so many are live; the others are made anew when needed (0.4 ms).
_MAX_LIVE: Final = 160
# A public key nobody signs with here: generator of G2, that is the key of the secret 1.
_ROOT_KEY: Final = bytes.fromhex(
    "308182301d060d2b0601040182dc7c0503010201060c2b0601040182dc7c05030201036100"
    "93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
    "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
)


class World:
    """All canisters of a sandbox and what goes on between them."""

    def __init__(self, compiler: Compiler, limits: Limits, *, memory_kind: RegionKind) -> None:
        self.limits = limits
        self.clock = Clock()
        self.canisters: dict[Principal, CanisterRuntime] = {}
        self.loader = ModuleLoader(compiler)
        self.router = Router(self.canisters.get, self._manage)
        self.snapshots = SnapshotShelf(limits.snapshots_per_canister)
        self._compiler = compiler
        self._system_api: dict[bool, tuple[Compiled, tuple[str, ...]]] = {}
        self._next_canister = _FIRST_CANISTER
        self._live: OrderedDict[int, CanisterRuntime] = OrderedDict()
        self._budget = MemoryBudget(limits.host_memory_bytes, self._allocated_bytes)
        self.machine = Machine(
            compiler=compiler,
            system_api=self._compiled_system_api,
            limits=limits,
            subnet=Principal.self_authenticating(_ROOT_KEY),
            root_key=_ROOT_KEY,
            now_ns=self.clock.now,
            memory_kind=memory_kind,
            cost=_cost,
            has_room=self._budget.has_room,
            on_live=self._note_live,
        )

    # --- canisters

    def create(
        self, settings: Settings, cycles: int, specified_id: Principal | None = None
    ) -> CanisterRuntime:
        """Make an empty canister.

        Raises: UsageError when the id is taken.
        """
        id_ = specified_id or self._new_id()
        if id_ in self.canisters:
            raise UsageError(f"there is a canister {id_} already")
        machine = self.machine
        runtime = CanisterRuntime(
            machine,
            CanisterState(id=id_, settings=settings, cycles=cycles),
            machine.new_region(),
            machine.new_region(),
            CanisterLog(self.limits.log_bytes),
        )
        self.canisters[id_] = runtime
        return runtime

    def existing(self, canister: Principal) -> CanisterRuntime:
        """Return a canister. Raises: CanisterRejected (IC0301) when there is none."""
        runtime = self.canisters.get(canister)
        if runtime is None:
            raise reject("IC0301", f"Canister {canister} not found").to_exception()
        return runtime

    def is_controller(self, canister: Principal, caller: Principal) -> bool:
        """Whether the caller controls a canister; nobody controls one that is gone."""
        runtime = self.canisters.get(canister)
        return runtime is not None and caller in runtime.state.settings.controllers

    def forget(self, canister: Principal) -> None:
        """Undo ``create``: the canister is gone without a trace."""
        runtime = self.canisters.pop(canister, None)
        if runtime is not None:
            runtime.close()

    def install_code(
        self,
        runtime: CanisterRuntime,
        mode: str,
        source: Source,
        argument: bytes,
        caller: Principal,
        *,
        skip_pre_upgrade: bool = False,
        persistence: Persistence | None = None,
    ) -> InstallReport:
        """Install, reinstall or upgrade; on failure all is as before."""
        refusal = refuse_stranger(runtime.state, caller, "install_code")
        if refusal is not None:
            return InstallReport(refusal)
        try:
            module = self.loader.load(source)
        except ModuleRefused as error:
            return InstallReport(lifecycle.invalid_module(runtime.state.id, error))
        match mode:
            case "install":
                return lifecycle.install(runtime, module, argument, caller)
            case "reinstall":
                return lifecycle.reinstall(runtime, module, argument, caller)
            case "upgrade":
                return lifecycle.upgrade(
                    runtime,
                    module,
                    argument,
                    caller,
                    skip_pre_upgrade=skip_pre_upgrade,
                    persistence=persistence,
                )
            case _:
                raise UsageError(f"mode is install, reinstall or upgrade, not {mode!r}")

    def uninstall_code(self, runtime: CanisterRuntime) -> None:
        """Remove the code; open calls are answered."""
        lifecycle.uninstall(runtime)
        self.router.forget_canister(runtime.state.id)

    def start(self, runtime: CanisterRuntime) -> None:
        """Let the canister run again."""
        self._set_status(runtime, Status.RUNNING)

    def stop(self, runtime: CanisterRuntime) -> Reject | None:
        """Stop the canister once all its calls are done; None when it has stopped."""
        if runtime.state.status is Status.STOPPED:
            return None
        self._set_status(runtime, Status.STOPPING)
        self.settle()
        if self.router.has_open_contexts(runtime.state.id):
            return reject("IC0206", "Stop canister request timed out")
        self._set_status(runtime, Status.STOPPED)
        return None

    def delete(self, runtime: CanisterRuntime) -> Reject | None:
        """Delete a stopped canister with its snapshots; None when it is gone."""
        canister = runtime.state.id
        if runtime.state.status is not Status.STOPPED:
            return reject("IC0510", f"Canister {canister} must be stopped before it is deleted.")
        runtime.discard()
        self.snapshots.forget_canister(canister)
        del self.canisters[canister]
        return None

    def update_settings(self, runtime: CanisterRuntime, settings: Settings) -> None:
        """Change the settings; the version goes up."""
        runtime.state = replace(runtime.state, settings=settings, version=runtime.state.version + 1)
        runtime.write_identity()

    # --- messages

    def ingress(
        self, canister: Principal, method: str, argument: bytes, caller: Principal, cycles: int
    ) -> Answer:
        """Deliver an update call from outside and everything it causes; return the answer.

        What is still to be done after the answer (calls nobody waits for) is done too.
        """
        refusal = self._inspect(canister, method, argument, caller)
        if refusal is not None:
            return refusal
        ingress = self.router.submit(canister, method, argument, caller, cycles)
        self.settle()
        answer = self.router.take_answer(ingress)
        if answer is None:
            return reject("IC0202", f"Ingress message {ingress} timed out waiting for its answer.")
        return answer

    def query(self, canister: Principal, method: str, argument: bytes, caller: Principal) -> Answer:
        """Answer a query; nothing changes."""
        if len(argument) > mailbox.MAX_ARG_BYTES:
            return _too_large(argument)
        return QueryRun(self.canisters.get, caller).run(canister, method, argument)

    def settle(self) -> int:
        """Run messages until none is left; return how many ran.

        At most ``Limits.messages_per_settle``: canisters that call each other for ever
        must not hang the caller; the rest stays queued.
        """
        count = 0
        while count < self.limits.messages_per_settle and self.router.step():
            count += 1
        return count

    def tick(self) -> int:
        """Run one round: due timers and heartbeats in order of canister ids, then settle."""
        for id_, runtime in sorted(self.canisters.items()):
            self._queue_system_tasks(id_, runtime)
        return self.settle()

    def advance_to(self, time_ns: int) -> int:
        """Move the clock, stopping at each timer on the way; return the messages run.

        Timers run in order of their deadlines (ties: canister ids); heartbeats run once,
        at the end.
        """
        count = 0
        while (due := self._next_timer_ns()) is not None and due <= time_ns:
            self.clock.move_to(max(due, self.clock.now_ns))
            count += self._run_due_timers()
        self.clock.move_to(time_ns)
        return count + self.tick()

    # --- anchors

    def save(self) -> SavedWorld:
        """Remember everything; the canisters' pages are not copied."""
        saved = {
            id_: SavedCanister(runtime, runtime.capture(), runtime.log.saved())
            for id_, runtime in self.canisters.items()
        }
        return SavedWorld(
            saved, self.router.saved(), self.snapshots.saved(), self.clock.now_ns,
            self._next_canister,
        )  # fmt: skip

    def rewind(self, saved: SavedWorld) -> None:
        """Make everything as it was saved."""
        for id_, runtime in list(self.canisters.items()):
            kept = saved.canisters.get(id_)
            if kept is None or kept.runtime is not runtime:
                runtime.discard()
        self.canisters.clear()
        for id_, item in saved.canisters.items():
            if item.runtime.state is not item.capture.state:
                item.runtime.restore(item.capture)
            item.runtime.log.restore(item.log)
            self.canisters[id_] = item.runtime
        self.router.restore(saved.traffic)
        self.snapshots.restore(saved.snapshots)
        self.clock.now_ns = saved.now_ns
        self._next_canister = saved.next_canister

    def close(self) -> None:
        """Free all canisters."""
        for runtime in self.canisters.values():
            runtime.close()
        self.canisters.clear()

    # --- inside

    def _new_id(self) -> Principal:
        while (id_ := Principal.from_index(self._next_canister)) in self.canisters:
            self._next_canister += 1
        self._next_canister += 1
        return id_

    def _inspect(
        self, canister: Principal, method: str, argument: bytes, caller: Principal
    ) -> Reject | None:
        """Say why an ingress message is not let in: the system, or canister_inspect_message."""
        if len(argument) > self.limits.ingress_payload_bytes:
            return _too_large(argument)
        runtime = self.canisters.get(canister)
        refusal = refusal_of(runtime, canister, method)
        if refusal is not None or runtime is None:
            return refusal
        hook = "canister_inspect_message"
        if hook not in runtime.module.hooks:
            return None
        outcome = runtime.execute(
            Task(
                hook,
                Context.INSPECT,
                self.limits.inspect_instructions,
                argument=argument,
                caller=caller,
                method=method,
                keeps=False,
                is_replicated=False,
            )
        )
        if outcome.failure is not None:
            return outcome.failure
        return None if outcome.accepted else reject("IC0406", "Canister rejected the message")

    def _manage(self, request: Request) -> Answer:
        return reject(
            "IC0536",
            f"Management canister has no method '{request.method}' in this sandbox yet: "
            "calls from canisters to aaaaa-aa are not built",
        )

    def _set_status(self, runtime: CanisterRuntime, status: Status) -> None:
        runtime.state = replace(runtime.state, status=status, version=runtime.state.version + 1)

    def _queue_system_tasks(self, id_: Principal, runtime: CanisterRuntime) -> None:
        if runtime.state.module is None or runtime.state.status is not Status.RUNNING:
            return
        self._queue_timer(id_, runtime)
        if "canister_heartbeat" in runtime.module.hooks:
            self.router.queue.append(SystemTask(id_, "canister_heartbeat", Context.HEARTBEAT))

    def _queue_timer(self, id_: Principal, runtime: CanisterRuntime) -> None:
        due = runtime.state.timer_ns
        if not due or due > self.clock.now_ns:
            return
        # One-shot: deactivated when the task is scheduled.
        runtime.state = replace(runtime.state, timer_ns=0)
        if "canister_global_timer" in runtime.module.hooks:
            self.router.queue.append(SystemTask(id_, "canister_global_timer", Context.TIMER))

    def _next_timer_ns(self) -> int | None:
        return min(
            (
                runtime.state.timer_ns
                for runtime in self.canisters.values()
                if runtime.state.timer_ns
                and runtime.state.module is not None
                and runtime.state.status is Status.RUNNING
            ),
            default=None,
        )

    def _run_due_timers(self) -> int:
        for id_, runtime in sorted(self.canisters.items()):
            if runtime.state.module is not None and runtime.state.status is Status.RUNNING:
                self._queue_timer(id_, runtime)
        return self.settle()

    def _compiled_system_api(self, is_64: bool) -> tuple[Compiled, tuple[str, ...]]:
        found = self._system_api.get(is_64)
        if found is None:
            source = system_api_source(is_64=is_64)
            wasm = wat_to_wasm(source.wat)
            found = self._system_api[is_64] = (self._compiler.compile(wasm), source.labels)
        return found

    def _note_live(self, runtime: CanisterRuntime) -> None:
        self._live[id(runtime)] = runtime
        self._live.move_to_end(id(runtime))
        if len(self._live) > _MAX_LIVE:
            self._live.popitem(last=False)[1].discard()

    def _allocated_bytes(self) -> int:
        return sum(
            runtime.heap.allocated_bytes + runtime.stable.allocated_bytes
            for runtime in self.canisters.values()
        )


def _too_large(argument: bytes) -> Reject:
    return reject("IC0406", f"The argument of {len(argument):,} bytes is too large for a message.")


def _cost(_name: str, _a: int, _b: int, _key: str) -> int | None:
    return 0
