"""What the shell completes: canisters, methods, snapshots; never an error, never a wait."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.shell_completion import ShellComplete

from command_line import completed
from sandbox.cli.root import cli
from sandbox.durable import WorldDirectory

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import CommandLine


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


def test_a_label_that_several_have_is_offered_by_number(saved: CommandLine) -> None:
    saved("snapshot", "take", "counter", "--label", "before")

    assert completed(saved, "snapshot", "load", "counter", "") == ["0", "1", "2"]


def test_snapshots_are_offered_to_options(saved: CommandLine) -> None:
    assert completed(saved, "snapshot", "take", "counter", "--replace", "b") == ["before"]
    assert completed(saved, "rehearse", "counter", "--at", "") == ["before", "1"]
    assert completed(saved, "rehearse", "--at", "") == []


def test_what_is_rehearsed_is_a_file_or_a_canister(saved: CommandLine) -> None:
    shell = ShellComplete(cli, {}, "canister-sandbox", "_CANISTER_SANDBOX_COMPLETE")

    offered = shell.get_completions(["--state", str(saved.state), "rehearse"], "co")

    assert [(item.type, item.value) for item in offered] == [("file", "co"), ("plain", "counter")]


def test_findings_and_profiles_of_limits_are_offered(run: CommandLine) -> None:
    assert "P01" in completed(run, "explain", "P")
    assert "p01" in completed(run, "explain", "p")
    assert completed(run, "limits", "str") == ["strict", "strict-2026-08"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_printed(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    monkeypatch.setenv("SHELL", f"/usr/local/bin/{shell}")

    script = run("completion", shell).stdout

    assert f"_CANISTER_SANDBOX_COMPLETE={shell}_complete" in script
    assert run("completion").stdout == script
    assert run.json("completion") == {"shell": shell, "script": script}


def test_a_shell_that_is_not_known_is_asked_for(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/bin/ksh")

    assert "say which shell: bash, zsh, fish" in run("completion", code=2).stderr


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
eval "$(canister-sandbox completion bash)"
COMP_WORDS=(canister-sandbox --state "$1" snapshot load counter "$2")
COMP_CWORD=6
_canister_sandbox_completion canister-sandbox
printf '%s\\n' "${COMPREPLY[@]}"
"""


_ASK_FISH = """
canister-sandbox completion fish | source
complete -C "canister-sandbox --state $argv[1] snapshot load counter $argv[2]"
"""


def asked(words: list[str], folder: Path) -> list[str]:
    """Run a shell that finds our program; return the lines it prints."""
    program = folder / "canister-sandbox"
    program.write_text(f"#!{sys.executable}\nfrom sandbox.cli import main\nmain()\n")
    program.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    home = {"PATH": path, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    return subprocess.run(
        words, env={**os.environ, **home}, capture_output=True, text=True, check=True
    ).stdout.splitlines()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_is_offered_labels_and_help_with_commas(saved: CommandLine, tmp_path: Path) -> None:
    for label in ("v1,2", "after v3"):
        saved("snapshot", "take", "counter", "--label", label)

    shown = asked(["fish", "-c", _ASK_FISH, str(saved.state), ""], tmp_path)

    assert [line.partition("\t")[0] for line in shown] == ["1", "after v3", "before", "v1,2"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_takes_the_script(saved: CommandLine, tmp_path: Path) -> None:
    script = 'autoload -U compinit; compinit -D; eval "$(canister-sandbox completion zsh)"; '
    script += "print ${_comps[canister-sandbox]}"

    assert asked(["zsh", "-f", "-c", script], tmp_path) == ["_canister_sandbox_completion"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("typed", ["", "before", r"before\ v", '"before v'])
def test_bash_is_offered_one_word_for_each(saved: CommandLine, tmp_path: Path, typed: str) -> None:
    for label in ("before v2", "it's $HOME * \\ 1"):
        saved("snapshot", "take", "counter", "--label", label)
    words = ["bash", "--norc", "-c", _ASK_BASH, "bash", str(saved.state), typed]

    shown = asked(words, tmp_path)

    everything = ["before", "1", r"before\ v2", r"it\'s\ \$HOME\ \*\ \\\ 1"]
    begun = r"before\ v" if typed.startswith('"') else typed
    assert shown == [it for it in everything if it.startswith(begun)]
