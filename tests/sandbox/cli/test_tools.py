"""``did``, ``doctor``, ``limits``, ``repl``."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from pointer_modules import FAILURES, pointer_module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import CommandLine


@pytest.fixture
def old(tmp_path: Path) -> str:
    path = tmp_path / "old.did"
    path.write_text("service : { get : () -> (nat) query; put : (nat) -> () }")
    return str(path)


@pytest.fixture
def new(tmp_path: Path) -> str:
    path = tmp_path / "new.did"
    path.write_text("service : { get : () -> (int) query; put : (nat) -> () }")
    return str(path)


def test_show_lays_an_interface_out(run: CommandLine, old: str) -> None:
    assert "get : () -> (nat) query" in run("did", "show", old).stdout


def test_show_finds_the_interface_of_a_module(run: CommandLine, counter_wat: str) -> None:
    assert "wake_in_an_hour" in run("did", "show", counter_wat).stdout


def test_check_counts_methods(run: CommandLine, old: str) -> None:
    assert "2 methods" in run("did", "check", old).stdout


def test_check_places_an_error(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "bad.did").write_text("service : {\n  get : () -> (nut) }")

    assert "line 2" in run("did", "check", str(tmp_path / "bad.did"), code=2).stderr


@pytest.mark.parametrize(
    ("name", "data"),
    [("bad.did", b"nonsense"), ("utf16.did", b"\xff\xfe"), ("bad.wat", b"(module"), ("x", b"")],
)
def test_diff_says_which_of_its_files_is_wrong(
    run: CommandLine, old: str, tmp_path: Path, name: str, data: bytes
) -> None:
    (tmp_path / name).write_bytes(data)

    for words in ([old, str(tmp_path / name)], [str(tmp_path / name), old]):
        assert f"{name}: " in run("did", "diff", *words, code=2).stderr


def test_an_import_that_is_missing_is_named(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "main.did").write_text('import "types.did";\nservice : {}')

    assert "types.did" in run("did", "check", str(tmp_path / "main.did"), code=2).stderr


def test_a_module_without_an_interface_is_asked_wrongly(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "bare.wat").write_text("(module)")

    result = run("did", "show", str(tmp_path / "bare.wat"), code=2)

    assert "give its .did file" in result.stderr


def test_an_interface_is_read_from_what_a_modules_function_returns(
    run: CommandLine, wat_file: Callable[[str], str], old: str
) -> None:
    module = wat_file(pointer_module().decode())

    assert "echo : (nat8) -> (nat8) query" in run("did", "show", module).stdout
    assert "1 methods" in run("did", "check", module).stdout
    assert "def echo" in run("did", "stub", module).stdout
    assert "compatible" in run("did", "diff", module, module).stdout
    assert "breaking:" in run("did", "diff", old, module, code=1).stdout


@pytest.mark.parametrize("how", FAILURES)
def test_what_goes_wrong_in_a_modules_function_is_told_with_the_way_out(
    run: CommandLine, wat_file: Callable[[str], str], how: str
) -> None:
    body, extra, problem = FAILURES[how]

    shown = run("did", "show", wat_file(pointer_module(body, extra).decode()), code=2).stderr

    assert "get_candid_pointer" in shown
    assert problem in shown
    assert "give its .did file" in shown


def test_a_module_the_ic_refuses_is_refused_before_its_function_is_called(
    run: CommandLine, wat_file: Callable[[str], str]
) -> None:
    module = wat_file(pointer_module("(i64.const 0)").decode())

    assert "type mismatch" in run("did", "show", module, code=2).stderr


def test_diff_ends_with_1_when_something_breaks(run: CommandLine, old: str, new: str) -> None:
    assert "breaking:" in run("did", "diff", old, new, code=1).stdout
    assert run("did", "diff", new, old).stdout != ""
    assert "compatible" in run("did", "diff", old, old).stdout


def test_diff_speaks_json_before_and_after(run: CommandLine, old: str, new: str) -> None:
    after = run("did", "diff", old, new, "--json", code=1).stdout

    assert '"severity": "breaking"' in after
    assert run("--json", "did", "diff", old, new, code=1).stdout == after


def test_stub_is_python_with_the_class_asked_for(run: CommandLine, old: str) -> None:
    tree = ast.parse(run("did", "stub", old, "--name", "Counter").stdout)

    assert any(isinstance(item, ast.ClassDef) and item.name == "Counter" for item in tree.body)


def test_doctor_names_engine_and_fast_paths(run: CommandLine) -> None:
    facts = run.json("doctor")

    assert facts["wasmtime"].startswith("50.")
    assert {item["name"] for item in facts["capabilities"]} >= {"copy-on-write memory"}
    assert "wasmtime:" in run("doctor").stdout


def test_a_prompt_without_keep_forgets(counter: CommandLine) -> None:
    result = counter("repl", stdin="print(counter.inc())\n")

    assert "6\n" in result.stdout
    assert counter.json("call", "counter", "get") == 5


def test_a_prompt_has_every_canister_by_a_name_that_python_takes(
    run: CommandLine, counter_wat: str
) -> None:
    for name in ("my-ledger", "2nd", "ic", "class"):
        run("install", name, counter_wat, "--argument", "(5)")

    result = run("repl", stdin="print(my_ledger.get(), _2nd.get(), len(ic.canisters), Principal)\n")

    assert "5 5 4 <class" in result.stdout
    assert "my_ledger is 'my-ledger', _2nd is '2nd'." in result.stderr + result.stdout


def test_a_prompt_has_every_canister_and_hides_nothing_of_pythons(
    run: CommandLine, counter_wat: str
) -> None:
    for number, name in enumerate(("class", "ic", "print", "my-own", "my_own")):
        run("install", name, counter_wat, "--argument", f"({number})")

    lines = "print(class_.get(), ic_.get(), print_.get(), my_own_.get(), my_own.get())\n"
    result = run("repl", stdin=f"{lines}ic\n")

    assert "0 1 2 3 4\n" in result.stdout
    assert "<Sandbox with 5 canisters>" in result.stdout
    assert "class_ is 'class'" in result.stderr + result.stdout


def test_a_prompt_tells_in_one_line_what_moving_the_clock_did(counter: CommandLine) -> None:
    result = counter("repl", stdin="counter.wake_in_an_hour()\nic.advance(days=1)\n")

    assert "<Report: 86400 s, messages: 1, failures: 0>\n" in result.stdout


def test_a_prompt_completes_methods_with_the_tabulator(counter: CommandLine) -> None:
    readline = pytest.importorskip("readline")
    before = readline.get_completer()
    line = "import readline; print(readline.get_completer()('counter.wake_in', 0))\n"
    try:
        result = counter("repl", stdin=line)
    finally:
        readline.set_completer(before)

    assert "counter.wake_in_an_hour" in result.stdout


@pytest.mark.parametrize("end", ["", "exit()\n", "raise SystemExit\n"])
def test_a_prompt_with_keep_saves_however_it_ends(counter: CommandLine, end: str) -> None:
    counter("repl", "--keep", stdin=f"counter.inc()\nic.advance(days=1)\n{end}")

    assert counter.json("call", "counter", "get") == 6


def test_limits_shows_every_number_of_the_profile_in_force(run: CommandLine) -> None:
    lines = run("limits").stdout.splitlines()

    assert lines[0] == "mainnet 2026-08"
    assert ["update_instructions:", "40,000,000,000"] in [line.split() for line in lines]
    assert run.json("limits")["limits"]["chunk_bytes"] == 1 << 20


def test_limits_put_in_force_stay_with_the_world(counter: CommandLine) -> None:
    counter("limits", "generous")
    said = counter("limits", "--relax", "chunk_bytes=5").stdout.splitlines()[0]

    assert said == "generous 2026-08 with chunk_bytes=5"
    assert counter.json("limits")["relaxed"] == {"chunk_bytes": 5}
    assert counter.json("status", "counter")["limits"] == said
    assert "5 : nat8" in counter("call", "counter", "get").stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("devnet",), "there is no profile 'devnet'"),
        (("--relax", "speed=1"), "there is no limit 'speed'"),
        (("--relax", "chunk_bytes=many"), "is not LIMIT=NUMBER"),
        (("--relax", "chunk_bytes=-1"), "must be a count"),
    ],
)
def test_limits_that_make_no_sense_are_refused_and_nothing_changes(
    counter: CommandLine, words: tuple[str, ...], complaint: str
) -> None:
    before = counter.files()

    assert complaint in counter("limits", *words, code=2).stderr
    assert counter.files() == before
