"""The command line in this process: ``run("call", "counter", "inc")``."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from sandbox.cli.root import Options, cli

if TYPE_CHECKING:
    from click.testing import Result


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Runs commands on one state directory."""

    state: Path

    def __call__(self, *words: str, code: int = 0, stdin: str | None = None) -> Result:
        """Run a command and hold it to its exit code; no command ends in a traceback."""
        result = CliRunner().invoke(cli, ["--state", str(self.state), *words], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    def json(self, *words: str) -> Any:
        """Run a command with ``--json`` and return what it printed."""
        return json.loads(self(*words, "--json").stdout)

    def files(self) -> dict[str, bytes]:
        """Return what is on the disk."""
        found = (path for path in self.state.rglob("*") if path.is_file())
        return {str(path.relative_to(self.state)): path.read_bytes() for path in found}


def completed(run: CommandLine, *words: str) -> list[str]:
    """Return what is offered for the last word."""
    shell = ShellComplete(cli, {}, "canister-sandbox", "_CANISTER_SANDBOX_COMPLETE")
    *before, last = words
    offered = shell.get_completions(["--state", str(run.state), *before], last)
    return [item.value for item in offered]


def take(line: str) -> None:
    """Read a command line as a shell and we would, from behind ``canister-sandbox``; run nothing.

    Raises: click.UsageError for one that we do not take; files need not be there.
    """
    here = (
        re.sub(r"\$\(.+?\)", "aaaaa-aa", line)
        .partition(" && ")[0]
        .partition(" > ")[0]
        .partition(" | ")[0]
    )
    words = shlex.split(here, comments=True)
    if words[0] == "--state":
        del words[:2]
    command: click.Command = cli
    while isinstance(command, click.Group):
        if words[0].startswith("--"):
            return  # --help
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None, line
        command = found
    options = Options(Path(".canister-sandbox"), 0)
    try:
        command.make_context(line, words, parent=click.Context(cli, obj=options)).close()
    except click.BadParameter as error:
        if "does not exist" not in error.message:
            raise
