"""Commands: what every one of them has, whoever runs it.

click lets commands inherit what their group has set, and keeps what it found first: a command
that was once parsed alone would never have ``-h``. So each has it of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_HELP: Final = {"help_option_names": ["-h", "--help"]}


class Command(click.Command):
    """A command of ours."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **with_help(options))


def command(name: str | None = None) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function a command of ours; a decorator."""
    return click.command(name, cls=Command)


def with_help(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a command or a group, with both ways to ask for help."""
    return options | {"context_settings": _HELP | options.get("context_settings", {})}
