"""``snapshot``: the group; its commands are in the modules ``snapshot_…``."""

from __future__ import annotations

from typing import Final

import click

from sandbox.cli.groups import LazyGroup, Table

COMMANDS: Final[Table] = {
    "take": ("snapshot_state", "take", "Save the state of a canister."),
    "load": ("snapshot_state", "load", "Make a canister what it was."),
    "list": ("snapshot_state", "list_", "List a canister's snapshots."),
    "show": ("snapshot_insight", "show", "Show what a state holds, with a map of its memories."),
    "diff": ("snapshot_insight", "diff", "Show what differs between two states."),
    "find": ("snapshot_insight", "find", "Find bytes, text, a principal or an integer."),
    "read": ("snapshot_insight", "read", "Print or export a range of a memory."),
    "patch": ("snapshot_insight", "patch", "Make a changed copy of a snapshot."),
    "clone": ("snapshot_state", "clone", "Create a canister with the state of a snapshot."),
    "delete": ("snapshot_state", "delete", "Delete a snapshot."),
    "download": ("snapshot_files", "download", "Write a snapshot as dfx and icp-cli do."),
    "upload": ("snapshot_files", "upload", "Take a snapshot directory in."),
    "import": ("snapshot_files", "import_", "Create a canister from a snapshot directory."),
    "verify": ("snapshot_store", "verify", "Read everything on the disk again."),
    "gc": ("snapshot_store", "gc", "Free what nothing needs; keep only some snapshots."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def snapshot() -> None:
    """Take, load, look into, compare, change and move snapshots.

    A snapshot is named by its label, its id, the beginning of its id where that is
    unambiguous, or its number within the canister (0, 1, …). Where a state is looked at,
    "now" is the canister as it is.

    \b
    Examples:
      canister-sandbox snapshot take counter --label before
      canister-sandbox snapshot diff counter before now
      canister-sandbox snapshot load counter before
    """
