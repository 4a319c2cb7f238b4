"""Groups of commands: each command's module is imported when it is used, misspellings get a hint.

``--help`` must be instant, and listing commands needs no more than their table.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from sandbox.cli.commands import Command, note_json, with_help

if TYPE_CHECKING:
    from collections.abc import Mapping

Table = dict[str, tuple[str, str, str]]
"""Command -> (module in ``sandbox.cli``, attribute, one line for the list), in list order."""


class SuggestingGroup(click.Group):
    """A group whose error for an unknown command says which one was perhaps meant."""

    command_class = Command

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **with_help(options))
        if not any(item.name == "json" for item in self.params):
            self.params.append(_json_option())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what stands before the command. Raises: click.UsageError."""
        note_json(ctx, args)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command. Raises: click.UsageError."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not near or "Did you mean" in error.message:
                raise
            hint = f"{error.message} Did you mean {near[0]!r}?"
            raise click.UsageError(hint, ctx) from None


def _json_option() -> click.Option:
    """Return the option of groups; ``note_json`` is who reads it."""
    return click.Option(
        ["--json"], is_flag=True, expose_value=False, help="Print JSON for machines."
    )


class LazyGroup(SuggestingGroup):
    """A group that imports a command's module only when that command is run."""

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str, str]], **options: Any):
        super().__init__(*args, **options)
        self._table = table

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the command names."""
        return list(self._table)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Import a command."""
        if name not in self._table:
            return None
        module, attribute, _ = self._table[name]
        command: click.Command = getattr(import_module(f"sandbox.cli.{module}"), attribute)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in self._table.items()])
