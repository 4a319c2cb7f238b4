"""What is asked of the management canister: ``uninstall``, ``top-up``, and calls of any method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from sandbox.cli.commands import command
from sandbox.cli.common import as_option, confirmed, existing, json_option, opened
from sandbox.cli.completion import complete_canisters
from sandbox.cli.output import print_json, say
from sandbox.cli.values import cycles

if TYPE_CHECKING:
    from sandbox.principal import Principal

MANAGEMENT: Final = "aaaaa-aa"


@command()
@click.argument("name", shell_complete=complete_canisters)
@confirmed("The code, heap and stable memory will be lost. Go on?")
@as_option
@json_option
def uninstall(name: str, caller: Principal | None, *, as_json: bool) -> None:
    """Remove the module and all memory of canister NAME.

    Its id, cycles, settings and snapshots stay. Give it a module again with `reinstall`.

    \b
    Example:
      canister-sandbox uninstall counter --yes
    """
    with opened() as ic:
        canister = existing(ic, name)
        canister.uninstall(caller=caller)
    if as_json:
        print_json({"name": name, "id": canister.id})


@command("top-up")
@click.argument("name", shell_complete=complete_canisters)
@click.argument("amount", metavar="CYCLES", type=cycles)
@json_option
def top_up(name: str, amount: int, *, as_json: bool) -> None:
    """Give canister NAME more CYCLES: a number, or 5T, 250B, 1.5M.

    They come out of nowhere, as on a local network.

    \b
    Example:
      canister-sandbox top-up counter 5T
    """
    with opened() as ic:
        canister = existing(ic, name)
        ic.management.provisional_top_up_canister(canister_id=canister.id, amount=amount)
        balance = ic.world.existing(canister.id).state.cycles
    if as_json:
        print_json({"name": name, "id": canister.id, "cycles": balance})
    else:
        say(f"{name} has {balance:,} cycles")
