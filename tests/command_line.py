"""The command line in this process: ``run("call", "counter", "inc")``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from sandbox.cli.root import cli

if TYPE_CHECKING:
    from pathlib import Path

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
