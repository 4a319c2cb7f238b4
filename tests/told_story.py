"""Pages of docs/, told again: their files written, their commands run, their answers compared.

In a page, a block ```` ```python ```` (or any language) whose first line is a comment with a
file's name is that file. A block ```` ```console ```` holds commands behind ``$`` and below
each what it prints, where ``…`` stands for anything. ``canister-sandbox``, ``pytest`` and
``python`` are run, and by a shell ``cp``, ``echo`` and ``head``; for others ``programs`` says how
to run them, or ``builds`` puts there what they would build.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from click.testing import CliRunner

from sandbox.cli.root import cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})
_FILE: Final = re.compile(r"(?:#|//|;;) (\S+\.\w+)$")
# By its module: the checkout's metadata may be older than the entry point.
_PYTEST: Final = (
    "-m", "pytest", "-q", "-p", "no:cacheprovider",
    "-p", "no:canister_fixtures", "-p", "canister_fixtures.plugin",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a page, and what the page says it prints."""

    line: str
    output: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page of docs/."""

    path: Path

    def tell(
        self,
        builds: Mapping[str, Callable[[], None]] = _NONE,
        programs: Mapping[str, Callable[[list[str]], str]] = _NONE,
    ) -> int:
        """Do all the page says in the current directory; return how many commands that were.

        builds: what stands in for programs that are not there, by their command line.
        programs: how to run those that are, by their name, given the words behind it; what
            comes back is what they print.
        """
        count = 0
        for step in self.steps():
            if isinstance(step, Command):
                if step.line in builds:
                    builds[step.line]()
                else:
                    self._run(step, programs)
                count += 1
            else:
                step[0].parent.mkdir(parents=True, exist_ok=True)
                step[0].write_text(step[1], "utf-8")
        return count

    def steps(self) -> Iterator[Command | tuple[Path, str]]:
        """Yield files and commands in the order of the page."""
        from pathlib import Path

        for language, text in _BLOCK.findall(self.path.read_text("utf-8")):
            if language == "console":
                yield from _commands(text)
                continue
            named = _FILE.match(text.partition("\n")[0])
            if named:
                yield Path(named[1]), text

    def _run(self, command: Command, programs: Mapping[str, Callable[[list[str]], str]]) -> None:
        program, *words = shlex.split(command.line)
        if program == "canister-sandbox":
            result = CliRunner().invoke(cli, words, prog_name=program)
            if result.exception is not None and not isinstance(result.exception, SystemExit):
                raise result.exception
            printed = result.output
        elif program == "pytest":
            printed = _python([*_PYTEST, *words])
        elif program == "python":
            printed = _python(words)
        elif program in ("cp", "echo", "head"):
            printed = subprocess.run(
                command.line, shell=True, capture_output=True, text=True, check=True
            ).stdout
        elif program in programs:
            printed = programs[program](words)
        else:
            raise AssertionError(f"{self.path.name}: what is {command.line!r}?")
        assert _matches(printed, command.output), f"$ {command.line}\n{printed}"


def _commands(text: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, _, output = part.partition("\n")
        yield Command(line, output)


def _python(words: list[str]) -> str:
    result = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return result.stdout + result.stderr


def _matches(printed: str, expected: str) -> bool:
    pattern = ".*?".join(re.escape(piece) for piece in expected.strip().split("…"))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None
