"""What the snapshot commands share: how a snapshot is named, and how it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sandbox.cli.common import size
from sandbox.cli.completion import complete_canisters, complete_snapshots
from sandbox.cli.output import print_json, say

if TYPE_CHECKING:
    from sandbox.handle import Canister
    from sandbox.sandbox import Sandbox
    from snapshot.record import Snapshot

canister_argument = click.argument("name", shell_complete=complete_canisters)
snapshot_argument = click.argument("which", metavar="SNAPSHOT", shell_complete=complete_snapshots)
state_argument = click.argument(
    "which", metavar="[SNAPSHOT]", default="now", shell_complete=complete_snapshots
)


def _label(_ctx: click.Context, _parameter: click.Parameter, text: str) -> str:
    if text == "now" or text.isdecimal():
        raise click.BadParameter('"now" is the canister as it is, and 0, 1, … are numbers')
    return text


label_option = click.option("--label", default="", callback=_label, help="A name for it.")


replace_option = click.option(
    "--replace",
    metavar="SNAPSHOT",
    shell_complete=complete_snapshots,
    help="Delete this one and take its place.",
)


def state_of(ic: Sandbox, canister: Canister, which: str) -> Snapshot:
    """Return the snapshot that is meant; "now" is one that is not kept."""
    return ic.snapshots.now(canister) if which == "now" else ic.snapshots.find(canister, which)


def say_made(made: Snapshot, *, as_json: bool) -> None:
    """Print a snapshot that was just made."""
    if as_json:
        print_json(facts(made))
    else:
        say(f"{made.id.local}  {made.id}  {size(made.total_size)}  {made.label}".rstrip())


def facts(item: Snapshot) -> dict[str, object]:
    """Return a snapshot's record for machines.

    One that was just made gets its checksum by being saved: ask after ``opened`` has ended.
    """
    return {
        "id": str(item.id),
        "taken_on": item.taken_on,
        "label": item.label,
        "total_size": item.total_size,
        "checksum": item.checksum,
    }
