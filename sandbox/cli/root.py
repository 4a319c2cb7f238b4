"""The root command: global options, exit codes, commands loaded on first use."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sandbox.cli.commands import WANTS_JSON
from sandbox.cli.exits import NotWritten, error_facts, error_text, translated
from sandbox.cli.groups import LazyGroup, Table
from sandbox.cli.output import bear_every_terminal, print_json, say
from sandbox.cli.values import Real

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMANDS: Final[Table] = {
    "new": ("new", "new", "Make a project: a canister and tests that pass."),
    "install": ("code", "install", "Create a canister and install a module into it."),
    "upgrade": ("code", "upgrade", "Upgrade a canister; on failure all is as before."),
    "reinstall": ("code", "reinstall", "Install anew; heap and stable memory are lost."),
    "deploy": ("deploy", "deploy", "Install or upgrade what changed in the project."),
    "call": ("call", "call", "Call a method; Candid text in and out."),
    "uninstall": ("managing", "uninstall", "Remove module and memory; snapshots and cycles stay."),
    "list": ("canisters", "list_", "List the canisters of the world."),
    "status": ("canisters", "status", "Show a canister: status, module, memory, cycles."),
    "id": ("canisters", "id_", "Print the id of a canister."),
    "logs": ("canisters", "logs", "Show what a canister printed and why it trapped."),
    "start": ("canisters", "start", "Let a canister run again."),
    "stop": ("canisters", "stop", "Stop a canister."),
    "delete": ("canisters", "delete", "Delete a stopped canister with its snapshots."),
    "top-up": ("managing", "top_up", "Give a canister more cycles."),
    "advance": ("canisters", "advance", "Move the clock; timers and heartbeats run."),
    "identity": ("canisters", "identity", "Print the principal that --as NAME calls as."),
    "snapshot": (
        "snapshots",
        "snapshot",
        "Take, load, look into, compare, change and move snapshots.",
    ),
    "rehearse": ("rehearse", "rehearse", "Rehearse an upgrade and its rollback."),
    "explain": ("rehearse", "explain", "Say what a finding of a rehearsal means."),
    "repl": ("repl", "repl", "A Python prompt with the world loaded."),
    "demo": ("demo", "demo", "Rehearse a Motoko upgrade, break it, get it back."),
    "did": ("did", "did", "Show, check and compare Candid interfaces; make Python stubs."),
    "limits": ("limits", "limits_", "Show the limits of the world, or put others in force."),
    "completion": ("shells", "completion", "Print the script that completes in a shell."),
    "doctor": ("doctor", "doctor", "Say what this machine offers and which fast paths are active."),
}


_COMPLETE: Final = "_CANISTER_SANDBOX_COMPLETE"


class Root(LazyGroup):
    """The root group: errors become messages and exit codes."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run as a program."""
        bear_every_terminal()
        if _COMPLETE in os.environ:
            from sandbox.cli.completion import prepare_shells

            prepare_shells()
        return super().main(*args, **options)

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Read what stands before the command."""
        with _told():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        with _told():
            return super().invoke(ctx)


@contextmanager
def _told() -> Iterator[None]:
    """Turn errors into messages and exit codes."""
    try:
        with translated():
            yield
    except click.ClickException as error:
        ctx = click.get_current_context(silent=True) or getattr(error, "ctx", None)
        is_asked_for = ctx is not None and ctx.meta.get(WANTS_JSON)
        if is_asked_for and not isinstance(error, NotWritten):
            print_json({"error": error_facts(error)})
        else:
            say(error_text(error), err=True, nl=False)
        raise SystemExit(error.exit_code) from error


_EPILOG: Final = """\b
Exit codes: 0 it worked, 1 the canister failed, 2 it was asked wrongly, 130 Ctrl-C.
Completion in bash (zsh and fish likewise): eval "$(canister-sandbox completion bash)"
"""


@click.command(
    cls=Root,
    table=COMMANDS,
    context_settings={"max_content_width": 100},
    epilog=_EPILOG,
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
@click.option("--json", is_flag=True, expose_value=False, help="Print JSON for machines.")
@click.option(
    "--wait",
    "wait_s",
    type=Real(min=0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait while another process has the world open.",
)
@click.version_option(package_name="canister-sandbox", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, directory: Path, wait_s: float) -> None:
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
    ctx.obj = Options(directory, wait_s)


@dataclass(frozen=True, slots=True)
class Options:
    """What stands before the command."""

    directory: Path
    wait_s: float
