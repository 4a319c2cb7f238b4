"""Looking after a world's directory: read it again and name every fault."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.durable.directory import WAIT_S, WorldDirectory
from sandbox.durable.lock import locked
from sandbox.errors import SandboxError, UsageError
from snapshot.ids import StoredId
from snapshot.store import Finding, Store, Verification, verify

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator


def check_directory(
    path: str | os.PathLike[str],
    *,
    sample: float = 1.0,
    wait_s: float = WAIT_S,
    waiting: Callable[[], None] = lambda: None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Verification:
    """Read a world's directory again; nothing is changed.

    sample: the share of the chunks to read. progress: told (chunks done, chunks to do).

    Raises: UsageError when there is no world.
    """
    directory = Path(path)
    if not (directory / "store").is_dir():
        raise UsageError(f"there is no world in {directory}")
    with (
        locked(directory / "lock", shared=True, wait_s=wait_s, waiting=waiting),
        Store(directory / "store", read_only=True) as store,
    ):
        found = verify(store, sample=sample, progress=progress)
        return replace(found, findings=(*_record_findings(directory, store), *found.findings))


def _record_findings(directory: Path, store: Store) -> Iterator[Finding]:
    """Yield what is wrong with ``world.json``, and what it names and the store has not."""
    try:
        with WorldDirectory(directory, read_only=True) as world:
            named = world.stored_names
    except SandboxError as error:
        yield Finding(str(error), directory / "world.json")
        return
    known = {str(item.stored_id) for item in store.manifests()}
    damaged = {damage.path.stem for damage in store.damaged}
    for name in sorted(named - known - damaged):
        problem = "the world needs a state or snapshot that the store has lost"
        yield Finding(problem, directory / "world.json", hurts=(StoredId(name),))
