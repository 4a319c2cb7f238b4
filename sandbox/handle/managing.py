"""Managing a canister: its code, its status, its snapshots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.execution.lifecycle import InstallReport, Persistence
from sandbox.handle.base import Handle
from sandbox.interface import NO_VALUES
from snapshot.record import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from sandbox.execution.canister import CanisterRuntime
    from sandbox.execution.modules import Source
    from sandbox.messages import Reject
    from sandbox.principal import Principal
    from sandbox.sandbox import PrincipalLike
    from sandbox.state import Settings, Status
    from sandbox.world.world import World
    from snapshot.ids import SnapshotId

    ManagementAction = Callable[[World, CanisterRuntime], Reject | None]


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


class Managed(Handle):
    """The part of a handle that its controllers use."""

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

        arguments: as in ``Sandbox.install``; none is ``()``.

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
        who = self.sandbox.identity_of(caller)
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
        with self.sandbox.entered():
            runtime = self._controlled("canister_status", caller)
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
        return self.sandbox.take_snapshot(self.id, label, replace=replaced, caller=caller)

    def load_snapshot(
        self, snapshot: Snapshot | SnapshotId | str, *, caller: PrincipalLike | None = None
    ) -> None:
        """Make this canister what it, or another one, was. See ``Sandbox.load_snapshot``."""
        self.sandbox.load_snapshot(snapshot, self.id, caller=caller)

    def list_snapshots(self, *, caller: PrincipalLike | None = None) -> tuple[Snapshot, ...]:
        """Return this canister's snapshots, oldest first."""
        return self.sandbox.list_snapshots(self.id, caller=caller)

    def delete_snapshot(
        self, snapshot: Snapshot | SnapshotId | str, *, caller: PrincipalLike | None = None
    ) -> None:
        """Delete a snapshot."""
        self.sandbox.delete_snapshot(snapshot, caller=caller)

    # --- inside

    def _manage(self, method: str, caller: PrincipalLike | None, action: ManagementAction) -> None:
        with self.sandbox.entered() as world:
            refusal = action(world, self._controlled(method, caller))
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
        with self.sandbox.entered() as world:
            report = world.install_code(
                self.runtime,
                mode,
                source,
                self._init_argument(mode, source, arguments, did),
                self.sandbox.identity_of(caller),
                skip_pre_upgrade=skip_pre_upgrade,
                persistence=persistence,
            )
        if report.failure is not None:
            raise report.failure.to_exception()
        if did is not None:
            self._declare(did)
        return report

    def _init_argument(
        self, mode: str, source: Source, arguments: Sequence[Any], did: str | PathLike[str] | None
    ) -> bytes:
        if len(arguments) == 1 and isinstance(arguments[0], bytes | bytearray | memoryview):
            return bytes(arguments[0])
        if not arguments and mode == "upgrade":
            # What dfx sends; a post_upgrade seldom takes what the interface says init takes.
            return NO_VALUES
        return self.init_codec(source, did).encode(arguments)
