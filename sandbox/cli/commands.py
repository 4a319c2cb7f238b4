"""Commands: what every one of them has, whoever runs it.

click lets commands inherit what their group has set, and keeps what it found first: a command
that was once parsed alone would never have ``-h``. So each has it of its own.

``--json`` is looked for before anything else is read: then whatever is wrong is told as JSON.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_HELP: Final = {"help_option_names": ["-h", "--help"]}
# Whether JSON is asked for, in click's ``Context.meta``: a command and its groups share it.
WANTS_JSON: Final = "sandbox.cli.wants_json"
# The canister that the command is about, there likewise: errors are told outside of it.
CANISTER: Final = "sandbox.cli.canister"


class Command(click.Command):
    """A command of ours."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **with_help(options))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        ctx.meta[CANISTER] = ctx.params.get("name")
        return super().invoke(ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line. Raises: click.UsageError."""
        note_json(ctx, args, takes_file=any(it.name == "json_file" for it in self.params))
        return super().parse_args(ctx, args)


def command(name: str | None = None) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function a command of ours; a decorator."""
    return click.command(name, cls=Command)


def with_help(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a command or a group, with both ways to ask for help."""
    return options | {"context_settings": _HELP | options.get("context_settings", {})}


def note_json(ctx: click.Context, args: Sequence[str], *, takes_file: bool = False) -> None:
    """Note in the context that the arguments ask for JSON.

    takes_file: a file after ``--json`` says where to write instead; ``-`` prints.
    """
    for word, following in pairwise([*args, "-"]):
        # What follows `rehearse` it reads itself: its --json takes a file.
        if word in ("--", "rehearse"):
            return
        prints = not takes_file or following.startswith("-")
        if word == "--json=-" or (word == "--json" and prints):
            ctx.meta[WANTS_JSON] = True


def json_wanted() -> bool:
    """Whether the command that runs is to print JSON."""
    return bool(click.get_current_context().meta.get(WANTS_JSON))
