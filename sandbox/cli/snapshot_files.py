"""Snapshots as directories, the layout of dfx and icp-cli: ``download``, ``upload``, ``import``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sandbox.cli.commands import command
from sandbox.cli.common import (
    as_option,
    did_option,
    existing,
    json_option,
    moment,
    opened,
    principal_of,
)
from sandbox.cli.output import print_json, say
from sandbox.cli.progress import progress_shown
from sandbox.cli.snapshot_common import (
    canister_argument,
    facts,
    label_option,
    replace_option,
    say_made,
    snapshot_argument,
)
from sandbox.errors import CanisterRejected, SandboxError

if TYPE_CHECKING:
    from sandbox.principal import Principal

_dialect_option = click.option(
    "--dialect",
    type=click.Choice(["dfx", "icp-cli"]),
    default="dfx",
    show_default=True,
    help="Whose habits to follow; the layout is the same.",
)


@command()
@canister_argument
@snapshot_argument
@click.option(
    "--dir", "directory", required=True,
    type=click.Path(file_okay=False, path_type=Path), help="Where to; empty or not there yet.",
)  # fmt: skip
@_dialect_option
@click.option("--resume", is_flag=True, help="Go on with a download that was interrupted.")
@click.option(
    "--lossy",
    is_flag=True,
    help="Write null for a float global that JSON cannot hold, as dfx does.",
)
@json_option
def download(
    name: str,
    which: str,
    directory: Path,
    dialect: str,
    *,
    resume: bool,
    lossy: bool,
    as_json: bool,
) -> None:
    """Write SNAPSHOT of canister NAME into a directory that dfx and icp-cli can upload.

    Zero pages become holes of the files.

    \b
    Examples:
      canister-sandbox snapshot download ledger before --dir ledger-before
      dfx canister snapshot upload ledger --dir ledger-before
    """
    with opened(saving=False) as ic:
        found = ic.snapshots.find(existing(ic, name), which)
        with progress_shown() as progress:
            ic.snapshots.download(
                found,
                directory,
                dialect=dialect,
                resume=resume,
                lossy=lossy,
                progress=progress,
            )
        told = facts(found) | {"directory": str(directory)}
    if as_json:
        print_json(told)
    else:
        say(f"{told['id']} is in {directory}")


@command()
@canister_argument
@click.option(
    "--dir", "directory", required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path), help="The directory.",
)  # fmt: skip
@label_option
@_dialect_option
@replace_option
@click.option("--resume", metavar="ID", help="Go on with the upload that began this snapshot.")
@as_option
@json_option
def upload(
    name: str,
    directory: Path,
    label: str,
    dialect: str,
    replace: str | None,
    resume: str | None,
    caller: Principal | None,
    *,
    as_json: bool,
) -> None:
    """Take a snapshot directory in as a snapshot of canister NAME.

    One that dfx or icp-cli downloaded from mainnet, or one of ours. A directory with
    anything wrong in it is refused, with the reason, and nothing changes.

    \b
    Examples:
      dfx canister snapshot download ledger 0000… --dir ledger-now --network ic
      canister-sandbox snapshot upload ledger --dir ledger-now --label mainnet
      canister-sandbox snapshot load ledger mainnet
    """
    with opened() as ic:
        canister = existing(ic, name)
        before = {item.id for item in ic.world.snapshots.of(canister.id)}
        try:
            with progress_shown() as progress:
                made = ic.snapshots.upload(
                    directory,
                    canister,
                    label=label,
                    dialect=dialect,
                    replace=None if replace is None else ic.snapshots.find(canister, replace),
                    resume=resume,
                    caller=caller,
                    progress=progress,
                )
        except CanisterRejected:
            raise
        except SandboxError as error:
            begun = [item.id for item in ic.world.snapshots.of(canister.id)]
            if begun[-1:] and begun[-1] not in before:
                ic.save()
                error.add_note(
                    f"Go on with it: canister-sandbox snapshot upload {name} "
                    f"--dir {directory} --resume {begun[-1]}"
                )
            raise
    say_made(made, as_json=as_json)


@command("import")
@click.argument("name")
@click.option(
    "--dir", "directory", required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path), help="The directory.",
)  # fmt: skip
@click.option(
    "--id", "specified_id", metavar="PRINCIPAL",
    callback=lambda _ctx, _parameter, value: principal_of(value),
    help="Give the canister this id, such as the one it has on mainnet.",
)  # fmt: skip
@did_option
@as_option
@json_option
def import_(
    name: str,
    directory: Path,
    specified_id: Principal | None,
    did: Path | None,
    caller: Principal | None,
    *,
    as_json: bool,
) -> None:
    """Create canister NAME from a snapshot directory, to go on where it was taken.

    Nothing is written into the directory. The clock goes to when the snapshot was taken, if
    that is later; the snapshot stays, with the label `imported`.

    \b
    Examples:
      dfx canister snapshot download ledger 0000… --dir ledger-now --network ic
      canister-sandbox snapshot import ledger --dir ledger-now
      canister-sandbox call ledger icrc1_total_supply
    """
    with opened(begins=True) as ic:
        canister = ic.snapshots.import_canister(
            directory, name=name, specified_id=specified_id, did=did, caller=caller
        )
        (taken,) = ic.world.snapshots.of(canister.id)
    if as_json:
        print_json({"name": name, "id": canister.id, "snapshot": facts(taken)})
    else:
        say(f"{name} is {canister.id}, as on {moment(taken.taken_on)}")
