"""``call``: Candid text in and out, queries and updates, what is kept when it fails."""

from __future__ import annotations

import os
import re
import shlex
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import CommandLine

RAW = """(module
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (memory 1)
  (data (i32.const 0) "\\01\\02\\03")
  (func (export "canister_update bytes")
    (call $append (i32.const 0) (i32.const 3)) (call $reply)))"""


def test_an_update_is_answered_in_candid_and_kept(counter: CommandLine) -> None:
    assert counter("call", "counter", "inc").stdout == "(6 : nat8)\n"
    assert counter("call", "counter", "get", "()").stdout == "(6 : nat8)\n"


def test_json_comes_with_the_option_before_or_after_the_command(counter: CommandLine) -> None:
    assert counter("call", "counter", "get", "--json").stdout == "5\n"
    assert counter("--json", "call", "counter", "get").stdout == "5\n"


def test_raw_prints_the_bytes_of_the_reply(counter: CommandLine) -> None:
    assert counter("call", "counter", "get", "--raw").stdout == "4449444c00017b05\n"


def test_an_update_called_as_a_query_leaves_no_trace(counter: CommandLine) -> None:
    counter("call", "counter", "inc", "--query", code=1)

    assert counter("call", "counter", "get").stdout == "(5 : nat8)\n"


def test_a_query_called_as_an_update_answers_the_same(counter: CommandLine) -> None:
    assert counter("call", "counter", "get", "--update").stdout == "(5 : nat8)\n"


def test_a_canister_is_named_by_its_id_too(counter: CommandLine) -> None:
    canister_id = counter.json("status", "counter")["id"]

    assert counter("call", canister_id, "get").stdout == "(5 : nat8)\n"


def test_an_identity_is_the_same_principal_every_time(counter: CommandLine) -> None:
    ada = counter("identity", "ada").stdout.strip()

    assert counter("call", "counter", "who", "--as", "ada").stdout == f'(principal "{ada}")\n'
    assert counter("call", "counter", "who", "--as", ada).stdout == f'(principal "{ada}")\n'


def test_anonymous_is_the_anonymous_principal(counter: CommandLine) -> None:
    result = counter("call", "counter", "who", "--as", "anonymous")

    assert result.stdout == '(principal "2vxsx-fae")\n'


def test_without_a_name_the_default_identity_calls(counter: CommandLine) -> None:
    default = counter.json("identity")["principal"]

    assert counter.json("call", "counter", "who") == default


def test_cycles_reach_an_update(counter: CommandLine) -> None:
    before = counter.json("status", "counter")["cycles"]

    counter("call", "counter", "take_cycles", "--cycles", "1000000000000")

    assert counter.json("status", "counter")["cycles"] < before + 1_000_000


def test_a_call_is_not_query_and_update_at_once(counter: CommandLine) -> None:
    result = counter("call", "counter", "get", "--update", "--query", code=2)

    assert "give --query or --update, not both" in result.stderr


def test_the_log_of_a_query_is_shown_and_not_kept(
    run: CommandLine, wat_file: Callable[[str], str]
) -> None:
    module = wat_file("""(module
      (import "ic0" "debug_print" (func $print (param i32 i32)))
      (import "ic0" "msg_reply" (func $reply))
      (memory 1)
      (data (i32.const 0) "looking")
      (func (export "canister_query look")
        (call $print (i32.const 0) (i32.const 7)) (call $reply))
      (func (export "canister_query fall")
        (call $print (i32.const 0) (i32.const 7)) (unreachable)))""")
    run("install", "it", module)

    answered = run("call", "it", "look", "--query", "--raw")
    failed = run("call", "it", "fall", "--query", code=1)

    assert answered.stderr.startswith("[log] looking\n")
    assert failed.stderr.startswith("[log] looking\n")
    assert run.json("logs", "it") == []


def test_a_call_whose_argument_comes_from_a_pipe_reads_it_once(
    counter: CommandLine, tmp_path: Path
) -> None:
    pipe = tmp_path / "argument"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("()",))
    writer.start()

    counter("call", "counter", "inc", "--argument-file", str(pipe))
    writer.join()

    assert counter.json("call", "counter", "get") == 6


def test_cycles_with_a_query_are_asked_wrongly(counter: CommandLine) -> None:
    result = counter("call", "counter", "get", "--cycles", "5", code=2)

    assert "a query cannot carry cycles" in result.stderr


def test_an_argument_comes_from_a_file_as_text_or_as_bytes(
    counter: CommandLine, tmp_path: Path
) -> None:
    text, data = tmp_path / "text", tmp_path / "bytes"
    text.write_text(" ()\n")
    data.write_bytes(b"DIDL\0\0")

    for path in (text, data):
        result = counter("call", "counter", "get", "--argument-file", str(path))
        assert result.stdout == "(5 : nat8)\n"


