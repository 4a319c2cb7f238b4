"""What holds for every command: help with an example, exit codes, one message per error."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from cli_reference import PAGE, command_paths, help_of, rendered
from command_line import take
from sandbox.cli import main
from sandbox.cli.exits import translated
from sandbox.cli.root import cli

if TYPE_CHECKING:
    from command_line import CommandLine


COMMANDS = sorted(command_paths())
CHECKOUT = Path(__file__).parents[3]
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]


def command_at(path: tuple[str, ...]) -> click.Command:
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    return command


def program(*words: str, state: Path) -> subprocess.CompletedProcess[str]:
    code = "from sandbox.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "--state", str(state), *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_has_an_example_and_fits_the_terminal(path: tuple[str, ...]) -> None:
    shown = help_of(path)

    assert f"canister-sandbox {' '.join(path[:1])}".strip() in shown
    assert "Example" in shown or "Try:" in shown
    assert [line for line in shown.splitlines() if len(line) > 100] == []


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_example_is_a_command_line_that_we_take(path: tuple[str, ...]) -> None:
    for line in re.findall(r"^ {4}canister-sandbox (.+)$", help_of(path), re.MULTILINE):
        take(line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_of_the_docs_is_one_that_we_take(page: Path) -> None:
    text = page.read_text("utf-8")

    for line in re.findall(r"^(?:\$ | {4})?canister-sandbox (.+)$", text, re.MULTILINE):
        take(line)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_says_what_it_does(path: tuple[str, ...]) -> None:
    options = [item for item in command_at(path).params if isinstance(item, click.Option)]

    assert [item.name for item in options if not item.help] == []


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_its_short_help_without_the_root_too(path: tuple[str, ...]) -> None:
    command = command_at(path)

    context = command.make_context("alone", [], resilient_parsing=True)

    assert sorted(command.get_help_option_names(context)) == ["--help", "-h"]


def test_the_list_of_commands_is_the_commands(run: CommandLine) -> None:
    shown = run("--help").stdout

    assert all(f"\n  {path[0]} " in shown for path in COMMANDS if path)


def test_the_reference_page_is_what_help_prints() -> None:
    assert PAGE.read_text("utf-8") == rendered(), "write it with: make docs"


def test_an_unknown_command_names_the_near_one(run: CommandLine) -> None:
    result = run("instal", "counter", "x.wasm", code=2)

    assert "Did you mean" in result.stderr
    assert "install" in result.stderr


def test_an_error_is_json_where_answers_are(counter: CommandLine) -> None:
    failed = counter("call", "counter", "fail", "--json", code=1)
    asked_wrongly = counter("--json", "call", "bank", "inc", code=2)

    error = json.loads(failed.stdout)["error"]
    assert (error["error_code"], error["reject_code"], error["exit_code"]) == ("IC0502", 5, 1)
    assert isinstance(error["backtrace"], list)
    assert "Error:" not in failed.stderr
    wrong = json.loads(asked_wrongly.stdout)["error"]
    assert wrong["exit_code"] == 2
    assert "no canister named 'bank'" in wrong["message"]


@pytest.mark.slow
def test_as_a_program_it_keeps_its_world_and_its_streams_apart(
    tmp_path: Path, counter_wat: str
) -> None:
    state = tmp_path / "world"

    installed = program("install", "counter", counter_wat, "--argument", "(5)", state=state)
    failed = program("call", "counter", "fail", state=state)
    asked_wrongly = program("call", "bank", "inc", state=state)
    called = program("--json", "call", "counter", "inc", state=state)

    assert (installed.returncode, installed.stderr) == (0, "")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert (asked_wrongly.returncode, asked_wrongly.stdout) == (2, "")
    assert json.loads(called.stdout) == 6
    assert "Traceback" not in failed.stderr + asked_wrongly.stderr


@pytest.mark.slow
def test_a_call_whose_reader_went_away_is_kept(counter: CommandLine) -> None:
    code = "from sandbox.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--state", str(counter.state), "call", "counter", "inc"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    process.wait()

    assert counter.json("call", "counter", "get") == 6


@pytest.mark.slow
def test_commands_at_once_wait_for_each_other_and_all_are_kept(counter: CommandLine) -> None:
    code = "from sandbox.cli import main; main()"
    words = [sys.executable, "-c", code, "--state", str(counter.state), "call", "counter", "inc"]

    together = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    answers = [process.communicate()[0] for process in together]

    assert sorted(answers) == sorted(f"({count} : nat8)\n" for count in range(6, 11))
    assert counter.json("call", "counter", "get") == 10


def test_a_world_is_waited_for_and_said_so_once(counter: CommandLine) -> None:
    from sandbox.durable import WorldDirectory

    with WorldDirectory(counter.state):
        result = counter("--wait", "0.1", "call", "counter", "inc", code=2)

    assert result.stderr.count("waiting for another process") == 1
    assert "is in use by another process" in result.stderr
    assert counter.json("call", "counter", "get") == 5


def test_several_may_look_at_once(counter: CommandLine) -> None:
    from sandbox.durable import WorldDirectory

    with WorldDirectory(counter.state, read_only=True):
        assert counter("--wait", "0", "list").stderr == ""


@pytest.mark.parametrize(
    "words",
    [
        *(("advance", "--days", number) for number in ("nan", "inf", "-inf", "1e300")),
        ("--wait", "nan", "list"),
        ("snapshot", "verify", "--sample", "nan"),
        ("rehearse", "counter", "new.wasm", "--soak", "nan"),
        ("call", "counter", "inc", "--cycles", str(1 << 128)),
        ("install", "other", "COUNTER", "--argument", "(5)", "--cycles", str(1 << 128)),
        ("snapshot", "find", "counter", "--int", "5", "--limit", "-1"),
        ("snapshot", "read", "counter", "--offset", str(1 << 200)),
    ],
    ids=" ".join,
)
def test_a_number_that_makes_no_sense_is_refused_and_nothing_changes(
    counter: CommandLine, counter_wat: str, words: tuple[str, ...]
) -> None:
    before = counter.files()

    counter(*(counter_wat if word == "COUNTER" else word for word in words), code=2)

    assert counter.files() == before


def test_a_number_may_be_larger_than_all_there_is(counter: CommandLine) -> None:
    huge = str(1 << 200)

    assert counter.json("snapshot", "find", "counter", "--int", "77", "--limit", huge) == []
    assert counter.json("snapshot", "diff", "counter", "now", "--limit", huge)["same"]


@pytest.mark.parametrize("words", [("get",), ("get", "--query")], ids=" ".join)
def test_a_query_only_looks_and_leaves_the_disk_as_it_is(
    counter: CommandLine, words: tuple[str, ...]
) -> None:
    from sandbox.durable import WorldDirectory

    before = counter.files()

    with WorldDirectory(counter.state, read_only=True):
        result = counter("--wait", "0", "call", "counter", *words)

    assert (result.stdout, result.stderr) == ("(5 : nat8)\n", "")
    assert counter.files() == before


def test_a_damaged_world_is_named_and_left_alone(counter: CommandLine) -> None:
    path = counter.state / "world.json"
    path.write_bytes(path.read_bytes().replace(b'"now_ns",1', b'"now_ns",2'))
    before = counter.files()

    for words in (["list"], ["call", "counter", "inc"]):
        result = counter(*words, code=2)
        assert f"{path} is damaged" in result.stderr

    assert counter.files() == before


def test_a_damaged_store_is_named_and_left_alone(counter: CommandLine) -> None:
    for path in (counter.state / "store" / "packs").iterdir():
        data = bytearray(path.read_bytes())
        data[len(data) // 3] ^= 1
        path.write_bytes(data)
    before = counter.files()

    result = counter("call", "counter", "inc", code=2)

    assert ".pack" in result.stderr
    assert counter.files() == before


def test_a_state_directory_that_is_a_file_is_refused(run: CommandLine, counter_wat: str) -> None:
    run.state.write_text("not a directory")

    run("install", "counter", counter_wat, "--argument", "(5)", code=2)

    assert run.state.read_text() == "not a directory"


def test_an_interrupted_command_says_so_and_ends_with_130(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended, translated():
        raise KeyboardInterrupt

    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_ctrl_c_while_we_are_still_importing_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sandbox.cli.interrupts.end_soon_after_ctrl_c", interrupted)

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 130


def test_a_question_that_is_interrupted_ends_with_130(
    counter: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("click.termui.visible_prompt_func", interrupted)
    words = ["--state", str(counter.state), "delete", "counter"]

    with pytest.raises(SystemExit) as ended:
        cli(words, prog_name="canister-sandbox")

    assert ended.value.code == 130
    assert counter.json("call", "counter", "get") == 5


# Ctrl-C once the main thread has computed for so long that it can only be in Wasm.
_INTERRUPTED_IN_A_LOOP = """
import os, signal, threading, time
from sandbox.cli import main

# A shell's background jobs, tests among them, begin with SIGINT ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
clock = time.pthread_getcpuclockid(threading.get_ident())

def interrupt():
    while time.clock_gettime(clock) < 1:
        threading.Event().wait(0.02)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
main()
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="needs a thread's clock")
def test_ctrl_c_ends_an_endless_loop_and_leaves_the_world(run: CommandLine, tmp_path: Path) -> None:
    endless = tmp_path / "endless.wat"
    endless.write_text('(module (func (export "canister_update run") (loop $again (br $again))))')
    run("install", "endless", str(endless))
    before = run.files()

    result = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED_IN_A_LOOP, "--state", str(run.state),
         "call", "endless", "run"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (result.returncode, result.stdout, result.stderr) == (130, "", "interrupted\n")
    assert run.files() == before
