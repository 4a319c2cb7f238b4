"""``Canister``: what users hold; every call is one sandbox operation that returns or raises.

A handle is only an id: it holds no state, so it stays valid through upgrades, snapshot
loads and anchors, and fails with IC0301 once its canister is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sandbox.canistermemory import CanisterMemory
from sandbox.controlling import refuse_stranger
from sandbox.globalvalues import global_values
from sandbox.interface import CanisterInterface, MethodCodec, did_text, interface_of
from sandbox.lifecycle import InstallReport, Persistence
from sandbox.messages import Answer, Reject, Reply
from sandbox.pending import Pending
from snapshot.checksum import checksum
from snapshot.content import content_of
from snapshot.record import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike

    from sandbox.canister import CanisterRuntime
    from sandbox.modules import Source
    from sandbox.principal import Principal
    from sandbox.sandbox import PrincipalLike, Sandbox
    from sandbox.state import LogRecord, Settings, Status
    from sandbox.world import World
    from snapshot.ids import SnapshotId

    ManagementAction = Callable[[World, CanisterRuntime], Reject | None]


_NO_METHOD: Final = "IC0536"


@dataclass(frozen=True, slots=True)
class CanisterStatus:
    """What ``canister_status`` tells a controller; memory in bytes."""

    status: Status
    version: int
    settings: Settings
    module_hash: bytes | None
    cycles: int
    heap_bytes: int
    stable_bytes: int

    @property
    def controllers(self) -> tuple[Principal, ...]:
        """Who may manage the canister."""
        return self.settings.controllers


class Canister:
    """One canister of a sandbox.

    ``caller=`` (a principal or its text; default: the sandbox's own identity) and, for
    updates, ``cycles=`` are keyword arguments of every call.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        canister_id: Principal,
        *,
        did: str | PathLike[str] | None = None,
    ) -> None:
        self._sandbox = sandbox
        self.id = canister_id
        if did is not None:
            self._declare(did)

    # --- calls

    def update(
        self,
        method: str,
        *arguments: Any,
        caller: PrincipalLike | None = None,
        cycles: int = 0,
    ) -> Any:
        """Call a method as an update and return its result as Python values.

        arguments: Python values by the Candid interface; or one ``str`` of Candid text in
            parentheses when the canister has no interface.
        Returns: None, the one result, or a tuple of results.
        Raises: CanisterRejected, CanisterTrapped (nothing changed), CandidError (not sent).
        """
        codec = self.codec(method)
        data = self.update_raw(method, codec.encode(arguments), caller=caller, cycles=cycles)
        return codec.decode(data)

    def query(self, method: str, *arguments: Any, caller: PrincipalLike | None = None) -> Any:
        """Call a method as a query; whatever it does leaves no trace. See ``update``."""
        codec = self.codec(method)
        return codec.decode(self.query_raw(method, codec.encode(arguments), caller=caller))

    def call(
        self,
        method: str,
        *arguments: Any,
        caller: PrincipalLike | None = None,
        cycles: int = 0,
    ) -> Any:
        """Call a method the way the interface says: as a query if it is one, else as an update."""
        if self.codec(method).is_query:
            return self.query(method, *arguments, caller=caller)
        return self.update(method, *arguments, caller=caller, cycles=cycles)

    def update_raw(
        self,
        method: str,
        argument: bytes = b"",
        *,
        caller: PrincipalLike | None = None,
        cycles: int = 0,
    ) -> bytes:
        """Call a method as an update with encoded bytes; return the reply's bytes.

        Raises: CanisterRejected, CanisterTrapped; nothing changed then.
        """
        with self._sandbox.entered() as world:
            who = self._sandbox.identity_of(caller)
            return self._reply(world.ingress(self.id, method, bytes(argument), who, cycles), method)

    def submit(
        self,
        method: str,
        *arguments: Any,
        caller: PrincipalLike | None = None,
        cycles: int = 0,
    ) -> Pending:
        """Submit an update without running it; ``result()`` of what comes back runs it.

        Raises: CanisterRejected when the message is not even let in.
        """
        codec = self.codec(method)
        return self._submit(codec, codec.encode(arguments), caller, cycles)

    def submit_raw(
        self,
        method: str,
        argument: bytes = b"",
        *,
        caller: PrincipalLike | None = None,
        cycles: int = 0,
    ) -> Pending:
        """Submit an update with encoded bytes. See ``submit``."""
        return self._submit(self.codec(method), bytes(argument), caller, cycles)

    def _submit(
        self, codec: MethodCodec, data: bytes, caller: PrincipalLike | None, cycles: int
    ) -> Pending:
        with self._sandbox.entered() as world:
            who = self._sandbox.identity_of(caller)
            ingress = world.submit(self.id, codec.name, data, who, cycles)
        if isinstance(ingress, Reject):
            raise ingress.to_exception()
        return Pending(self._sandbox, ingress, codec)

    def query_raw(
        self, method: str, argument: bytes = b"", *, caller: PrincipalLike | None = None
    ) -> bytes:
        """Call a method as a query with encoded bytes; return the reply's bytes."""
        with self._sandbox.entered() as world:
            who = self._sandbox.identity_of(caller)
            return self._reply(world.query(self.id, method, bytes(argument), who), method)

    # --- code

    def install(
        self,
        source: Source,
        *arguments: Any,
        did: str | PathLike[str] | None = None,
        caller: PrincipalLike | None = None,
    ) -> InstallReport:
        """Install a module into this empty canister. On failure it stays empty."""
        return self._install("install", source, arguments, did, caller)

    def reinstall(
        self,
        source: Source,
        *arguments: Any,
        did: str | PathLike[str] | None = None,
        caller: PrincipalLike | None = None,
    ) -> InstallReport:
        """Install a module anew: heap and stable memory are lost. On failure nothing changed."""
        return self._install("reinstall", source, arguments, did, caller)

    def upgrade(
        self,
        source: Source,
        *arguments: Any,
        did: str | PathLike[str] | None = None,
        skip_pre_upgrade: bool = False,
        persistence: Persistence | str | None = Persistence.AUTO,
        caller: PrincipalLike | None = None,
    ) -> InstallReport:
        """Upgrade to a module, keeping stable memory.

        persistence: ``"keep"`` or ``"replace"`` the heap; ``"auto"`` keeps it between modules
            with enhanced orthogonal persistence, as dfx does; None is the IC's null.

        On failure: module, heap, stable memory, globals, certified data, timer are as before.
        Raises: CanisterRejected, CanisterTrapped.
        """
        return self._install(
            "upgrade",
            source,
            arguments,
            did,
            caller,
            skip_pre_upgrade=skip_pre_upgrade,
            persistence=None if persistence is None else Persistence(persistence),
        )

    def uninstall(self, *, caller: PrincipalLike | None = None) -> None:
        """Remove the code and all memory; snapshots, cycles and settings stay."""
        who = self._sandbox.identity_of(caller)
        self._manage(
            "uninstall_code", caller, lambda world, runtime: world.uninstall_code(runtime, who)
        )

    def start(self, *, caller: PrincipalLike | None = None) -> None:
        """Let the canister run again."""
        self._manage("start_canister", caller, lambda world, runtime: world.start(runtime))

    def stop(self, *, caller: PrincipalLike | None = None) -> None:
        """Stop the canister. Raises: CanisterRejected (IC0206) while calls are outstanding."""
        self._manage("stop_canister", caller, lambda world, runtime: world.stop(runtime))

    def delete(self, *, caller: PrincipalLike | None = None) -> None:
        """Delete the stopped canister with its snapshots."""
        self._manage("delete_canister", caller, lambda world, runtime: world.delete(runtime))

    def status(self, *, caller: PrincipalLike | None = None) -> CanisterStatus:
        """Return status, settings, module hash, cycles and memory sizes (controllers only)."""
        with self._sandbox.entered():
            runtime = self._runtime("canister_status", caller)
            state = runtime.state
            return CanisterStatus(
                state.status,
                state.version,
                state.settings,
                None if state.module is None else state.module.module_hash,
                state.cycles,
                runtime.heap.size_bytes,
                runtime.stable.size_bytes,
            )

    # --- snapshots

    def take_snapshot(
        self,
        label: str = "",
        *,
        replace: Snapshot | SnapshotId | str | None = None,
        caller: PrincipalLike | None = None,
    ) -> Snapshot:
        """Save the canister's state. See ``Sandbox.take_snapshot``."""
        replaced = replace.id if isinstance(replace, Snapshot) else replace
        return self._sandbox.take_snapshot(self.id, label, replace=replaced, caller=caller)

    def load_snapshot(
        self, snapshot: Snapshot | SnapshotId | str, *, caller: PrincipalLike | None = None
    ) -> None:
        """Make this canister what it, or another one, was. See ``Sandbox.load_snapshot``."""
        self._sandbox.load_snapshot(snapshot, self.id, caller=caller)

    def list_snapshots(self, *, caller: PrincipalLike | None = None) -> tuple[Snapshot, ...]:
        """Return this canister's snapshots, oldest first."""
        return self._sandbox.list_snapshots(self.id, caller=caller)

    def delete_snapshot(
        self, snapshot: Snapshot | SnapshotId | str, *, caller: PrincipalLike | None = None
    ) -> None:
        """Delete a snapshot."""
        self._sandbox.delete_snapshot(snapshot, caller=caller)

    # --- looking inside

    @property
    def heap(self) -> CanisterMemory:
        """The linear memory between messages, read like bytes."""
        return CanisterMemory(lambda: self._state().heap)

    @property
    def stable_memory(self) -> CanisterMemory:
        """The stable memory between messages, read like bytes."""
        return CanisterMemory(lambda: self._state().stable)

    @property
    def globals(self) -> dict[str, int | float]:
        """The values of the mutable globals, by export name or ``global 7``.

        Integers are unsigned; v128 is a 128-bit number; a float NaN loses its payload here
        (the snapshot keeps it).
        """
        return global_values(self._state())

    @property
    def checksum(self) -> str:
        """BLAKE3 over module, globals, both memories, certified data, timer, chunk store."""
        with self._sandbox.entered():
            return checksum(content_of(self._state().capture()))

    @property
    def certified_data(self) -> bytes:
        """What the canister has certified, at most 32 bytes."""
        return self._state().state.certified_data

    @property
    def module_hash(self) -> bytes | None:
        """SHA-256 of the module as given; None when the canister is empty."""
        module = self._state().state.module
        return None if module is None else module.module_hash

    @property
    def logs(self) -> tuple[LogRecord, ...]:
        """What the canister printed and why it trapped, oldest first."""
        return self._state().log.read()

    @property
    def methods(self) -> Mapping[str, str]:
        """Each public method with its Candid type, or its kind when there is no interface."""
        return self._interface().described()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a method of the canister as a function: ``ledger.icrc1_name()``.

        It calls as ``call`` does. A method that is named like something of this class is
        reached through ``call`` only.
        """
        if name.startswith("_") or name not in self._interface().functions:
            raise AttributeError(
                f"neither Canister nor {self.id} has a method {name!r}{self._hint(name)}"
            )
        return partial(self.call, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._interface().functions})

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Canister):
            return self.id == other.id and self._sandbox is other._sandbox
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        runtime = self._sandbox.world.canisters.get(self.id)
        if runtime is None:
            return f"<Canister {self.id}, deleted>"
        status = runtime.state.status.name.lower()
        if runtime.state.module is None:
            return f"<Canister {self.id}, empty, {status}>"
        names = ", ".join(runtime.state.module.methods)
        return f"<Canister {self.id}, {status}: {names}>"

    # --- inside

    def _hint(self, name: str) -> str:
        """Return what somebody may have meant by a name that the interface does not know."""
        interface = self._interface()
        if name.startswith("_"):
            return ""
        kind = interface.exported.get(name)
        if kind is not None:
            return (
                f" in its interface; its module exports the {kind} {name!r}: call it by "
                f"{'update' if kind == 'update' else 'query'}({name!r}), arguments as Candid text"
            )
        near = interface.near(name)
        return f"; did you mean {' or '.join(near)}?" if near else ""

    def _state(self) -> CanisterRuntime:
        return self._sandbox.world.existing(self.id)

    def codec(self, method: str) -> MethodCodec:
        """Return what encodes a method's arguments and decodes its results."""
        return self._interface().method(method)

    def init_codec(self, source: Source, did: str | PathLike[str] | None = None) -> MethodCodec:
        """Return what encodes the init argument of a module."""
        module = self._sandbox.world.loader.peek(source)
        return interface_of(module, did_text(did) or self._declared).init

    def _reply(self, answer: Answer, method: str) -> bytes:
        if isinstance(answer, Reply):
            return answer.data
        error = answer.to_exception()
        near = self._interface().near(method) if error.error_code == _NO_METHOD else []
        if near:
            error.add_note(f"Did you mean {' or '.join(near)}?")
        raise error

    def _interface(self) -> CanisterInterface:
        return interface_of(self._state().state.module, self._declared)

    @property
    def _declared(self) -> str | None:
        return self._sandbox.interfaces.get(self.id)

    def _declare(self, did: str | PathLike[str]) -> None:
        text = did_text(did)
        assert text is not None
        self._sandbox.interfaces[self.id] = text

    def _runtime(self, method: str, caller: PrincipalLike | None) -> CanisterRuntime:
        runtime = self._state()
        refusal = refuse_stranger(runtime.state, self._sandbox.identity_of(caller), method)
        if refusal is not None:
            raise refusal.to_exception()
        return runtime

    def _manage(self, method: str, caller: PrincipalLike | None, action: ManagementAction) -> None:
        with self._sandbox.entered() as world:
            refusal = action(world, self._runtime(method, caller))
        if refusal is not None:
            raise refusal.to_exception()

    def _install(
        self,
        mode: str,
        source: Source,
        arguments: Sequence[Any],
        did: str | PathLike[str] | None,
        caller: PrincipalLike | None,
        *,
        skip_pre_upgrade: bool = False,
        persistence: Persistence | None = None,
    ) -> InstallReport:
        with self._sandbox.entered() as world:
            report = world.install_code(
                self._state(),
                mode,
                source,
                self._init_argument(source, arguments, did),
                self._sandbox.identity_of(caller),
                skip_pre_upgrade=skip_pre_upgrade,
                persistence=persistence,
            )
        if report.failure is not None:
            raise report.failure.to_exception()
        if did is not None:
            self._declare(did)
        return report

    def _init_argument(
        self, source: Source, arguments: Sequence[Any], did: str | PathLike[str] | None
    ) -> bytes:
        if len(arguments) == 1 and isinstance(arguments[0], bytes | bytearray | memoryview):
            return bytes(arguments[0])
        return self.init_codec(source, did).encode(arguments)