# It answers with its argument; the word `name` is a text behind a name.
ECHO = """(module
  (@custom "icp:public candid:service" "type name = text; service : {
    num : (nat8) -> (nat8) query; name : (name) -> (name) query; two : (text, nat) -> () query;
    perhaps : (opt nat8) -> () query; none : () -> () query }")
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $copy (param i32 i32 i32)))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (memory 1)
  (func $echo
    (call $copy (i32.const 0) (i32.const 0) (call $size))
    (call $append (i32.const 0) (call $size)) (call $reply))
  (func (export "canister_query num") (call $echo))
  (func (export "canister_query name") (call $echo))
  (func (export "canister_query perhaps") (call $echo))
  (func (export "canister_query raw") (call $echo)))"""


@pytest.fixture
def echo(run: CommandLine, wat_file: Callable[[str], str]) -> CommandLine:
    run("install", "echo", wat_file(ECHO.replace("\n    ", " ")))
    return run


@pytest.mark.parametrize(
    ("method", "text", "answer"),
    [
        ("num", "5", "(5 : nat8)"),
        ("num", "// five\n(5)", "(5 : nat8)"),
        ("num", "5 // five", "(5 : nat8)"),
        ("num", "/* */" * 40 + "5", "(5 : nat8)"),
        ("num", "4449444c00017b05", "(5 : nat8)"),
        ("name", "ada", '("ada")'),
        ("name", "ada lovelace", '("ada lovelace")'),
        ("name", "5", '("5")'),
        ("name", '"a, b"', '("a, b")'),
        ("name", '("(")', '("(")'),
    ],
)
def test_a_single_value_needs_no_parentheses(
    echo: CommandLine, method: str, text: str, answer: str
) -> None:
    assert echo("call", "echo", method, text).stdout == f"{answer}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["num"], "num takes an argument; give '(nat8)'"),
        (["two"], "two takes an argument; give '(text, nat)'"),
        (["two", '"ada", 5'], "give Candid text in parentheses, '(text, nat)'"),
        (["none", "5"], "give Candid text in parentheses, '()'"),
        (["raw", "5"], "the types of 'raw' are not known"),
        (["num", "five"], "line 1, column 2"),
        (["name", '"ada'], "never closed"),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, list) else "",
)
def test_what_an_argument_should_have_been_is_said(
    echo: CommandLine, words: list[str], expected: str
) -> None:
    assert expected in echo("call", "echo", *words, "--query", code=2).stderr


def test_what_may_be_left_out_need_not_be_given(echo: CommandLine) -> None:
    assert echo("call", "echo", "perhaps").exit_code == 0


@pytest.mark.parametrize(
    ("method", "data", "answer"),
    [
        ("num", b"\xef\xbb\xbf(5)", "(5 : nat8)\n"),
        ("num", b"// five\r\n/* of\n them */ (5)", "(5 : nat8)\n"),
        ("num", b"4449444C00017B05\n", "(5 : nat8)\n"),
        ("name", '("é")'.encode(), '("é")\n'),
        ("raw", b"just text", b"just text".hex() + "\n"),
        ("raw", b"\xff\0", "ff00\n"),
        ("raw", b"", "\n"),
    ],
)
def test_a_file_holds_text_or_bytes(
    echo: CommandLine, tmp_path: Path, method: str, data: bytes, answer: str
) -> None:
    (tmp_path / "it.arg").write_bytes(data)
    words = ("call", "echo", method, "--query", "--argument-file")

    assert echo(*words, str(tmp_path / "it.arg")).stdout == answer


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"5", "'(nat8)'"), (b'"ada"\n', "'(nat8)'"), (b'("caf\xe9")', "not UTF-8 at byte 5")],
)
def test_a_file_that_holds_something_else_is_named_and_not_sent(
    echo: CommandLine, tmp_path: Path, data: bytes, expected: str
) -> None:
    (tmp_path / "it.arg").write_bytes(data)
    words = ("call", "echo", "num", "--argument-file", str(tmp_path / "it.arg"))

    shown = echo(*words, code=2).stderr

    assert "it.arg" in shown
    assert expected in shown


def test_an_argument_comes_from_standard_input(echo: CommandLine) -> None:
    words = ("call", "echo", "num", "--argument-file", "-")

    assert echo(*words, stdin="(5)\n").stdout == "(5 : nat8)\n"
    assert "standard input" in echo(*words, stdin="five", code=2).stderr


