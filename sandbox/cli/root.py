"""The root command: global options, exit codes, commands loaded on first use."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from sandbox.candid.errors import CandidError
from sandbox.errors import CanisterRejected, SandboxError

# name -> (module, attribute, one line for the list); the order is the order of `--help`.
COMMANDS: Final = {
    "install": ("code", "install", "Create a canister and install a module into it."),
    "upgrade": ("code", "upgrade", "Upgrade a canister; on failure all is as before."),
    "reinstall": ("code", "reinstall", "Install anew; heap and stable memory are lost."),
    "call": ("call", "call", "Call a method; Candid text in and out."),
    "list": ("canisters", "list_", "List the canisters of the world."),
    "status": ("canisters", "status", "Show a canister: status, module, memory, cycles."),
    "logs": ("canisters", "logs", "Show what a canister printed and why it trapped."),
    "start": ("canisters", "start", "Let a canister run again."),
    "stop": ("canisters", "stop", "Stop a canister."),
    "delete": ("canisters", "delete", "Delete a stopped canister with its snapshots."),
    "advance": ("canisters", "advance", "Move the clock; timers and heartbeats run."),
    "snapshot": ("snapshots", "snapshot", "Take, load, list, compare and move snapshots."),
    "repl": ("repl", "repl", "A Python prompt with the world loaded."),
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
            raise CanisterFailed(_with_notes(error)) from error
        except (SandboxError, CandidError) as error:
            raise AskedWrongly(_with_notes(error)) from error


class CanisterFailed(click.ClickException):
    """The canister failed: a message and exit code 1, no traceback."""

    exit_code = 1


class AskedWrongly(click.ClickException):
    """It was asked wrongly: a message and exit code 2, no traceback."""

    exit_code = 2


@click.command(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 it worked, 1 the canister failed, 2 it was asked wrongly.",
)
@click.option(
    "--state",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".canister-sandbox"),
    show_default=True,
    envvar="CANISTER_SANDBOX_STATE",
    help="The directory that keeps the world between invocations.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
@click.version_option(package_name="canister-sandbox", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, directory: Path, *, as_json: bool) -> None:
    """Run Internet Computer canisters in this process: no server, no network.

    \b
    Try:
      canister-sandbox demo
      canister-sandbox install counter counter.wasm --argument '(0 : nat)'
      canister-sandbox call counter inc
      canister-sandbox snapshot take counter --label before
      canister-sandbox upgrade counter v2.wasm
      canister-sandbox snapshot load counter before
    """
    ctx.obj = Options(directory, as_json)


@dataclass(frozen=True, slots=True)
class Options:
    """What stands before the command."""

    directory: Path
    as_json: bool


def _with_notes(error: Exception) -> str:
    return "\n".join([str(error), *getattr(error, "__notes__", ())])
