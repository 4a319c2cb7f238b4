"""What reaches a terminal: no control characters of others, in any encoding, or an error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sandbox.candid.values import FuncRef, Some, VariantValue
from sandbox.cli.json_text import json_text
from sandbox.cli.output import printable, say_progress
from sandbox.cli.root import cli
from sandbox.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import CommandLine

# Says, in its log, its answer, its trap and its methods' names, what would turn a terminal red,
# ring it, or name its window.
STEERING = r"""(module
  (import "ic0" "debug_print" (func $print (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "trap" (func $trap (param i32 i32)))
  (memory 1)
  (data (i32.const 0) "\1b[31m\07red\c2\9b1m\e2\80\ae\e2\9c\93")
  (data (i32.const 100) "DIDL\00\01\71\09\1b]0;yes\07\0a")
  (func $say (call $print (i32.const 0) (i32.const 19)))
  (func (export "canister_init") (call $say))
  (func (export "canister_update \1b[2Jclear") (call $reply))
  (func (export "canister_update fail") (call $trap (i32.const 0) (i32.const 19)))
  (func (export "canister_update answer")
    (call $say)
    (call $append (i32.const 100) (i32.const 17))
    (call $reply)))"""
DID = 'service : { answer : () -> (text); fail : () -> (); "\\1b[2Jclear" : () -> () }'
EVERYWHERE = (
    ("status", "it"),
    ("logs", "it"),
    ("call", "it", "answer"),
    ("call", "it", "fail"),
    ("call", "it", "\x1b[2Jclea"),
    ("call", "it", "answer", "\x1b[31m"),
    ("call", "\x1b[31m", "answer"),
    ("snapshot", "take", "it", "--label", "\x1b[31m"),
    ("snapshot", "list", "it"),
    ("snapshot", "show", "it", "0"),
    ("snapshot", "diff", "it", "0"),
    ("snapshot", "load", "it", "\x1b[31m"),
    ("rehearse", "it", "MODULE", "--call", "answer ()"),
    ("did", "show", "DID"),
    ("did", "stub", "DID"),
    ("explain", "\x1b[31m"),
    ("\x1b[31m",),
)


@pytest.fixture
def steering(run: CommandLine, wat_file: Callable[[str], str], tmp_path: Path) -> CommandLine:
    """A world with a canister `it` that would steer the terminal."""
    did = tmp_path / "it.did"
    did.write_text(DID)
    run("install", "it", wat_file(STEERING), "--did", str(did))
    return run


def test_nothing_that_others_wrote_steers_the_terminal(
    steering: CommandLine, tmp_path: Path
) -> None:
    files = {"MODULE": str(next(tmp_path.glob("*.wat"))), "DID": str(tmp_path / "it.did")}
    for words in EVERYWHERE:
        line = ["--state", str(steering.state), *(files.get(word, word) for word in words)]

        shown = CliRunner().invoke(cli, line, color=False).output

        assert [it for it in shown if not (it.isprintable() or it == "\n")] == [], words


def test_what_would_steer_the_terminal_is_shown_as_escapes(steering: CommandLine) -> None:
    result = steering("call", "it", "answer")

    assert result.stderr == "[log] \\x1b[31m\\x07red\\x9b1m\\u202e✓\n"
    assert "\\x1b[31m\\x07red" in steering("call", "it", "fail", code=1).stderr
    assert r"\x1b[2Jclear" in steering("status", "it").stdout


def test_machines_are_told_everything_as_it_is(steering: CommandLine) -> None:
    assert steering.json("call", "it", "answer") == "\x1b]0;yes\x07\n"
    assert steering.json("logs", "it")[0]["text"].startswith("\x1b[31m\x07red")


def test_line_ends_tabs_and_letters_stay() -> None:
    text = "two\nlines\tŁódź 👩\u200d🚀 ✓"

    assert printable(text) == text


@pytest.mark.parametrize("charset", ["latin-1", "cp437", "ascii", "utf-8"])
def test_every_encoding_of_a_terminal_is_written(
    steering: CommandLine, counter_wat: str, charset: str
) -> None:
    module = ("install", "counter", counter_wat, "--argument", "(5)")
    lines = [
        module, ("snapshot", "take", "counter", "--label", "łódź"), ("status", "it"),
        ("logs", "it"),
        ("call", "it", "answer"), ("snapshot", "list", "counter"), ("snapshot", "show", "counter"),
        ("upgrade", "counter", *module[2:]), ("snapshot", "diff", "counter", "0"),
        ("snapshot", "diff", "counter", "0", "--limit", "0"),
        ("rehearse", "counter", *module[2:]), ("rehearse", "--help"),
    ]  # fmt: skip
    for words in lines:
        result = CliRunner(charset=charset).invoke(cli, ["--state", str(steering.state), *words])

        assert (result.exit_code, result.exception) == (0, None), words


def test_an_ornament_that_the_terminal_lacks_is_written_plainly(counter: CommandLine) -> None:
    words = ["--state", str(counter.state), "status", "counter"]

    shown = CliRunner(charset="latin-1").invoke(cli, words).output

    assert "...\n" in shown
    assert "u2026" not in shown


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("words", [("call", "counter", "inc"), ("list", "--json"), ("--help",)])
def test_an_answer_that_cannot_be_written_is_an_error_and_the_world_is_saved(
    counter: CommandLine, words: tuple[str, ...]
) -> None:
    code = "from sandbox.cli import main; main()"
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-c", code, "--state", str(counter.state), *words],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip

    assert result.returncode == 1
    assert result.stderr == "Error: what was to be written could not be: No space left on device\n"
    assert counter.json("call", "counter", "get") == 5 + ("inc" in words)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a limit on the size of files")
@pytest.mark.parametrize(
    ("words", "file"),
    [
        (("snapshot", "read", "counter", "--length", "60000", "--output"), "heap.bin"),
        (("snapshot", "diff", "counter", "now", "--html"), "diff.html"),
        (("snapshot", "diff", "counter", "now", "--picture"), "diff.svg"),
        (("rehearse", "counter", "MODULE", "--argument", "(5)", "--html"), "report.html"),
        (("rehearse", "counter", "MODULE", "--argument", "(5)", "--write-plan"), "plan.yaml"),
    ],
    ids=lambda it: it if isinstance(it, str) else " ".join(it[:2]),
)
def test_a_file_that_cannot_be_written_is_named_and_no_half_of_it_is_left(
    counter: CommandLine, counter_wat: str, tmp_path: Path, words: tuple[str, ...], file: str
) -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500));"
        "from sandbox.cli import main; main()"
    )
    line = (*(counter_wat if word == "MODULE" else word for word in words), str(tmp_path / file))

    result = subprocess.run(
        [sys.executable, "-c", code, "--state", str(counter.state), *line],
        env={**os.environ, "CANISTER_SANDBOX_CACHE": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert result.returncode == 1
    assert f"{tmp_path / file} could not be written: File too large" in result.stderr
    assert not (tmp_path / file).exists()


@pytest.mark.slow
@pytest.mark.parametrize("closing", ["2>/dev/full", "2>&-", ">&-"])
def test_a_command_works_though_nobody_can_be_told(counter: CommandLine, closing: str) -> None:
    line = f"'{sys.executable}' -c 'from sandbox.cli import main; main()' --state '{counter.state}'"

    result = subprocess.run(f"{line} call counter inc {closing}", shell=True, check=False)

    assert result.returncode == 0
    assert counter.json("call", "counter", "get") == 6


# Runs us on a terminal of its own and prints what arrives there.
_ON_A_TERMINAL = """
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    from sandbox.cli import main
    main()
try:
    while data := os.read(terminal, 65_536):
        os.write(1, data)
except OSError:
    pass
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs terminals")
@pytest.mark.parametrize(
    ("environment", "is_coloured", "moves"),
    [
        ({}, True, True),
        ({"NO_COLOR": "1"}, False, True),
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, False, False),
    ],
    ids=str,
)
def test_a_terminal_gets_the_colours_it_wants(
    counter: CommandLine, environment: dict[str, str], is_coloured: bool, moves: bool
) -> None:
    def shown(*words: str) -> bytes:
        return subprocess.run(
            [sys.executable, "-c", _ON_A_TERMINAL, "--state", str(counter.state), *words],
            env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True,
        ).stdout  # fmt: skip

    assert (b"\x1b[1m" in shown("list")) is is_coloured
    assert (b"\x1b[?25l" in shown("snapshot", "verify")) is moves


def test_a_line_of_progress_is_no_longer_than_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr("sandbox.cli.output.shows_progress", lambda _stream: True)

    say_progress("a stage with a name that is rather long")

    assert len(capsys.readouterr().err.removeprefix("\r").removeprefix("\x1b[K")) == 19


def test_numbers_that_json_has_not_are_texts() -> None:
    assert json.loads(json_text([float("nan"), float("-inf"), 1.5])) == ["nan", "-inf", 1.5]
    assert json.loads(json_text([-(16**5000), 10**4000])) == [hex(-(16**5000)), 10**4000]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.slow
@given(JSON)
def test_json_is_what_python_writes(value: object) -> None:
    finite = json.loads(json.dumps(value), parse_constant=str)

    assert json_text(finite) == json.dumps(finite, indent=2)


def test_json_of_candid_values_has_principals_as_text_and_bytes_in_hex() -> None:
    who = Principal("aaaaa-aa")
    value = {"a": Some(None), "b": VariantValue("x", who), "c": (b"\1", FuncRef(who, "m")), "d": []}

    assert json.loads(json_text(value)) == {
        "a": [None],
        "b": {"x": "aaaaa-aa"},
        "c": ["01", {"principal": "aaaaa-aa", "method": "m"}],
        "d": [],
    }


def test_json_of_any_depth_is_written() -> None:
    value: object = None
    for _ in range(10_000):
        value = (1, {"tail": value})

    text = json_text(value)

    assert text.startswith('[\n  1,\n  {\n    "tail": [')
    assert text.count("[") == text.count("}") == 10_000
    assert len(text) < 300_000