def test_standard_input_that_is_closed_is_told(
    echo: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.cli.arguments.sys", SimpleNamespace(stdin=None))

    result = echo("call", "echo", "num", "--argument-file", "-", code=2)

    assert "standard input is closed" in result.stderr


def test_an_argument_given_twice_is_asked_wrongly(counter: CommandLine, counter_wat: str) -> None:
    result = counter("call", "counter", "get", "()", "--argument-file", counter_wat, code=2)

    assert "not both" in result.stderr


def test_a_candid_error_shows_the_place_and_changes_nothing(counter: CommandLine) -> None:
    before = counter.files()

    result = counter("call", "counter", "inc", "(nat 5)", code=2)

    assert re.search(r"line 1, column 2.*\n +\(nat 5\)\n +\^", result.stderr)
    assert counter.files() == before


def test_a_trap_ends_with_1_and_its_log_is_kept(counter: CommandLine) -> None:
    result = counter("call", "counter", "fail", code=1)

    assert result.stdout == ""
    assert "[log] about to fail" in result.stderr
    assert "IC0502" in result.stderr
    assert "about to fail" in counter("logs", "counter").stdout
    assert counter("call", "counter", "get").stdout == "(5 : nat8)\n"


def test_a_misspelt_method_names_the_near_one(counter: CommandLine) -> None:
    result = counter("call", "counter", "icn", code=1)

    assert "IC0536" in result.stderr
    assert "Did you mean inc" in result.stderr


def test_a_method_that_is_not_there_lists_those_that_are(counter: CommandLine) -> None:
    assert "There are: fail, get, inc, " in counter("call", "counter", "xyz", code=1).stderr


def test_a_method_of_another_kind_says_so(counter: CommandLine) -> None:
    result = counter("call", "counter", "inc", "--query", code=1)

    assert "inc is of another kind: update" in result.stderr


def test_a_misspelt_canister_names_the_near_one(counter: CommandLine) -> None:
    assert "did you mean 'counter'?" in counter("call", "cuonter", "inc", code=2).stderr


def test_an_unknown_canister_lists_those_there_are(counter: CommandLine) -> None:
    assert "there are: counter" in counter("call", "bank", "inc", code=2).stderr


def test_without_a_world_the_next_step_is_named_and_nothing_is_made(run: CommandLine) -> None:
    result = run("call", "counter", "inc", code=2)

    assert "canister-sandbox install NAME MODULE" in result.stderr
    assert not run.state.exists()


def test_a_stopped_canister_says_how_to_start_it(counter: CommandLine) -> None:
    counter("stop", "counter")

    result = counter("call", "counter", "inc", code=1)

    assert "IC0508" in result.stderr
    assert "Start it with: canister-sandbox start counter" in result.stderr


def test_a_reply_that_is_not_candid_is_shown_in_hex(
    run: CommandLine, wat_file: Callable[[str], str]
) -> None:
    run("install", "raw", wat_file(RAW))

    result = run("call", "raw", "bytes")

    assert result.stdout == "010203\n"
    assert "not Candid" in result.stderr
    assert run.json("call", "raw", "bytes") == "010203"


def test_a_reply_the_interface_did_not_promise_fails_and_the_call_is_kept(
    counter: CommandLine,
) -> None:
    before = counter.json("status", "counter")["cycles"]

    result = counter("call", "counter", "lie", "--update", code=1)

    assert "not what the interface promises" in result.stderr
    assert "4449444c00017b05" in result.stderr
    assert counter.json("status", "counter")["cycles"] < before


def test_a_usage_error_leaves_the_world_as_it_was(counter: CommandLine) -> None:
    before = counter.files()

    counter("call", "counter", code=2)
    counter("call", "counter", "inc", "--no-such-option", code=2)
    counter("call", "counter", "inc", "--cycles", "many", code=2)

    assert counter.files() == before


TRAPS = """(module
  (import "ic0" "msg_reply" (func $reply))
  (memory 1)
  (func (export "canister_update go") (call $reply))
  (func (export "canister_update boom")
    (i32.store (i32.const 0) (i32.const 7)) (unreachable)))"""


def test_the_state_before_a_trap_is_kept_and_its_message_replayed(
    run: CommandLine, wat_file: Callable[[str], str]
) -> None:
    run("install", "it", wat_file(TRAPS))

    result = run("call", "it", "boom", "--keep-trap", "--as", "alice", code=1)

    (snapshot,) = run.json("snapshot", "list", "it")
    assert snapshot["label"] == "before boom trapped"
    load, call = re.findall(r"^  canister-sandbox (.+)$", result.stderr, re.MULTILINE)
    assert snapshot["id"] in load
    run(*shlex.split(load))
    again = run(*shlex.split(call), code=1)
    assert "IC0502" in again.stderr
    assert "kept" not in again.stderr


def test_nothing_is_kept_when_nothing_traps(
    run: CommandLine, wat_file: Callable[[str], str]
) -> None:
    run("install", "it", wat_file(TRAPS))

    run("call", "it", "go", "--keep-trap")

    assert run.json("snapshot", "list", "it") == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_an_argument_file_as_powershell_writes_it_is_text(
    counter: CommandLine, tmp_path: Path, encoding: str
) -> None:
    file = tmp_path / "argument.did"
    file.write_bytes((b"\xfe\xff" if encoding == "utf-16-be" else b"") + "()".encode(encoding))

    counter("call", "counter", "inc", "--argument-file", str(file))
