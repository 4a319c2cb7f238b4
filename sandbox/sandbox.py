"""``Sandbox``: the friendly face of a world; raises instead of returning rejects."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from sandbox.anchor import Anchor
from sandbox.cycles import MAINNET_13_NODES, Prices
from sandbox.engine import Compiler
from sandbox.errors import UsageError
from sandbox.handle import Canister
from sandbox.handle.naming import id_or_name, shown
from sandbox.keys.root import ROOT_KEY
from sandbox.limits import MAINNET, Limits, profile
from sandbox.management import ManagementCanister
from sandbox.management.settings import checked_environment
from sandbox.mocking import Mock
from sandbox.principal import DEFAULT_IDENTITY, Principal, problem_of_name
from sandbox.snapshots import SnapshotDesk
from sandbox.state import Settings
from sandbox.taking import TakesSnapshots
from sandbox.wording import SandboxWording
from sandbox.world.clock import duration_ns
from sandbox.world.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sandbox.durable import WorldDirectory
    from sandbox.execution.modules import Source
    from sandbox.history import History, Point
    from sandbox.memory import RegionKind
    from sandbox.profiling import Profile
    from sandbox.world.outcalls import Outcalls
    from sandbox.world.tracing import Report, Trace

DEFAULT_CYCLES: Final = 100_000_000_000_000
# A principal, or its text; where a canister is looked up, also its name.
PrincipalLike = Principal | str


class Sandbox(TakesSnapshots):
    """A little Internet Computer in this process; a context manager.

    directory: where the world is kept between processes; loaded now, written by ``save`` and
        ``close``. A ``sandbox.durable.WorldDirectory`` for more say. None: in memory only.
    limits: a profile of limits (``sandbox.limits``), or its name: ``"mainnet"``, ``"strict"``
        (with its rate limits), ``"system"``, ``"generous"``; single ones can be relaxed:
        ``MAINNET.relaxed(chunk_bytes=…)``.
        None: the profile the directory's world was saved under, else the mainnet's.
    memory: ``"auto"`` takes copy-on-write where the platform has it; ``"copying"`` is the
        portable fallback.
    compiler: share one between sandboxes to compile each module once.
    prices: what things cost (``sandbox.cycles``): the mainnet's, or ``FREE``.
    seed: of randomness and keys. When given, messages also run in another order that the
        IC could have taken, one for each seed (``sandbox.world.order``). A directory's world
        keeps its seed: there it is given once, or never.

    ``ic.seed`` is the seed, ``ic.identity`` who calls when there is no ``caller=``,
    ``ic.names`` the canisters by name, ``ic.management`` the management canister,
    ``ic.snapshots`` what is done with snapshots besides taking and loading them, ``ic.root_key``
    (DER) what certificates verify with (``sandbox.certification``).

    Use from several threads is serialised. A forked child must make its own sandbox.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | WorldDirectory | None = None,
        *,
        limits: Limits | str | None = None,
        memory: RegionKind = "auto",
        compiler: Compiler | None = None,
        prices: Prices = MAINNET_13_NODES,
        seed: int | None = None,
    ) -> None:
        self._lock = threading.RLock()
        self._pid = os.getpid()
        wanted = profile(limits) if isinstance(limits, str) else limits
        self._directory = None if directory is None else _opened(directory)
        kept = self._directory.limits if self._directory else None
        self.seed = seed if self._directory is None else _kept_seed(self._directory, seed)
        self._world = World(
            compiler or Compiler(),
            wanted or kept or MAINNET,
            memory_kind=memory,
            prices=prices,
            seed=self.seed,
        )
        self._world.wording = SandboxWording(self)
        self.management = ManagementCanister(self)
        self.snapshots = SnapshotDesk(self)
        self.identity, self.root_key = DEFAULT_IDENTITY, ROOT_KEY
        self.names: dict[str, Principal] = {}
        self.interfaces: dict[Principal, str] = {}
        if self._directory is not None:
            self._load(self._directory)

    # --- canisters

    def install(
        self,
        source: Source,
        *arguments: Any,
        did: str | os.PathLike[str] | None = None,
        controllers: Sequence[PrincipalLike] | None = None,
        cycles: int = DEFAULT_CYCLES,
        specified_id: PrincipalLike | None = None,
        name: str | None = None,
        caller: PrincipalLike | None = None,
    ) -> Canister:
        """Create a canister and install a module into it.

        source: a path, or bytes: .wasm, .wasm.gz or .wat.
        arguments: the init argument: Python values by the module's Candid interface,
            one Candid text such as ``"(5 : nat)"``, or the encoded bytes. None: ``()``.
        did: the interface, text or path, where the module does not tell it: as metadata, or by
            ``get_candid_pointer``.
        name: yours, for ``canister(name)``; kept with the world.

        On failure: there is no new canister.
        Raises: CanisterRejected (IC0505 for a bad module), UsageError.
        """
        canister = self.create_canister(
            controllers=controllers,
            cycles=cycles,
            specified_id=specified_id,
            name=name,
            caller=caller,
        )
        try:
            canister.install(source, *arguments, did=did, caller=caller)
        except BaseException:
            self._forget(canister)
            raise
        return canister

    def create_canister(
        self,
        *,
        controllers: Sequence[PrincipalLike] | None = None,
        cycles: int = DEFAULT_CYCLES,
        environment: Mapping[str, str] | None = None,
        specified_id: PrincipalLike | None = None,
        name: str | None = None,
        caller: PrincipalLike | None = None,
    ) -> Canister:
        """Create an empty canister; the caller controls it unless told otherwise.

        Raises: UsageError for an id or a name that is taken or cannot be one, or too many
            controllers; CanisterRejected (IC0408) for bad environment variables.
        """
        if name is not None and (problem := problem_of_name(name)):
            raise UsageError(f"a canister cannot be named {name!r}: {problem}")
        if name is not None and self.names.get(name) in self._world.canisters:
            raise UsageError(f"there is a canister named {name!r} already: {self.names[name]}")
        who = [self.identity_of(caller)] if controllers is None else map(Principal, controllers)
        listed = tuple(dict.fromkeys(who))
        if len(listed) > self.limits.controllers:
            raise UsageError(f"a canister has at most {self.limits.controllers} controllers")
        settings = Settings(listed, environment=checked_environment(self.limits, environment or {}))
        wanted = None if specified_id is None else Principal(specified_id)
        with self.entered() as world:
            runtime = world.create(settings, cycles, wanted, caller=self.identity_of(caller))
        if name is not None:
            self.names[name] = runtime.state.id
        return Canister(self, runtime.state.id)

    def canister(self, canister_id: PrincipalLike, *, did: str | None = None) -> Canister:
        """Return the canister with this id or name. Raises: UsageError when there is none."""
        id_ = self._id_of(canister_id)
        if id_ not in self._world.canisters:
            raise UsageError(f"there is no canister {id_} in this sandbox")
        return Canister(self, id_, did=did)

    def name_of(self, canister_id: Principal) -> str:
        """Return your name for a canister, empty when it has none."""
        return next((name for name, id_ in self.names.items() if id_ == canister_id), "")

    def shown(self, canister_id: Principal) -> str:
        """Return what ``repr`` says of a canister."""
        return shown(self.world.canisters.get(canister_id), canister_id, self.name_of(canister_id))

    @property
    def canisters(self) -> tuple[Canister, ...]:
        """All canisters, by id."""
        return tuple(Canister(self, id_) for id_ in sorted(self._world.canisters))

    # --- time

    @property
    def time_ns(self) -> int:
        """The virtual clock: nanoseconds since 1970. It moves only when told to."""
        return self._world.clock.now_ns

    @time_ns.setter
    def time_ns(self, value: int) -> None:
        with self.entered():
            self._world.move_clock(value)

    def tick(self) -> Report:
        """Run one round: due timers, heartbeats and what they cause; return what happened."""
        with self.entered():
            return self._world.tick()

    def advance(self, **duration: float) -> Report:
        """Move the clock by days=, hours=, minutes=, seconds=, ns=; due timers run in order.

        Returns what happened: ``report.messages``, ``report.failures``, ``report.trace``.
        """
        with self.entered():
            return self._world.advance_to(self.time_ns + duration_ns(**duration))

    @contextmanager
    def trace(self) -> Iterator[Trace]:
        """Record what happens in the ``with`` block: ``print(trace)``, ``trace.to_json()``.

        Other threads wait for the block's end.
        """
        with self.entered() as world, world.traced() as tracer:
            yield tracer.trace

    @contextmanager
    def profile(self) -> Iterator[Profile]:
        """Count what functions use up in the block, other threads waiting: ``print(profile)``."""
        from sandbox.profiling.recording import Recording

        with self.entered() as world, Recording(world) as found:
            yield found

    def anchor(self) -> Anchor:
        """Mark the whole sandbox; leaving the ``with`` block undoes everything inside it."""
        return Anchor(self)

    @property
    def history(self) -> History:
        """Restore points before each message, once ``ic.history.record()`` was called."""
        from sandbox.history import History

        return History(self)

    def rewind(self, to: Point | int) -> None:
        """Go back to just before a message of the history; costs the pages changed since.

        to: a point of ``ic.history``, its number, or -1 for the last message.
        Everything is as it was then, and what was on its way is on its way again; that
        message and all later ones leave the history. To come back, go there in an anchor.
        Raises: UsageError when the history does not hold the point.
        """
        self.history.rewind(to)

    # --- stand-ins and faults

    def mock(
        self, canister: Canister | PrincipalLike, *, did: str | os.PathLike[str] | None = None
    ) -> Mock:
        """Put Python functions in a canister's place, or spoil its answers.

        canister: one of this sandbox or its name, any other principal, or ``"aaaaa-aa"``.
        did: the interface, when the canister is not installed here or carries none.
        """
        return Mock(self, self._id_of(canister), did)

    @property
    def http(self) -> Outcalls:
        """Who answers HTTP outcalls: functions, a cassette, the network if allowed."""
        return self._world.outcalls

    # --- the rest

    @property
    def limits(self) -> Limits:
        """The profile of limits in force."""
        return self._world.limits

    @property
    def world(self) -> World:
        """The exact level below: bytes, ``Reply | Reject``, no Candid."""
        return self._world

    def identity_of(self, caller: PrincipalLike | None) -> Principal:
        """Return the principal behind a ``caller=`` argument."""
        return self.identity if caller is None else Principal(caller)

    @contextmanager
    def entered(self) -> Iterator[World]:
        """Be the only thread in the sandbox.

        Raises: UsageError in a forked child, and in a thread whose stack is too small.
        """
        if os.getpid() != self._pid:
            raise UsageError(
                f"this sandbox belongs to process {self._pid}; a forked child shares its memory "
                "files and must make a sandbox of its own"
            )
        self._world.machine.compiler.stack.check()
        with self._lock:
            yield self._world

    def save(self) -> None:
        """Make the present state durable; costs what changed since the last time.

        On failure: the directory holds what was saved before.
        Raises: UsageError for a sandbox without a directory; StoreError.
        """
        with self.entered() as world:
            if self._directory is None:
                raise UsageError("this sandbox is in memory only; open it with Sandbox(directory)")
            self._directory.save(world, self.belongings)

    @property
    def belongings(self) -> dict[str, Any]:
        """What is kept beside the world: names, interfaces, seed; for ``WorldDirectory.save``."""
        there = self._world.canisters
        return {
            "names": {name: id_ for name, id_ in self.names.items() if id_ in there},
            "interfaces": {id_: did for id_, did in self.interfaces.items() if id_ in there},
            "seed": self.seed,
        }

    def close(self) -> None:
        """Save, if there is a directory, and free all memory; the sandbox is then used up."""
        with self._lock:
            try:
                if self._directory is not None and os.getpid() == self._pid:
                    self.save()
            finally:
                self.abandon()

    def abandon(self) -> None:
        """Free all memory without saving; the sandbox is then used up."""
        with self._lock:
            self._world.close()
            if self._directory is not None:
                self._directory.close()
                self._directory = None

    def _id_of(self, canister: Canister | PrincipalLike) -> Principal:
        """Return the id of a handle, a name or a principal. Raises: UsageError."""
        if isinstance(canister, Canister):
            return canister.id
        return self.names.get(str(canister)) or id_or_name(canister, self.names)

    def _forget(self, canister: Canister) -> None:
        self._world.forget(canister.id)
        for name in [key for key, id_ in self.names.items() if id_ == canister.id]:
            del self.names[name]

    def _load(self, directory: WorldDirectory) -> None:
        try:
            directory.load_into(self._world, stays_open=True)
        except BaseException:
            directory.close()
            raise
        extra = directory.record.extra if directory.record else {}
        self.names.update(extra.get("names", {}))
        self.interfaces.update(extra.get("interfaces", {}))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_unused: object) -> None:
        self.close()

    def __repr__(self) -> str:
        count = len(self._world.canisters)
        return f"<Sandbox with {count} canister{'' if count == 1 else 's'}>"


def _opened(directory: str | os.PathLike[str] | WorldDirectory) -> WorldDirectory:
    from sandbox.durable import WorldDirectory

    return directory if isinstance(directory, WorldDirectory) else WorldDirectory(directory)


def _kept_seed(directory: WorldDirectory, wanted: int | None) -> int | None:
    """Return the seed of a directory's world; the directory is closed when it is another one."""
    extra = directory.record.extra if directory.record else {}
    if "seed" not in extra:  # a new world, or one from before it was kept
        return wanted
    kept: int | None = extra["seed"]
    if wanted not in (None, kept):
        directory.close()
        made = "without a seed" if kept is None else f"with the seed {kept}"
        raise UsageError(
            f"the world in {directory.path} was made {made}, and keys and randomness depend on it: "
            f"leave seed= out, or begin another world"
        )
    return kept
