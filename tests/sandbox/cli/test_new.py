"""``new``: the project it makes is whole, its tests pass, its README holds."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from command_line import CommandLine
from sandbox.cli.exits import NotWritten

if TYPE_CHECKING:
    from pathlib import Path


# By its module: the checkout's metadata may be older than the entry point.
PLUGIN = ("-p", "no:canister_fixtures", "-p", "canister_fixtures.plugin")
# Other people's plugins that we happen to have: a new project does not set them up.
WITHOUT = ("-p", "no:asyncio", "-p", "no:cacheprovider")


@pytest.fixture
def project(run: CommandLine, tmp_path: Path) -> Path:
    run("new", str(tmp_path / "points"))
    return tmp_path / "points"


@pytest.mark.slow
def test_its_tests_pass_as_they_are(project: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *PLUGIN, *WITHOUT, "-W", "error"],
        cwd=project, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip

    assert result.returncode == 0, result.stdout + result.stderr
    assert "5 passed" in result.stdout


def test_its_readme_holds(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    run = CommandLine(project / ".canister-sandbox")
    text = (project / "README.md").read_text()
    commands = re.findall(r"^    canister-sandbox (.*)$", text, re.MULTILINE)

    answers = [run(*shlex.split(command)).stdout for command in commands]

    assert text.startswith("# points\n")
    assert [answer for answer in answers if "nat64" in answer] == [
        "(6 : nat64)\n", "(0 : nat64)\n", "(6 : nat64)\n",
    ]  # fmt: skip


def test_what_is_there_already_is_left_alone(run: CommandLine, project: Path) -> None:
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}

    assert "choose another name" in run("new", str(project), code=2).stderr

    assert {path: path.read_bytes() for path in before} == before


def test_an_empty_directory_is_taken(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    assert "pytest" in run("new", str(tmp_path / "empty")).stdout
    assert (tmp_path / "empty" / "counter.wat").exists()


def test_where_pytest_is_missing_it_says_how_to_get_it(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pytest", None)

    said = run("new", str(tmp_path / "points")).stdout

    assert "run its tests with: pip install pytest && cd " in said


def test_what_to_type_next_is_quoted_where_it_must_be(run: CommandLine, tmp_path: Path) -> None:
    shown = run("new", str(tmp_path / "my proj")).stdout

    assert f"cd '{tmp_path / 'my proj'}' && pytest" in shown


def test_of_a_project_that_could_not_be_written_nothing_stays(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: str) -> None:
        if path.name == "README.md":
            raise NotWritten(f"{path} could not be written: No space left on device")
        path.write_text(content)

    monkeypatch.setattr("sandbox.cli.new.write_file", full)

    assert "No space left" in run("new", str(tmp_path / "far" / "points"), code=1).stderr

    assert not list(tmp_path.iterdir())
