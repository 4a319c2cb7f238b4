"""``ic.snapshots``: what one does with snapshots besides taking and loading them.

Keep them in a store, move them to and from directories, clone, compare, change. Thin: finds
the canister, asks whether the caller controls it, and hands over to ``snapshot``. What is
seldom needed is imported when it is: every command starts with this module.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sandbox.errors import UsageError
from sandbox.messages import Reject
from sandbox.taking import check
from sandbox.world.controlling import refuse_stranger
from snapshot import rejects
from snapshot.applying import apply
from snapshot.content import content_of
from snapshot.ids import SnapshotId
from snapshot.record import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from os import PathLike

    from sandbox.execution.canister import CanisterRuntime
    from sandbox.handle import Canister
    from sandbox.principal import Principal
    from sandbox.sandbox import PrincipalLike, Sandbox
    from snapshot.content import Content
    from snapshot.directory import Dialect, Progress
    from snapshot.insight import Difference, Patch
    from snapshot.store import Manifest, Saved, Store

_NUMBER: Final = re.compile("0|[1-9][0-9]*")
# An open store, or the directory of one.
StoreLike: TypeAlias = "Store | str | PathLike[str]"


class SnapshotDesk:
    """The snapshots of one sandbox. ``caller=`` is as everywhere: default, the sandbox's own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._bases: dict[tuple[str, Principal], Saved] = {}

    def policy(
        self,
        *,
        max_per_canister: int | None = None,
        replaces: bool | None = None,
        waits_for_checkpoint: bool | None = None,
    ) -> None:
        """Change the rules from now on; None leaves one as it is.

        max_per_canister: 10 at first, as on the IC. replaces: one more takes the place of the
            oldest instead of being refused. waits_for_checkpoint: as on the replica, another
            canister's snapshot loads only after ``ic.world.snapshots.checkpoint()``.
        """
        with self._sandbox.entered() as world:
            shelf = world.snapshots
            if max_per_canister is not None:
                if max_per_canister < 1:
                    raise UsageError(
                        f"a canister may have 1 snapshot or more, not {max_per_canister}"
                    )
                shelf.max_per_canister = max_per_canister
            shelf.replaces = shelf.replaces if replaces is None else replaces
            if waits_for_checkpoint is not None:
                shelf.waits_for_checkpoint = waits_for_checkpoint

    def find(self, canister: Canister, which: str) -> Snapshot:
        """Return the snapshot that an id, a part of it, a number or a label means.

        A full id may be another canister's. Raises: UsageError, naming those there are.
        """
        with self._sandbox.entered() as world:
            snapshots = world.snapshots.of(canister.id)
            matches = _matches(snapshots, which)
            if not matches:
                every = (item for id_ in world.canisters for item in world.snapshots.of(id_))
                matches = [item for item in every if str(item.id) == which.lower()]
        if len(matches) == 1:
            return matches[0]
        if matches:
            listed = ", ".join(f"{item.id.local} {item.label}".rstrip() for item in matches)
            raise UsageError(
                f"{which!r} could be any of {listed}; give its number or more of its id"
            )
        known = ", ".join(f"{item.id.local} {item.label}".rstrip() for item in snapshots) or "none"
        raise UsageError(f"there is no snapshot {which!r} of {canister.id}; there are: {known}")

    def save(self, snapshot: Snapshot, store: StoreLike) -> Manifest:
        """Keep a snapshot in a store; when this returns it is durable.

        The second and later ones of a canister cost what changed since.
        Raises: StoreError.
        """
        with self._sandbox.entered(), _opened(store) as opened:
            key = (str(opened.path.resolve()), snapshot.canister_id)
            self._bases[key] = saved = opened.save(snapshot, base=self._bases.get(key))
            return saved.manifest

    def fetch(
        self,
        name: str,
        store: StoreLike,
        canister: Canister,
        *,
        label: str | None = None,
        caller: PrincipalLike | None = None,
    ) -> Snapshot:
        """Bring a stored snapshot into the sandbox, as one of ``canister``'s, with a new id.

        name: as ``Store.find`` takes it. label: None keeps the stored one.
        Raises: SnapshotUnknown, StoreDamaged, CanisterRejected.
        """
        with self._controlled(canister, caller, "upload_canister_snapshot_metadata") as runtime:
            machine = runtime.machine
            with _opened(store, read_only=True) as opened:
                found = opened.load(opened.find(name), machine.new_region, machine.mapped_region)
            return self._adopted(runtime, found, label)

    def download(
        self,
        snapshot: Snapshot,
        directory: str | PathLike[str],
        *,
        dialect: Dialect | str = "dfx",
        resume: bool = False,
        lossy: bool = False,
        progress: Progress = lambda _name, _done, _total: None,
    ) -> None:
        """Write a snapshot as dfx or icp-cli does. See ``snapshot.directory.download``."""
        from snapshot import directory as directories

        with self._sandbox.entered():
            directories.download(
                snapshot, directory, dialect=dialect, resume=resume, lossy=lossy, progress=progress
            )

    def upload(
        self,
        directory: str | PathLike[str],
        canister: Canister,
        *,
        label: str = "",
        dialect: Dialect | str = "dfx",
        replace: Snapshot | None = None,
        resume: SnapshotId | str | None = None,
        caller: PrincipalLike | None = None,
        progress: Progress = lambda _name, _done, _total: None,
    ) -> Snapshot:
        """Make a directory a snapshot of a canister. See ``snapshot.directory.upload``.

        Raises: DirectoryRefused (nothing changed), TransferFailed, CanisterRejected.
        """
        with self._controlled(canister, caller, "upload_canister_snapshot_metadata") as runtime:
            from snapshot import directory as directories

            world = self._sandbox.world
            checked = directories.check(directory, world.limits, world.loader.load)
            replaced = None if replace is None else replace.id
            target = directories.ShelfTarget(world.snapshots, runtime, label, replaced)
            wanted = SnapshotId.parse(resume) if isinstance(resume, str) else resume
            done = directories.upload(
                checked, target, world.limits, dialect=dialect, resume=wanted, progress=progress
            )
            found = done if isinstance(done, Reject) else world.snapshots.get(done)
            return _snapshot(found)

    def import_canister(
        self,
        directory: str | PathLike[str],
        *,
        did: str | PathLike[str] | None = None,
        caller: PrincipalLike | None = None,
        **options: Any,
    ) -> Canister:
        """Make a canister of a snapshot directory, such as dfx downloads one from mainnet.

        Nothing is written into the directory, and its large files are not copied but mapped:
        they must stay as they are. The snapshot is the canister's first one, with the label
        ``imported``. The clock goes to when it was taken, if that is later: the canister's
        timers are not overdue by years.

        did: the interface, when the module does not carry one.
        options: ``name=``, ``specified_id=``, ``controllers=``, ``cycles=``, as for
            ``Sandbox.create_canister``.
        On failure: everything is as before.
        Raises: DirectoryRefused, CanisterRejected, UsageError.
        """
        from sandbox.handle import Canister
        from sandbox.importing import imported
        from snapshot.directory.check import read_metadata

        path, ic = Path(directory), self._sandbox
        before = ic.anchor()
        try:
            ic.time_ns = max(ic.time_ns, read_metadata(path).taken_on or 0)
            canister = ic.create_canister(caller=caller, **options)
            taken = imported(ic, path, canister, "imported")
            check(ic.world.load_snapshot(canister.runtime, taken.id, ic.identity_of(caller)))
            return Canister(ic, canister.id, did=did)
        except BaseException:
            before.rewind()
            raise

    def clone(
        self,
        source: Snapshot | Canister,
        *,
        name: str | None = None,
        caller: PrincipalLike | None = None,
    ) -> Canister:
        """Make a new canister with the state of a snapshot, or of a canister as it is now.

        The two share their pages until they differ, so it costs the same for every size.
        On failure: there is no new canister.
        Raises: CanisterRejected.
        """
        new = self._sandbox.create_canister(name=name, caller=caller)
        try:
            if isinstance(source, Snapshot):
                new.load_snapshot(source, caller=caller)
            else:
                self._copy(source, new, caller)
        except BaseException:
            self._sandbox.world.forget(new.id)
            if name is not None:
                del self._sandbox.names[name]
            raise
        return new

    def now(self, canister: Canister) -> Snapshot:
        """Return a canister's present state as a snapshot that is not kept: to look into it."""
        with self._sandbox.entered() as world:
            runtime = world.existing(canister.id)
            id_ = SnapshotId.of(canister.id, 0)
            now_ns, limits = runtime.machine.now_ns(), str(world.limits)
            return Snapshot.taken(id_, now_ns, "", runtime.capture(), limits)

    def diff(
        self, before: Snapshot | Canister, after: Snapshot | Canister, *, max_changes: int = 1_000
    ) -> Difference:
        """Compare two states: snapshots, or canisters as they are now."""
        from snapshot.insight import diff

        with self._sandbox.entered():
            return diff(self._content(before), self._content(after), max_changes=max_changes)

    def patch(
        self,
        snapshot: Snapshot,
        patches: Iterable[Patch],
        *,
        label: str | None = None,
        caller: PrincipalLike | None = None,
    ) -> Snapshot:
        """Make a changed copy of a snapshot, which says in its notes what was changed.

        Raises: UsageError, CanisterRejected; nothing changed then.
        """
        from snapshot.insight import patched

        canister = self._sandbox.canister(snapshot.canister_id)
        with self._controlled(canister, caller, "upload_canister_snapshot_data") as runtime:
            return self._adopted(runtime, patched(snapshot, patches), label)

    def _copy(self, source: Canister, new: Canister, caller: PrincipalLike | None) -> None:
        with self._controlled(source, caller, "take_canister_snapshot") as runtime:
            if runtime.state.module is None:
                check(rejects.empty_canister(source.id))
            world = self._sandbox.world
            check(apply(world.existing(new.id), self.now(source), world.loader.load))

    def _adopted(self, runtime: CanisterRuntime, found: Snapshot, label: str | None) -> Snapshot:
        return _snapshot(self._sandbox.world.snapshots.adopt(runtime, found, label=label))

    def _content(self, state: Snapshot | Canister) -> Content:
        if isinstance(state, Snapshot):
            return state.content
        return content_of(self._sandbox.world.existing(state.id).capture())

    @contextmanager
    def _controlled(
        self, canister: Canister, caller: PrincipalLike | None, method: str
    ) -> Iterator[CanisterRuntime]:
        """Be in the sandbox with a canister the caller controls. Raises: CanisterRejected."""
        with self._sandbox.entered() as world:
            runtime = world.existing(canister.id)
            check(refuse_stranger(runtime.state, self._sandbox.identity_of(caller), method))
            yield runtime


@contextmanager
def _opened(store: StoreLike, *, read_only: bool = False) -> Iterator[Store]:
    from snapshot.store import Store

    if isinstance(store, Store):
        yield store
        return
    with Store(store, read_only=read_only) as opened:
        yield opened


def _snapshot(found: Snapshot | Reject | None) -> Snapshot:
    if isinstance(found, Reject):
        raise found.to_exception()
    assert found is not None, "an upload that ended well has its snapshot"
    return found


def _matches(snapshots: tuple[Snapshot, ...], which: str) -> list[Snapshot]:
    """Return what the first rule that finds any finds: label or id, number, start of the id.

    What is written as a number is never the start of an id: ids begin with zeros, so "0" would
    mean the one snapshot that is left when number 0 is gone.
    """
    start = "" if _NUMBER.fullmatch(which) else which.lower()
    rules = (
        [item for item in snapshots if which in (str(item.id), item.label)],
        [item for item in snapshots if which == str(item.id.local)],
        [item for item in snapshots if start and str(item.id).startswith(start)],
    )
    return next((found for found in rules if found), [])
