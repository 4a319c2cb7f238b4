"""``snapshot``: take, load, list, show, clone, delete; files are in ``transfers``, ``store``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sandbox.cli.common import (
    as_option,
    existing,
    json_option,
    moment,
    opened,
    print_json,
    properties,
    size,
    table,
)
from sandbox.cli.completion import complete_canisters, complete_snapshots
from sandbox.cli.groups import SuggestingGroup
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from sandbox.handle import Canister
    from sandbox.principal import Principal
    from sandbox.sandbox import Sandbox
    from snapshot.record import Snapshot

canister_argument = click.argument("name", shell_complete=complete_canisters)
snapshot_argument = click.argument("which", metavar="SNAPSHOT", shell_complete=complete_snapshots)


@click.group(cls=SuggestingGroup)
def snapshot() -> None:
    """Take, load, list, compare and move snapshots.

    A snapshot is named by its label, its id, the beginning of its id where that is
    unambiguous, or its number within the canister (#0, #1, …).

    \b
    Examples:
      canister-sandbox snapshot take counter --label before
      canister-sandbox snapshot list counter
      canister-sandbox snapshot load counter before
    """


@snapshot.command()
@canister_argument
@click.option("--label", default="", help="A name for it.")
@click.option("--replace", metavar="SNAPSHOT", help="Delete this one and take its place.")
@as_option
@json_option
def take(
    name: str, label: str, replace: str | None, caller: Principal | None, *, as_json: bool
) -> None:
    """Save the state of canister NAME.

    \b
    Example:
      canister-sandbox snapshot take counter --label before
    """
    with opened() as ic:
        canister = existing(ic, name)
        replaced = None if replace is None else find(ic, canister, replace).id
        taken = canister.take_snapshot(label, replace=replaced, caller=caller)
    say_made(taken, as_json=as_json)


@snapshot.command()
@canister_argument
@snapshot_argument
@as_option
@json_option
def load(name: str, which: str, caller: Principal | None, *, as_json: bool) -> None:
    """Make canister NAME what it was when SNAPSHOT was taken.

    The snapshot stays. A snapshot of another canister is given by its id.

    \b
    Example:
      canister-sandbox snapshot load counter before
    """
    with opened() as ic:
        canister = existing(ic, name)
        found = find(ic, canister, which)
        canister.load_snapshot(found, caller=caller)
        checksum = canister.checksum
    if as_json:
        print_json(facts(found) | {"checksum": checksum})
    else:
        click.echo(f"{name} is now what it was at {moment(found.taken_on)}, checksum {checksum}")


@snapshot.command("list")
@canister_argument
@json_option
def list_(name: str, *, as_json: bool) -> None:
    """List the snapshots of canister NAME, oldest first.

    \b
    Example:
      canister-sandbox snapshot list counter
    """
    with opened(saving=False) as ic:
        snapshots = ic.world.snapshots.of(existing(ic, name).id)
    if as_json:
        print_json([facts(item) for item in snapshots])
    elif not snapshots:
        click.echo(f"{name} has no snapshots; take one with: canister-sandbox snapshot take {name}")
    else:
        header = ("#", "id", "taken", "size", "label")
        table(header, [_row(item) for item in snapshots])


@snapshot.command()
@canister_argument
@snapshot_argument
@json_option
def show(name: str, which: str, *, as_json: bool) -> None:
    """Show what SNAPSHOT of canister NAME holds.

    \b
    Example:
      canister-sandbox snapshot show counter before --json
    """
    with opened(saving=False) as ic:
        found = find(ic, existing(ic, name), which)
        content = found.content
        details = facts(found) | {
            "checksum": found.checksum,
            "source": found.origin.source.value,
            "canister_version": found.canister_version,
            "module_hash": content.module_hash.hex(),
            "module_size": len(content.module),
            "heap_size": content.heap.mark.size_bytes,
            "stable_size": content.stable.mark.size_bytes,
            "globals": [f"{item.type} {item.number}" for item in content.globals],
            "certified_data": content.certified_data.hex(),
            "chunks": len(content.chunks),
            "notes": list(found.origin.notes),
        }
    if as_json:
        print_json(details)
    else:
        sizes = {key: f"{details[key]:,}" for key in details if key.endswith("_size")}
        properties(details | sizes | {"taken_on": moment(found.taken_on)})


@snapshot.command()
@canister_argument
@snapshot_argument
@click.confirmation_option(prompt="The snapshot will be lost. Go on?")
@as_option
def delete(name: str, which: str, caller: Principal | None) -> None:
    """Delete SNAPSHOT of canister NAME.

    \b
    Example:
      canister-sandbox snapshot delete counter before --yes
    """
    with opened() as ic:
        canister = existing(ic, name)
        canister.delete_snapshot(find(ic, canister, which).id, caller=caller)


@snapshot.command()
@canister_argument
@snapshot_argument
@click.argument("new_name")
@as_option
@json_option
def clone(name: str, which: str, new_name: str, caller: Principal | None, *, as_json: bool) -> None:
    """Create canister NEW_NAME with the state of SNAPSHOT of canister NAME.

    \b
    Example:
      canister-sandbox snapshot clone counter before counter_copy
    """
    with opened() as ic:
        found = find(ic, existing(ic, name), which)
        new = ic.clone(found, name=new_name, caller=caller)
    if as_json:
        print_json({"name": new_name, "id": new.id})
    else:
        click.echo(f"{new_name} is {new.id}")


def find(ic: Sandbox, canister: Canister, which: str) -> Snapshot:
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
    known = ", ".join(item.label or f"#{item.id.local}" for item in snapshots) or "none"
    raise UsageError(f"there is no snapshot {which!r} of {canister.id}; there are: {known}")


def _matches(snapshots: tuple[Snapshot, ...], which: str) -> list[Snapshot]:
    """Return what the first rule that finds any finds: label or id, number, start of the id."""
    rules = (
        [item for item in snapshots if which in (str(item.id), item.label)],
        [item for item in snapshots if which == f"#{item.id.local}"],
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


def _row(item: Snapshot) -> tuple[str, ...]:
    number = f"#{item.id.local}"
    return (number, str(item.id), moment(item.taken_on), size(item.total_size), item.label)
