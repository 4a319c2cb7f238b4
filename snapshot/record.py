"""A snapshot as users hold it: the record of the proposal, over a kept content."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, partial
from typing import TYPE_CHECKING

from snapshot.checksum import checksum
from snapshot.content import Content, content_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.execution.canister import Capture
    from sandbox.execution.modules import InstalledModule
    from sandbox.principal import Principal
    from snapshot.ids import SnapshotId

CHUNK_ACCOUNTED_BYTES = 1 << 20  # every chunk of the chunk store counts as 1 MiB
_GLOBAL_BYTES = 32  # what the replica accounts per global


class Source(StrEnum):
    """Where a snapshot comes from; the names are those of the Candid variant."""

    TAKEN = "taken_from_canister"
    UPLOADED = "metadata_upload"


@dataclass(frozen=True, slots=True)
class Origin:
    """How a snapshot came to be.

    notes: what was changed by hand since it was taken, oldest first (``snapshot.patch``).
    limits: the profile of limits in force then; empty where that was not recorded.
    """

    source: Source
    canister_version: int
    notes: tuple[str, ...] = ()
    limits: str = ""


class Snapshot:
    """One saved state of a canister; it stays what it is whatever the canister does.

    id: as on the IC; ``str(snapshot.id)`` is its hex form.
    taken_on: ns since 1970, the sandbox's clock. label: yours, may be empty.
    total_size: bytes, as the replica accounts them.
    checksum: BLAKE3 over the whole state, computed when first asked for.
    home: the canister that runs on the regions the content is read from; None when nobody does.
    """

    def __init__(
        self,
        id_: SnapshotId,
        taken_on: int,
        label: str,
        origin: Origin,
        content: Callable[[], Content],
        *,
        installed: InstalledModule | None = None,
        home: Principal | None = None,
    ) -> None:
        self.id = id_
        self.taken_on = taken_on
        self.label = label
        self.origin = origin
        self.installed = installed
        self.home = home
        self._content = content

    @classmethod
    def taken(
        cls, id_: SnapshotId, taken_on: int, label: str, capture: Capture, limits: str = ""
    ) -> Snapshot:
        """Return the snapshot of a captured canister; its content is worked out on demand."""
        state = capture.state
        origin = Origin(Source.TAKEN, state.version, limits=limits)
        content = partial(content_of, capture)
        return cls(id_, taken_on, label, origin, content, installed=state.module, home=state.id)

    def renamed(self, id_: SnapshotId, label: str) -> Snapshot:
        """Return the same snapshot under another id."""
        return Snapshot(
            id_,
            self.taken_on,
            label,
            self.origin,
            lambda: self.content,
            installed=self.installed,
            home=self.home,
        )

    @cached_property
    def content(self) -> Content:
        """What it keeps."""
        return self._content()

    @property
    def canister_id(self) -> Principal:
        """The canister it belongs to."""
        return self.id.canister

    @property
    def canister_version(self) -> int:
        """The canister's version when it was taken, or when its metadata was uploaded."""
        return self.origin.canister_version

    @property
    def limits(self) -> str:
        """The profile of limits it was taken under; empty where that was not recorded."""
        return self.origin.limits

    @property
    def total_size(self) -> int:
        """Bytes, as the replica accounts them."""
        return accounted_bytes(self.content, self.origin.source)

    @cached_property
    def checksum(self) -> str:
        """BLAKE3 over module, globals, both memories, certified data, timer, chunk store."""
        return checksum(self.content)

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, Snapshot) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        label = f" {self.label!r}" if self.label else ""
        return f"<Snapshot {self.id}{label}, {self.total_size:,} bytes>"


def accounted_bytes(content: Content, source: Source) -> int:
    """Source: reference/management_canister.md section 3.5."""
    # A taken snapshot counts the replica's instruction counter, an uploaded one does not.
    instruction_counter = int(source is Source.TAKEN)
    return (
        content.heap.mark.size_bytes
        + content.stable.mark.size_bytes
        + _GLOBAL_BYTES * (len(content.globals) + instruction_counter)
        + len(content.module)
        + CHUNK_ACCOUNTED_BYTES * len(content.chunks)
        + len(content.certified_data)
    )
