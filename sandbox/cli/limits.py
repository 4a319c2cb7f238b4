"""``canister-sandbox limits``: the profile of limits that a world keeps."""

from __future__ import annotations

import click

from sandbox.cli.commands import command
from sandbox.cli.common import json_option, opened, properties, world_directory
from sandbox.cli.completion import complete_limits
from sandbox.cli.output import print_json, say
from sandbox.limits import MAINNET, Limits, profile


def _changes(
    _ctx: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]
) -> dict[str, int]:
    changes = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            changes[name] = int(value.replace(",", ""), 0)
        except ValueError as error:
            raise click.BadParameter(f"{text!r} is not LIMIT=NUMBER") from error
    return changes


@command("limits")
@click.argument("name", metavar="[PROFILE]", required=False, shell_complete=complete_limits)
@click.option(
    "--relax", "changes", multiple=True, metavar="LIMIT=NUMBER", callback=_changes,
    help="Give a single limit another value. Repeatable.",
)  # fmt: skip
@json_option
def limits_(name: str | None, changes: dict[str, int], *, as_json: bool) -> None:
    """Show the limits of the world; with PROFILE or --relax, put those in force.

    PROFILE is mainnet, strict (the mainnet with its rate limits), system or generous, or
    one of them with its version. Without PROFILE, --relax changes the profile in force. The
    world keeps it; snapshots and reports name it.

    \b
    Examples:
      canister-sandbox limits
      canister-sandbox limits mainnet --relax update_instructions=80_000_000_000
    """
    if name is None and not changes:
        with opened(saving=False) as ic:
            shown = ic.limits
    else:
        shown = _put_in_force(name, changes)
    numbers = {key: value for key, value in shown.as_dict().items() if type(value) is not str}
    if as_json:
        print_json(shown.summary() | {"limits": numbers})
        return
    say(str(shown))
    properties({key: "none" if it is None else f"{it:,}" for key, it in numbers.items()})


def _put_in_force(name: str | None, changes: dict[str, int]) -> Limits:
    from sandbox.sandbox import Sandbox

    chosen = None if name is None else profile(name)
    with world_directory(read_only=False) as directory:
        wanted = (chosen or directory.limits or MAINNET).relaxed(**changes)
        with Sandbox(directory, limits=wanted):
            return wanted
