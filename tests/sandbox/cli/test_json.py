"""``--json``, before or after any command: what is printed is JSON, errors, too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from cli_reference import command_paths
from sandbox.cli.root import cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from command_line import CommandLine

Words = tuple[str, ...]

# Command -> words after it that work, and some that do not. COUNTER and DID are files, NEW is a
# path with nothing there, KEPT a directory with a snapshot in it.
ROWS: dict[Words, tuple[Words, Words]] = {
    ("new",): (("NEW",), ("KEPT",)),
    ("install",): (("other", "COUNTER", "--argument", "(1)"), ("counter", "COUNTER")),
    ("upgrade",): (("counter", "COUNTER", "--argument", "(1)"), ("counter", "nope.wasm")),
    ("reinstall",): (("counter", "COUNTER", "--argument", "(1)", "--yes"), ("counter", "COUNTER")),
    ("deploy",): ((), ("nobody",)),
    ("call",): (("counter", "inc"), ("counter",)),
    ("uninstall",): (("counter", "--yes"), ("counter",)),
    ("top-up",): (("counter", "5T"), ("counter", "five")),
    ("id",): (("counter",), ("nobody",)),
    ("list",): ((), ("--nope",)),
    ("status",): (("counter",), ("count",)),
    ("logs",): (("counter",), ()),
    ("start",): (("counter",), ("nobody",)),
    ("stop",): (("counter",), ("counter", "--as", "stranger")),
    ("delete",): (("idle", "--yes"), ("counter", "--yes")),
    ("advance",): (("--days", "1"), ("--days", "soon")),
    ("identity",): (("ada",), ("",)),
    ("snapshot", "take"): (("counter",), ("nobody",)),
    ("snapshot", "load"): (("counter", "0"), ("counter", "7")),
    ("snapshot", "list"): (("counter",), ("nobody",)),
    ("snapshot", "show"): (("counter", "0"), ("counter", "7")),
    ("snapshot", "diff"): (("counter", "0"), ("counter",)),
    ("snapshot", "find"): (("counter", "--int", "5"), ("counter", "--int", "five")),
    ("snapshot", "read"): (("counter", "--length", "8"), ("counter", "--offset", "0x100000000")),
    ("snapshot", "patch"): (("counter", "0", "--heap", "0=ff"), ("counter", "0")),
    ("snapshot", "clone"): (("counter", "0", "copy"), ("counter", "0", "counter")),
    ("snapshot", "delete"): (("counter", "0", "--yes"), ("counter", "0")),
    ("snapshot", "download"): (("counter", "0", "--dir", "NEW"), ("counter", "0")),
    ("snapshot", "upload"): (("counter", "--dir", "KEPT"), ("counter", "--dir", "nope")),
    ("snapshot", "import"): (("taken", "--dir", "KEPT"), ("", "--dir", "KEPT")),
    ("snapshot", "verify"): ((), ("--sample", "2")),
    ("snapshot", "gc"): (("--dry-run",), ("--keep-last", "-1")),
    ("rehearse",): (("counter", "COUNTER", "--argument", "(1)"), ("counter", "nope.wasm")),
    ("explain",): (("P01",), ("P99",)),
    ("repl",): ((), ("--nope",)),
    ("demo",): (("--reports", "NEW"), ("--reports", "COUNTER")),
    ("did", "show"): (("DID",), ("nope.did",)),
    ("did", "check"): (("DID",), ("COUNTER", "again")),
    ("did", "diff"): (("DID", "DID"), ("DID",)),
    ("did", "stub"): (("DID",), ("nope.did",)),
    ("limits",): ((), ("devnet",)),
    ("completion",): (("bash",), ("ksh",)),
    ("doctor",): ((), ("--nope",)),
}  # fmt: skip
# A prompt answers people; the rehearsal finds that the counter forgets.
CODES = {("repl",): 2, ("rehearse",): 1}


BEFORE_AND_AFTER = pytest.mark.parametrize(
    "line",
    [
        lambda path, words: ("--json", *path, *words),
        lambda path, words: (*path[:-1], "--json", path[-1], *words),
        lambda path, words: (*path, *words, "--json"),
    ],
    ids=["before", "between", "after"],
)


@pytest.fixture
def world(counter: CommandLine, counter_wat: str) -> CommandLine:
    counter("install", "idle", counter_wat, "--argument", "(1)")
    counter("stop", "idle")
    counter("snapshot", "take", "counter")
    return counter


@pytest.fixture
def files(
    world: CommandLine, tmp_path: Path, counter_wat: str, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    project = {"shop": {"type": "custom", "wasm": counter_wat, "init_arg": "(1)"}}
    (tmp_path / "dfx.json").write_text(json.dumps({"canisters": project}))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "it.did").write_text("service : { get : () -> (nat) query }")
    places = {"DID": tmp_path / "it.did", "NEW": tmp_path / "new", "KEPT": tmp_path / "kept"}
    world("snapshot", "download", "counter", "0", "--dir", str(places["KEPT"]))
    return {"COUNTER": counter_wat} | {key: str(place) for key, place in places.items()}


def invoke(world: CommandLine, words: Words) -> Result:
    result = CliRunner().invoke(cli, ["--state", str(world.state), *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_the_table_has_all_commands() -> None:
    groups = {(), ("snapshot",), ("did",)}

    assert set(ROWS) | groups == set(command_paths())


@pytest.mark.slow
@BEFORE_AND_AFTER
@pytest.mark.parametrize("path", ROWS, ids=" ".join)
def test_an_answer_is_json(
    world: CommandLine, files: dict[str, str], path: Words, line: Callable[[Words, Words], Words]
) -> None:
    words = tuple(files.get(word, word) for word in ROWS[path][0])

    result = invoke(world, line(path, words))

    answer = json.loads(result.stdout)
    assert result.exit_code == CODES.get(path, 0)
    assert (isinstance(answer, dict) and "error" in answer) == (result.exit_code == 2)


@BEFORE_AND_AFTER
@pytest.mark.parametrize("path", ROWS, ids=" ".join)
def test_an_error_is_json(
    world: CommandLine, files: dict[str, str], path: Words, line: Callable[[Words, Words], Words]
) -> None:
    words = tuple(files.get(word, word) for word in ROWS[path][1])

    result = invoke(world, line(path, words))

    error = json.loads(result.stdout)["error"]
    assert error["exit_code"] == result.exit_code > 0
    assert error["message"]
    assert "Error" not in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--json",), ("--json", "nope"), ("--json", "--nope"), ("--nope", "list", "--json"),
        ("--json", "did"), ("did", "nope", "--json"), ("--wait", "soon", "--json", "list"),
        ("rehearse", "--nope", "--json"), ("rehearse", "--json", "-"), ("rehearse", "--json=-"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_is_wrong_around_the_command_is_json_too(run: CommandLine, words: Words) -> None:
    result = invoke(run, words)

    assert json.loads(result.stdout)["error"]["exit_code"] == result.exit_code == 2


def test_a_rehearsal_whose_report_goes_into_a_file_speaks_to_people(
    run: CommandLine, tmp_path: Path
) -> None:
    result = run("rehearse", "nope.wasm", "--json", str(tmp_path / "report.json"), code=2)

    assert result.stdout == ""
    assert result.stderr.startswith("Error: start from one of")


def test_what_is_asked_before_something_is_lost_stands_on_standard_error(
    world: CommandLine,
) -> None:
    result = CliRunner().invoke(
        cli, ["--state", str(world.state), "delete", "idle", "--json"], input="y\n"
    )

    assert json.loads(result.stdout)["name"] == "idle"
    assert "will be lost" in result.stderr
