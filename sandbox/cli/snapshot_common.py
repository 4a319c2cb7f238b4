"""What the snapshot commands share: how a snapshot is named, and how it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sandbox.cli.common import print_json, size
from sandbox.cli.completion import complete_canisters, complete_snapshots
from sandbox.errors import UsageError

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
    if text == "now" or text.startswith("#"):
        raise click.BadParameter('"now" is the canister as it is, and "#0" a snapshot\'s number')
    return text


label_option = click.option("--label", default="", callback=_label, help="A name for it.")


def state_of(ic: Sandbox, canister: Canister, which: str) -> Snapshot:
    """Return the snapshot that is meant; "now" is one that is not kept."""
    return ic.snapshots.now(canister) if which == "now" else find_snapshot(ic, canister, which)


def find_snapshot(ic: Sandbox, canister: Canister, which: str) -> Snapshot:
    """Return the snapshot that an id, a part of it, a number or a label means.

    A full id may be another canister's. Raises: UsageError.
    """
    snapshots = ic.world.snapshots.of(canister.id)
    matches = _matches(snapshots, which)
    if not matches:
        every = (item for each in ic.canisters for item in ic.world.snapshots.of(each.id))
        matches = [item for item in every if str(item.id) == which.lower()]
    if len(matches) == 1:
        return matches[0]
    if matches:
        listed = ", ".join(f"#{item.id.local} {item.label}".rstrip() for item in matches)
        raise UsageError(f"{which!r} could be any of {listed}; give its number or more of its id")
    known = ", ".join(f"#{item.id.local} {item.label}".rstrip() for item in snapshots) or "none"
    raise UsageError(f"there is no snapshot {which!r} of {canister.id}; there are: {known}")


def _matches(snapshots: tuple[Snapshot, ...], which: str) -> list[Snapshot]:
    """Return what the first rule that finds any finds: label or id, number, start of the id."""
    rules = (
        [item for item in snapshots if which in (str(item.id), item.label)],
        [item for item in snapshots if which in (f"#{item.id.local}", str(item.id.local))],
        [item for item in snapshots if which and str(item.id).startswith(which.lower())],
    )
    return next((found for found in rules if found), [])


def say_made(made: Snapshot, *, as_json: bool) -> None:
    """Print a snapshot that was just made."""
    if as_json:
        print_json(facts(made))
    else:
        click.echo(f"#{made.id.local}  {made.id}  {size(made.total_size)}  {made.label}".rstrip())


def facts(item: Snapshot) -> dict[str, object]:
    """Return a snapshot's record for machines."""
    return {
        "id": str(item.id),
        "taken_on": item.taken_on,
        "label": item.label,
        "total_size": item.total_size,
    }
