"""``install``, ``upgrade``, ``reinstall``: arguments, failures, what is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pointer_modules import pointer_module
from sandbox.demo.story import module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import CommandLine

TRAPS_IN_INIT = """(module
  (import "ic0" "debug_print" (func $print (param i32 i32)))
  (memory 1)
  (data (i32.const 0) "no, not today")
  (func (export "canister_init") (call $print (i32.const 0) (i32.const 13)) (unreachable)))"""
TRAPS_IN_POST_UPGRADE = """(module
  (import "ic0" "debug_print" (func $print (param i32 i32)))
  (memory 1)
  (data (i32.const 0) "cannot migrate")
  (func (export "canister_post_upgrade")
    (call $print (i32.const 0) (i32.const 14)) (unreachable)))"""
PLAIN = """(module
  (import "ic0" "msg_reply" (func $reply))
  (func (export "canister_update run") (call $reply)))"""
DID = "service : (nat8) -> { run : () -> () }"


def test_install_says_name_id_module_and_instructions(run: CommandLine, counter_wat: str) -> None:
    result = run("install", "counter", counter_wat, "--argument", "(5 : nat8)")

    assert result.stdout.startswith("installed counter (")
    assert "init: " in result.stdout


def test_install_says_the_same_to_machines(run: CommandLine, counter_wat: str) -> None:
    facts = run.json("install", "counter", counter_wat, "--argument", "(5 : nat8)")

    assert facts["name"] == "counter"
    assert facts["id"] == run.json("status", "counter")["id"]
    assert facts["module_hash"] == run.json("status", "counter")["module"]
    assert [stage["name"] for stage in facts["stages"]] == ["compile", "init"]


@pytest.mark.parametrize("wanted", ["aaaaa-aa", "2vxsx-fae"])
def test_install_at_an_id_no_canister_has_leaves_the_world_readable(
    counter: CommandLine, counter_wat: str, wanted: str
) -> None:
    before = counter.files()

    words = ("install", "other", counter_wat, "--argument", "(5)", "--id", wanted)
    result = counter(*words, code=2)

    assert f"{wanted} cannot be a canister's id" in result.stderr
    assert counter.files() == before
    assert counter.json("call", "counter", "get") == 5


def test_install_gives_the_id_and_the_cycles_asked_for(
    run: CommandLine, wat_file: Callable[[str], str]
) -> None:
    wanted = "ryjl3-tyaaa-aaaaa-aaaba-cai"

    run("install", "plain", wat_file(PLAIN), "--id", wanted, "--cycles", "5000000000000")

    facts = run.json("status", "plain")
    assert facts["id"] == wanted
    assert 4_000_000_000_000 < facts["cycles"] <= 5_000_000_000_000


@pytest.mark.parametrize(
    "options", [["--id", "not-a-principal"], ["--cycles", "-1"], ["--argument", "(5 :"]]
)
def test_a_bad_option_is_asked_wrongly_and_installs_nothing(
    run: CommandLine, counter_wat: str, options: list[str]
) -> None:
    run("install", "counter", counter_wat, *options, code=2)

    assert run.json("list") == []


def test_a_missing_init_argument_names_its_type(run: CommandLine, counter_wat: str) -> None:
    result = run("install", "counter", counter_wat, code=2)

    assert "give --argument '(nat8)'" in result.stderr


def test_the_interface_can_stand_beside_the_module(
    run: CommandLine, wat_file: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "plain.did").write_text(DID)

    run(
        "install", "plain", wat_file(PLAIN),
        "--did", str(tmp_path / "plain.did"), "--argument", "(5)",
    )  # fmt: skip

    assert run.json("status", "plain")["methods"] == {"run": "() -> ()"}


def test_a_name_is_given_once(counter: CommandLine, counter_wat: str) -> None:
    result = counter("install", "counter", counter_wat, "--argument", "(0)", code=2)

    assert "there is a canister named 'counter' already" in result.stderr


def test_an_install_that_traps_shows_its_log_and_leaves_no_canister(
    run: CommandLine, wat_file: Callable[[str], str]
) -> None:
    result = run("install", "bad", wat_file(TRAPS_IN_INIT), code=1)

    assert "[log] no, not today" in result.stderr
    assert run.json("list") == []


def test_a_file_that_is_no_module_fails_with_the_replicas_code(
    run: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "junk.wasm").write_bytes(b"\0asm\1\0\0\0junk")

    assert "IC0505" in run("install", "junk", str(tmp_path / "junk.wasm"), code=1).stderr


def test_an_interface_that_cannot_be_read_is_named(
    counter: CommandLine, counter_wat: str, tmp_path: Path
) -> None:
    did = tmp_path / "it.did"
    for data in (b"nonsense", b"\xff"):
        did.write_bytes(data)
        for words in (["install", "new"], ["upgrade", "counter"]):
            result = counter(*words, counter_wat, "--did", str(did), code=2)
            assert f"{did}: line 1, column 1" in result.stderr


@pytest.mark.parametrize("data", [b"", b"actor {}", b"(module (func", b"\x1f\x8b\x08" + bytes(9)])
def test_a_file_that_is_no_module_is_named(
    counter: CommandLine, counter_wat: str, tmp_path: Path, data: bytes
) -> None:
    path = tmp_path / "main.mo"
    path.write_bytes(data)
    code = 2 if data.startswith(b"(") else 1

    for words in (["install", "new"], ["upgrade", "counter"], ["reinstall", "counter", "--yes"]):
        assert str(path) in counter(*words, str(path), code=code).stderr

    assert counter("call", "counter", "get").stdout == "(5 : nat8)\n"


def test_webassembly_text_with_an_error_is_asked_wrongly(
    run: CommandLine, wat_file: Callable[[str], str]
) -> None:
    assert "WebAssembly text" in run("install", "bad", wat_file("(module (func"), code=2).stderr


def test_an_upgrade_keeps_stable_memory_and_reports_its_stages(
    counter: CommandLine, wat_file: Callable[[str], str]
) -> None:
    result = counter("upgrade", "counter", wat_file(PLAIN))

    assert result.stdout.startswith("upgraded counter (")
    assert counter.json("call", "counter", "run", "--raw") == ""


def test_an_upgrade_that_traps_changes_nothing_but_the_log(
    counter: CommandLine, wat_file: Callable[[str], str]
) -> None:
    before = counter.json("status", "counter")["checksum"]

    result = counter("upgrade", "counter", wat_file(TRAPS_IN_POST_UPGRADE), code=1)

    assert "[log] cannot migrate" in result.stderr
    assert counter.json("status", "counter")["checksum"] == before
    assert "cannot migrate" in counter("logs", "counter").stdout


def test_an_upgrade_by_a_stranger_says_who_may(counter: CommandLine, counter_wat: str) -> None:
    result = counter("upgrade", "counter", counter_wat, "--argument", "(1)", "--as", "eve", code=1)

    assert "IC0512" in result.stderr
    assert "--as" in result.stderr


def test_what_an_identity_installed_it_controls(run: CommandLine, counter_wat: str) -> None:
    run("install", "counter", counter_wat, "--argument", "(1)", "--as", "ada")

    run("stop", "counter", code=1)
    run("stop", "counter", "--as", "ada")

    assert run.json("status", "counter")["status"] == "stopped"


def test_reinstall_begins_anew_after_a_yes(counter: CommandLine, counter_wat: str) -> None:
    counter("call", "counter", "inc")

    counter("reinstall", "counter", counter_wat, "--argument", "(1)", stdin="y\n")

    assert counter.json("call", "counter", "get") == 1


def test_reinstall_without_a_yes_changes_nothing(counter: CommandLine, counter_wat: str) -> None:
    before = counter.files()

    result = counter("reinstall", "counter", counter_wat, "--argument", "(1)", stdin="n\n", code=2)

    assert "--yes" in result.stderr
    assert counter.files() == before


def test_an_argument_file_holds_text_or_bytes(
    run: CommandLine, counter_wat: str, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("(7 : nat8)")
    (tmp_path / "bytes").write_bytes(b"DIDL\x00\x01\x7b\x08")

    run("install", "one", counter_wat, "--argument-file", str(tmp_path / "text"))
    run("install", "two", counter_wat, "--argument-file", str(tmp_path / "bytes"))

    assert (run.json("call", "one", "get"), run.json("call", "two", "get")) == (7, 8)


@pytest.mark.slow
@pytest.mark.parametrize(("persistence", "code"), [("auto", 0), ("keep", 0), ("null", 1)])
def test_enhanced_persistence_keeps_the_heap_unless_told_otherwise(
    run: CommandLine, tmp_path: Path, persistence: str, code: int
) -> None:
    for name in ("ledger_v1", "ledger_v2_good"):
        (tmp_path / f"{name}.wasm.gz").write_bytes(module(f"{name}.eop"))
    run("install", "ledger", str(tmp_path / "ledger_v1.wasm.gz"))
    run("call", "ledger", "award", '("ada", 1200, "for the compiler")')

    run(
        "upgrade", "ledger", str(tmp_path / "ledger_v2_good.wasm.gz"),
        "--persistence", persistence, code=code,
    )  # fmt: skip

    assert run.json("call", "ledger", "balance_of", '("ada")') == 1200


def test_a_module_whose_function_tells_its_interface_needs_no_did(
    run: CommandLine, wat_file: Callable[[str], str]
) -> None:
    module = wat_file(pointer_module().decode())

    refused = run("install", "echo", module, code=2)
    run("install", "echo", module, "--argument", "(5)")

    assert "give --argument '(nat16)'" in refused.stderr
    assert run("call", "echo", "echo", "(200)").stdout == "(200 : nat8)\n"
    assert "echo: (nat8) -> (nat8) query" in run("status", "echo").stdout


def test_a_module_whose_function_fails_is_installed_and_called_untyped(
    run: CommandLine, wat_file: Callable[[str], str]
) -> None:
    run("install", "echo", wat_file(pointer_module("(unreachable)").decode()))

    assert run("call", "echo", "echo", "(5 : nat8)").stdout == "(5 : nat8)\n"
