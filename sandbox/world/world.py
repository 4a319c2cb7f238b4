"""The world: canisters, clock, messages under way. What ``Sandbox`` is made of.

No Candid and no friendly exceptions here: bytes in, ``Reply | Reject`` out. Everything that
outlives a message hangs off a ``World``; ``save`` and ``rewind`` cover all of it
(invariant 4).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from sandbox.cycles import MAINNET_13_NODES, Bank, CyclesReport, Prices, checked_cycles
from sandbox.execution import ratelimits
from sandbox.execution.canister import CanisterRuntime
from sandbox.execution.lifecycle import InstallReport, Persistence
from sandbox.execution.log import CanisterLog
from sandbox.execution.modules import ModuleLoader, Source
from sandbox.management.dispatch import Manager
from sandbox.messages import Answer, Reject, Reply, reject
from sandbox.principal import Principal
from sandbox.state import CanisterState, Settings
from sandbox.system_api import mailbox
from sandbox.world import anchor, controlling, history, ids, ingress, rounds
from sandbox.world.certifying import Certifier
from sandbox.world.clock import Clock
from sandbox.world.controlling import STOP_TIMEOUT_NS, Installation, origin_of, refuse_stranger
from sandbox.world.machinery import Machinery
from sandbox.world.mocks import Mocks
from sandbox.world.outcalls import Outcalls
from sandbox.world.queries import QueryRun
from sandbox.world.randomness import Randomness
from sandbox.world.recording import Recorder
from sandbox.world.routing import Router
from sandbox.world.statistics import QueryStatistics
from sandbox.world.telling import Wording
from sandbox.world.tracing import Report, Tracer
from sandbox.world.traffic import Request, StopRequest
from snapshot.shelf import SnapshotShelf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.candid.values import VariantValue
    from sandbox.engine import Compiler
    from sandbox.limits import Limits
    from sandbox.memory import RegionKind
    from sandbox.world.anchor import SavedWorld
    from snapshot.ids import SnapshotId

# The reply of a management method without a result: no values.
_NOTHING: Final = Reply(b"DIDL\x00\x00")


class World:
    """All canisters of a sandbox and what goes on between them.

    prices: what things cost. seed: of raw_rand and keys; when given, also of the order of
        messages (``sandbox.world.order``).
    """

    def __init__(
        self,
        compiler: Compiler,
        limits: Limits,
        *,
        memory_kind: RegionKind,
        prices: Prices = MAINNET_13_NODES,
        seed: int | None = None,
    ) -> None:
        self.limits = limits
        self.clock = Clock()
        self.canisters: dict[Principal, CanisterRuntime] = {}
        self.loader = ModuleLoader(compiler)
        self.snapshots = SnapshotShelf(
            limits.snapshots_per_canister, limits=limits, load_module=self.loader.load
        )
        self.management = Principal.management()
        self.random = Randomness(seed or 0)
        self.order = Randomness(~(seed or 0))
        self.bank = Bank(prices, self.snapshots.of)
        self.mocks = Mocks()
        self.outcalls = Outcalls()
        self.queried = QueryStatistics()
        self.manager = Manager(self)
        self.router = Router(
            self.canisters.get,
            self.manager.answer,
            self.mocks.stand_in,
            self.bank,
            self.clock.now,
            choose=None if seed is None else self.order.below,
            end_round=self._end_round if limits.heap_delta_bytes_per_round else None,
        )
        self.machine = Machinery(
            compiler,
            limits,
            self.canisters,
            self.bank,
            now_ns=self.clock.now,
            memory_kind=memory_kind,
        ).machine
        self.stopping: set[Principal] = set()
        self.paid_until_ns = self.clock.now_ns
        self.next_canister = ids.FIRST_CANISTER
        self.recorder = Recorder(self)
        self.wording = Wording()
        self.certify: Callable[[CanisterState], bytes] = Certifier(self.clock.now)

    # --- canisters

    def create(
        self,
        settings: Settings,
        cycles: int,
        specified_id: Principal | None = None,
        *,
        caller: Principal | None = None,
    ) -> CanisterRuntime:
        """Make an empty canister; the cycles are minted for it.

        Raises: UsageError for an id that is taken or cannot be a canister's, and for cycles that
            cannot be.
        """
        origin = history.from_user(caller or Principal.anonymous())
        checked_cycles(cycles)

        def create() -> CanisterRuntime:
            runtime = self.add_canister(settings, cycles, specified_id, origin)
            self.bank.mint(cycles)
            return runtime

        return self.recorder.act("create_canister", create, canister=specified_id, caller=caller)

    def add_canister(
        self,
        settings: Settings,
        cycles: int,
        specified_id: Principal | None,
        origin: VariantValue,
    ) -> CanisterRuntime:
        """Make an empty canister of cycles that exist.

        Raises: UsageError for an id that is taken or cannot be a canister's.
        """
        id_ = self._new_id() if specified_id is None else specified_id
        ids.check(id_, self.canisters)
        runtime = CanisterRuntime(
            self.machine,
            CanisterState(id=id_, settings=settings, cycles=cycles),
            self.machine.new_region(),
            self.machine.new_region(),
            CanisterLog(self.limits.log_bytes),
        )
        controlling.note(runtime, origin, history.creation(settings))
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
        """Undo ``create``: the canister is gone without a trace, but for its cycles."""
        runtime = self.canisters.pop(canister, None)
        if runtime is not None:
            self.bank.lose(runtime.state.cycles + runtime.state.reserved_cycles)
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
        wanted = Installation(mode, source, argument, caller, skip_pre_upgrade, persistence)
        return self.recorder.act(
            f"install_code ({mode})",
            lambda: controlling.install_code(self, runtime, wanted, origin_of(self, caller)),
            canister=runtime.state.id,
            caller=caller,
        )

    def uninstall_code(self, runtime: CanisterRuntime, caller: Principal | None = None) -> None:
        """Remove the code; open calls are answered."""
        origin = origin_of(self, caller or Principal.anonymous())
        self.recorder.act(
            "uninstall_code",
            lambda: controlling.uninstall_code(self, runtime, origin),
            canister=runtime.state.id,
            caller=caller,
        )

    def start(self, runtime: CanisterRuntime) -> None:
        """Let the canister run again."""
        self.recorder.act(
            "start_canister", lambda: controlling.start(self, runtime), canister=runtime.state.id
        )

    def stop(self, runtime: CanisterRuntime) -> Reject | None:
        """Stop the canister once all its calls are done; None when it has stopped."""
        self.recorder.act(
            "stop_canister",
            lambda: controlling.begin_stop(self, runtime),
            canister=runtime.state.id,
        )
        self.settle()
        if self.router.has_open_contexts(runtime.state.id):
            return reject("IC0206", "Stop canister request timed out")
        return None

    def stop_for(self, runtime: CanisterRuntime, request: Request) -> None:
        """Stop the canister; the request is answered when it has stopped, or after 5 minutes."""
        deadline = self.clock.now_ns + STOP_TIMEOUT_NS
        self.router.stops.append(StopRequest(runtime.state.id, request, deadline))
        controlling.begin_stop(self, runtime)

    def answer_stops(self, canister: Principal) -> None:
        """Tell those who wait that the canister has stopped."""
        for request in self.router.take_stop_requests(canister):
            self.router.reply_to(request, _NOTHING, request.cycles)

    def delete(self, runtime: CanisterRuntime) -> Reject | None:
        """Delete a stopped canister with its snapshots; None when it is gone."""
        return self.recorder.act(
            "delete_canister",
            lambda: controlling.delete(self, runtime),
            canister=runtime.state.id,
        )

    def update_settings(
        self,
        runtime: CanisterRuntime,
        settings: Settings,
        caller: Principal | None = None,
        sender_version: int | None = None,
        *,
        has_controllers: bool,
    ) -> None:
        """Change the settings; the version goes up. See ``controlling.change_settings``."""
        origin = origin_of(self, caller or Principal.anonymous(), sender_version)
        change = partial(
            controlling.change_settings,
            self,
            runtime,
            settings,
            origin,
            has_controllers=has_controllers,
        )
        self.recorder.act(
            "update_settings",
            change,
            canister=runtime.state.id,
            caller=caller,
        )

    def load_snapshot(
        self, runtime: CanisterRuntime, id_: SnapshotId, caller: Principal
    ) -> Reject | None:
        """Load a snapshot. Requires: the caller controls ``runtime``."""
        return self.recorder.act(
            "load_canister_snapshot",
            lambda: controlling.load_snapshot(self, runtime, id_, caller, origin_of(self, caller)),
            canister=runtime.state.id,
            caller=caller,
        )

    # --- messages

    def ingress(
        self, canister: Principal, method: str, argument: bytes, caller: Principal, cycles: int
    ) -> Answer:
        """Deliver an update call from outside and everything it causes; return the answer."""
        return ingress.deliver(self, canister, method, argument, caller, cycles)

    def submit(
        self, canister: Principal, method: str, argument: bytes, caller: Principal, cycles: int = 0
    ) -> int | Reject:
        """Queue an update call without running anything; return its id."""
        return ingress.submit(self, canister, method, argument, caller, cycles)

    def query(self, canister: Principal, method: str, argument: bytes, caller: Principal) -> Answer:
        """Answer a query; nothing changes but the log and the statistics."""
        if len(argument) > mailbox.MAX_ARG_BYTES:
            return ingress.too_large(argument)
        run = QueryRun(
            self.canisters.get,
            caller,
            self.manager.query,
            self.mocks.answer_query,
            self.bank.is_frozen,
            self.queried.note,
            self.router.watchers,
            self.certify,
        )
        return run.run(canister, method, argument)

    def settle(self) -> int:
        """Run messages until none is left; return how many ran."""
        return rounds.settle(self)

    def tick(self) -> Report:
        """Run one round: due timers and heartbeats in order of canister ids, then settle."""
        return self._reported(lambda: rounds.tick(self))

    def advance_to(self, time_ns: int) -> Report:
        """Move the clock, stopping at all that falls due."""
        go = partial(rounds.advance_to, self, time_ns)
        # Only the start of it is a point of its own: each message on the way has one as well.
        self.recorder.act("the clock moves", lambda: None, again=go)
        return self._reported(go)

    @contextmanager
    def traced(self) -> Iterator[Tracer]:
        """Listen to everything that happens inside the block."""
        tracer = Tracer(self.clock.now, self.limits, wording=self.wording)
        self.router.watchers = (*self.router.watchers, tracer)
        try:
            yield tracer
        finally:
            self.router.watchers = tuple(it for it in self.router.watchers if it is not tracer)

    def move_clock(self, time_ns: int) -> None:
        """Set the clock without running anything; canisters pay for the time between."""
        self.recorder.act("the clock moves", partial(rounds.move_clock, self, time_ns))

    @property
    def cycles(self) -> CyclesReport:
        """Where all cycles are. What was minted is somewhere: the report's parts add up."""
        return CyclesReport(
            self.bank.minted,
            sum(runtime.state.cycles for runtime in self.canisters.values()),
            sum(runtime.state.reserved_cycles for runtime in self.canisters.values()),
            self.router.saved().cycles,
            self.bank.consumed_in_all(),
            self.bank.lost,
        )

    # --- anchors

    def save(self) -> SavedWorld:
        """Remember everything; the canisters' pages are not copied."""
        return replace(anchor.save(self), past=self.recorder.saved())

    def rewind(self, saved: SavedWorld) -> None:
        """Make everything as it was saved."""
        anchor.rewind(self, saved)
        self.recorder.restore(saved.past)

    def close(self) -> None:
        """Free all canisters."""
        for runtime in self.canisters.values():
            runtime.close()
        self.canisters.clear()

    def _reported(self, action: Callable[[], int]) -> Report:
        started = self.clock.now_ns
        with self.traced() as tracer:
            action()
        return Report(tracer.messages, started, self.clock.now_ns, tracer.trace)

    def _end_round(self) -> None:
        ratelimits.end_rounds(self.canisters.values())

    def _new_id(self) -> Principal:
        while (id_ := Principal.from_index(self.next_canister)) in self.canisters:
            self.next_canister += 1
        self.next_canister += 1
        return id_
