"""What can go wrong with a region: the type says what is left of it.

After ``RegionMisused`` and ``RegionRefused`` the committed content is what it was.
After ``RegionPoisoned`` it may be half old and half new, so nothing can be read any more.
"""

from __future__ import annotations

from sandbox.errors import SandboxError, UsageError


class RegionMisused(UsageError):
    """A region was asked for something that makes no sense; nothing changed."""


class UsedAfterFork(RegionMisused):
    """A forked child used a region of its parent, whose memory it still shares."""

    def __init__(self, owner_pid: int) -> None:
        super().__init__(
            f"this canister memory belongs to process {owner_pid}; a forked child must not use"
            " it: create a new sandbox in the child (or start the child with 'spawn')"
        )
        self.owner_pid = owner_pid

    def __reduce__(self) -> tuple[type[UsedAfterFork], tuple[int]]:
        return (type(self), (self.owner_pid,))


class MarkUnknown(RegionMisused):
    """The mark was released, or belongs to another region."""


class RegionRefused(SandboxError):
    """The operating system refused memory; the committed content is unchanged."""


class RegionPoisoned(SandboxError):
    """A change failed half-way; the region refuses every further use but ``close``."""
