"""Each test has a world of its own, and a counter in it if it likes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from command_line import CommandLine
from project_room import Project

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def run(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "world")


@pytest.fixture
def counter_wat() -> str:
    return str(Path(__file__).with_name("counter.wat"))


@pytest.fixture
def counter(run: CommandLine, counter_wat: str) -> CommandLine:
    """A world with a canister `counter` that stands at 5."""
    run("install", "counter", counter_wat, "--argument", "(5 : nat8)")
    return run


@pytest.fixture
def wat_file(tmp_path: Path) -> Callable[[str], str]:
    """Write a module's text into a file and return its path."""

    def write(text: str) -> str:
        path = tmp_path / f"module{len(list(tmp_path.glob('module*')))}.wat"
        path.write_text(text, "utf-8")
        return str(path)

    return write


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project of dfx with a canister `backend`, in which we stand."""
    found = Project(tmp_path / "project")
    found.dfx(backend=found.custom())
    monkeypatch.chdir(found.place)
    return found
