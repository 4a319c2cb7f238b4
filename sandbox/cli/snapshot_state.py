"""Snapshots taken, loaded, listed, cloned, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sandbox.cli.commands import command
from sandbox.cli.common import (
    as_option,
    confirmed,
    existing,
    json_option,
    moment,
    opened,
    size,
    table,
)
from sandbox.cli.output import print_json, say
from sandbox.cli.snapshot_common import (
    canister_argument,
    facts,
    label_option,
    replace_option,
    say_made,
    snapshot_argument,
)

if TYPE_CHECKING:
    from sandbox.principal import Principal
    from snapshot.record import Snapshot


@command()
@canister_argument
@label_option
@replace_option
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
        replaced = None if replace is None else ic.snapshots.find(canister, replace).id
        taken = canister.take_snapshot(label, replace=replaced, caller=caller)
    say_made(taken, as_json=as_json)


@command()
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
        found = ic.snapshots.find(canister, which)
        canister.load_snapshot(found, caller=caller)
        checksum = canister.checksum
    if as_json:
        print_json(facts(found) | {"checksum": checksum})
    else:
        say(f"{name} is now what it was at {moment(found.taken_on)}, checksum {checksum}")


@command("list")
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
        say(f"{name} has no snapshots; take one with: canister-sandbox snapshot take {name}")
    else:
        header = ("#", "id", "taken", "size", "label")
        table(header, [_row(item) for item in snapshots])


@command()
@canister_argument
@snapshot_argument
@confirmed("The snapshot will be lost. Go on?")
@as_option
@json_option
def delete(name: str, which: str, caller: Principal | None, *, as_json: bool) -> None:
    """Delete SNAPSHOT of canister NAME.

    \b
    Example:
      canister-sandbox snapshot delete counter before --yes
    """
    with opened() as ic:
        canister = existing(ic, name)
        found = ic.snapshots.find(canister, which).id
        canister.delete_snapshot(found, caller=caller)
    if as_json:
        print_json({"name": name, "id": found})


@command()
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
        found = ic.snapshots.find(existing(ic, name), which)
        new = ic.snapshots.clone(found, name=new_name, caller=caller)
    if as_json:
        print_json({"name": new_name, "id": new.id})
    else:
        say(f"{new_name} is {new.id}")


def _row(item: Snapshot) -> tuple[str, ...]:
    number = str(item.id.local)
    return (number, str(item.id), moment(item.taken_on), size(item.total_size), item.label)
