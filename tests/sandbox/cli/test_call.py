"""``call``: Candid text in and out, queries and updates, what is kept when it fails."""

from __future__ import annotations

import os
import re
import shlex
import threading
from typing import TYPE_CHECKING

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


def test_a_misspelt_canister_names_the_near_one(counter: CommandLine) -> None:
    assert "did you mean 'counter'?" in counter("call", "cuonter", "inc", code=2).stderr


def test_an_unknown_canister_lists_those_there_are(counter: CommandLine) -> None:
    assert "There are: counter" in counter("call", "bank", "inc", code=2).stderr


def test_without_a_world_the_next_step_is_named_and_nothing_is_made(run: CommandLine) -> None:
    result = run("call", "counter", "inc", code=2)

    assert "canister-sandbox install NAME MODULE" in result.stderr
    assert not run.state.exists()


def test_a_stopped_canister_says_how_to_start_it(counter: CommandLine) -> None:
    counter("stop", "counter")

    result = counter("call", "counter", "inc", code=1)

    assert "IC0508" in result.stderr
    assert "canister-sandbox start NAME" in result.stderr


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
