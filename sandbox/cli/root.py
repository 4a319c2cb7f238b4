"""The root command: global options, exit codes, commands loaded on first use."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click

from sandbox.errors import CanisterRejected, SandboxError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_CANISTER_FAILED: Final = 1
EXIT_ASKED_WRONGLY: Final = 2

# name -> (module, attribute, one line for the list); the order is the order of `--help`.
COMMANDS: Final = {
    "demo": ("demo", "demo", "Break a Motoko canister with an upgrade, and get it back."),
    "doctor": ("doctor", "doctor", "Say what this machine offers and which fast paths are active."),
}


class Root(click.Group):
    """A group that imports a command's module only when that command is run."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the command names."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Import a command."""
        if name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[name]
        command: click.Command = getattr(import_module(f"sandbox.cli.{module}"), attribute)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> Any:
        """Run, turning our errors into messages and exit codes."""
        try:
            return super().main(args, **extra)
        except CanisterRejected as error:
            fail(str(error), EXIT_CANISTER_FAILED)
        except SandboxError as error:
            fail(str(error), EXIT_ASKED_WRONGLY)
        except BrokenPipeError:  # `| head` has seen enough
            sys.stderr.close()
            sys.exit(0)


@click.command(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 it worked, 1 the canister failed, 2 it was asked wrongly.",
)
@click.version_option(package_name="canister-sandbox", message="%(prog)s %(version)s")
def cli() -> None:
    r"""Run Internet Computer canisters in this process: no server, no network.

    \b
    Try:
      canister-sandbox demo        the whole story on a real Motoko canister
      canister-sandbox doctor      what this machine offers
    """


def fail(message: str, code: int) -> None:
    """Print an error and leave."""
    click.secho("error: ", fg="red", nl=False, err=True)
    click.echo(message, err=True)
    sys.exit(code)
