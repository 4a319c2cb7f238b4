"""The root command: global options, exit codes, commands loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import IO, Final

import click

from sandbox.candid.errors import CandidError
from sandbox.errors import CanisterRejected, SandboxError

EXIT_CANISTER_FAILED: Final = 1
EXIT_ASKED_WRONGLY: Final = 2

# name -> (module, attribute, one line for the list); the order is the order of `--help`.
COMMANDS: Final = {
    "demo": ("demo", "demo", "Break a Motoko canister with an upgrade, and get it back."),
    "did": ("did", "did", "Show, check and compare Candid interfaces; make Python stubs."),
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

    def invoke(self, ctx: click.Context) -> object:
        """Run, turning our errors into messages and exit codes."""
        try:
            return super().invoke(ctx)
        except CanisterRejected as error:
            raise Failed(str(error), EXIT_CANISTER_FAILED) from error
        except (SandboxError, CandidError) as error:
            raise Failed(str(error), EXIT_ASKED_WRONGLY) from error


class Failed(click.ClickException):
    """An error for the user: a message and the exit code, no traceback."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code

    def show(self, file: IO[str] | None = None) -> None:
        """Print it to standard error."""
        click.echo(click.style("error: ", fg="red") + self.message, err=True, file=file)


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
