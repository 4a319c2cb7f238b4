"""What the shell completes: canisters, methods, snapshots; never an error, never a wait."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.shell_completion import ShellComplete

from sandbox.cli.root import cli
from sandbox.durable import WorldDirectory

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import CommandLine


def completed(run: CommandLine, *words: str) -> list[str]:
    """Return what is offered for the last word."""
    shell = ShellComplete(cli, {}, "canister-sandbox", "_CANISTER_SANDBOX_COMPLETE")
    *before, last = words
    offered = shell.get_completions(["--state", str(run.state), *before], last)
    return [item.value for item in offered]


@pytest.fixture
def saved(counter: CommandLine, counter_wat: str) -> CommandLine:
    """Canisters `counter` and `bank`; the counter has snapshots `before` and 1."""
    counter("install", "bank", counter_wat, "--argument", "(0)")
    counter("snapshot", "take", "counter", "--label", "before")
    counter("snapshot", "take", "counter")
    return counter


@pytest.mark.parametrize(
    "command", [["call"], ["status"], ["logs"], ["stop"], ["upgrade"], ["snapshot", "take"]]
)
def test_canisters_are_offered_by_name(saved: CommandLine, command: list[str]) -> None:
    assert sorted(completed(saved, *command, "")) == ["bank", "counter"]
    assert completed(saved, *command, "co") == ["counter"]


def test_methods_are_offered_of_the_canister_named(saved: CommandLine) -> None:
    assert completed(saved, "call", "counter", "w") == ["wake_in_an_hour", "who"]
    assert completed(saved, "call", "nobody", "") == []


@pytest.mark.parametrize("command", ["load", "show", "diff", "delete", "download", "clone"])
def test_snapshots_are_offered_by_label_or_number(saved: CommandLine, command: str) -> None:
    assert completed(saved, "snapshot", command, "counter", "") == ["before", "1"]
    assert completed(saved, "snapshot", command, "bank", "") == []


def test_commands_are_offered(saved: CommandLine) -> None:
    assert completed(saved, "ins") == ["install"]
    assert completed(saved, "snapshot", "d") == ["diff", "delete", "download"]


def test_without_a_world_nothing_is_offered(run: CommandLine) -> None:
    assert completed(run, "call", "") == []
    assert completed(run, "snapshot", "load", "counter", "") == []
    assert completed(run, "call", "counter", "") == []
    assert not run.state.exists()


def test_nothing_waits_for_a_world_that_is_in_use(saved: CommandLine) -> None:
    with WorldDirectory(saved.state):
        assert completed(saved, "call", "") == []


def test_a_damaged_world_offers_nothing(saved: CommandLine) -> None:
    (saved.state / "world.json").write_bytes(b"{")

    assert completed(saved, "call", "") == []
    assert completed(saved, "call", "counter", "") == []


def test_completing_changes_no_byte(saved: CommandLine) -> None:
    before = saved.files()

    completed(saved, "call", "counter", "")
    completed(saved, "snapshot", "load", "counter", "")

    assert saved.files() == before


def test_what_cannot_be_typed_is_not_offered(saved: CommandLine) -> None:
    saved("snapshot", "take", "counter", "--label", "\x1b[31mred")

    assert completed(saved, "snapshot", "load", "counter", "") == ["before", "1"]


_ASK_BASH = """
eval "$(_CANISTER_SANDBOX_COMPLETE=bash_source canister-sandbox)"
COMP_WORDS=(canister-sandbox --state "$1" snapshot load counter "$2")
COMP_CWORD=6
_canister_sandbox_completion canister-sandbox
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("typed", ["", "before", r"before\ v", '"before v'])
def test_bash_is_offered_one_word_for_each(saved: CommandLine, tmp_path: Path, typed: str) -> None:
    for label in ("before v2", "it's $HOME * \\ 1"):
        saved("snapshot", "take", "counter", "--label", label)
    program = tmp_path / "canister-sandbox"
    program.write_text(f"#!{sys.executable}\nfrom sandbox.cli import main\nmain()\n")
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"

    shown = subprocess.run(
        ["bash", "--norc", "-c", _ASK_BASH, "bash", str(saved.state), typed],
        env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip

    everything = ["before", "1", r"before\ v2", r"it\'s\ \$HOME\ \*\ \\\ 1"]
    begun = r"before\ v" if typed.startswith('"') else typed
    assert shown == [it for it in everything if it.startswith(begun)]
