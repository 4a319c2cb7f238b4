"""``snapshot``: take, load, list, show, delete, clone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sandbox.cli.common import (
    as_option,
    json_option,
    moment,
    opened,
    print_json,
    size,
    table,
)
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from sandbox.handle import Canister
    from sandbox.principal import Principal
    from snapshot.record import Snapshot


@click.group()
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
@click.argument("name")
@click.option("--label", default="", help="A name for it.")
@click.option("--replace", metavar="SNAPSHOT", help="Delete this one and take its place.")
@as_option
@json_option
def take(
    name: str, label: str, replace: str | None, caller: Principal | None, *, as_json: bool
) -> None:
    """Save the state of canister NAME."""
    with opened() as ic:
        canister = ic.canister(name)
        replaced = None if replace is None else find(canister, replace)
        taken = canister.take_snapshot(label, replace=replaced, caller=caller)
        if as_json:
            print_json(facts(taken))
        else:
            click.echo(f"{taken.id}  {size(taken.total_size)}  {label}".rstrip())


@snapshot.command()
@click.argument("name")
@click.argument("which", metavar="SNAPSHOT")
@as_option
def load(name: str, which: str, caller: Principal | None) -> None:
    """Make canister NAME what it was when SNAPSHOT was taken."""
    with opened() as ic:
        canister = ic.canister(name)
        found = find(canister, which)
        canister.load_snapshot(found, caller=caller)
        click.echo(f"{name} is now what it was at {moment(found.taken_on)}")


@snapshot.command("list")
@click.argument("name")
@json_option
def list_(name: str, *, as_json: bool) -> None:
    """List the snapshots of canister NAME, oldest first."""
    with opened(saving=False) as ic:
        snapshots = ic.canister(name).list_snapshots()
        if as_json:
            print_json([facts(item) for item in snapshots])
        elif not snapshots:
            click.echo(f"{name} has no snapshots; take one with: snapshot take {name}")
        else:
            table(
                ("id", "taken", "size", "label"),
                [
                    (str(item.id), moment(item.taken_on), size(item.total_size), item.label)
                    for item in snapshots
                ],
            )


@snapshot.command()
@click.argument("name")
@click.argument("which", metavar="SNAPSHOT")
@json_option
def show(name: str, which: str, *, as_json: bool) -> None:
    """Show what SNAPSHOT of canister NAME holds."""
    with opened(saving=False) as ic:
        found = find(ic.canister(name), which)
        content = found.content
        details = facts(found) | {
            "checksum": found.checksum,
            "canister_version": found.canister_version,
            "module_size": len(content.module),
            "heap_size": content.heap.mark.size_bytes,
            "stable_size": content.stable.mark.size_bytes,
            "globals": [f"{item.type} {item.number}" for item in content.globals],
            "certified_data": content.certified_data.hex(),
            "chunks": len(content.chunks),
        }
        if as_json:
            print_json(details)
            return
        for key, value in details.items():
            shown = ", ".join(value) if isinstance(value, list) else value
            click.echo(f"{key + ':':18}{shown}")


@snapshot.command()
@click.argument("name")
@click.argument("which", metavar="SNAPSHOT")
@as_option
def delete(name: str, which: str, caller: Principal | None) -> None:
    """Delete SNAPSHOT of canister NAME."""
    with opened() as ic:
        canister = ic.canister(name)
        canister.delete_snapshot(find(canister, which), caller=caller)


@snapshot.command()
@click.argument("name")
@click.argument("which", metavar="SNAPSHOT")
@click.argument("new_name")
@as_option
def clone(name: str, which: str, new_name: str, caller: Principal | None) -> None:
    """Create canister NEW_NAME with the state of SNAPSHOT of canister NAME."""
    with opened() as ic:
        found = find(ic.canister(name), which)
        new = ic.create_canister(name=new_name, caller=caller)
        new.load_snapshot(found, caller=caller)
        click.echo(f"{new_name} is {new.id}")


def find(canister: Canister, which: str) -> Snapshot:
    """Return the snapshot that an id, a part of it, or a label means. Raises: UsageError."""
    snapshots = canister.list_snapshots()
    matches = [item for item in snapshots if which in (str(item.id), item.label)]
    if not matches:
        wanted = which.lower()
        matches = [
            item for item in snapshots if wanted and str(item.id.local) == wanted.lstrip("#")
        ] or [item for item in snapshots if str(item.id).startswith(wanted)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        listed = ", ".join(f"#{item.id.local} {item.label}".rstrip() for item in matches)
        raise UsageError(f"{which!r} could be any of {listed}; give more of the id")
    known = ", ".join(item.label or f"#{item.id.local}" for item in snapshots) or "none"
    raise UsageError(f"there is no snapshot {which!r} of {canister.id}; there are: {known}")


def facts(item: Snapshot) -> dict[str, object]:
    """Return a snapshot's record for machines."""
    return {
        "id": str(item.id),
        "taken_on": item.taken_on,
        "label": item.label,
        "total_size": item.total_size,
    }
