"""``rehearse`` and ``explain``: where it starts, what it writes, its exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rehearsal_samples import WAT
from sandbox.rehearsal import REGISTRY

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import CommandLine

V1, V2, ZEROES = (str(WAT / f"{name}.wat") for name in ("v1", "v2", "zeroes_in_post"))


def test_a_good_upgrade_from_a_module_succeeds(run: CommandLine) -> None:
    result = run("rehearse", "--from", V1, "--call", "inc ()", V2)

    assert result.stdout.startswith("UPGRADE WOULD SUCCEED; ROLLBACK BY SNAPSHOT OK")


def test_a_bad_upgrade_has_exit_code_1_and_says_why(run: CommandLine) -> None:
    result = run("rehearse", "--from", V1, ZEROES, code=1)

    assert "✗ A03 Values differ after the upgrade" in result.stdout


def test_a_canister_of_the_world_is_rehearsed_and_not_changed(run: CommandLine) -> None:
    run("install", "counter", V1)
    before = run.files()

    run("rehearse", "counter", ZEROES, "--traffic", "inc", code=1)

    assert run.files() == before


def test_a_snapshot_of_a_canister_is_rehearsed(run: CommandLine) -> None:
    run("install", "counter", V1)
    run("snapshot", "take", "counter", "--label", "seven")
    run("upgrade", "counter", ZEROES)
    before = run.files()

    result = run("rehearse", "counter", ZEROES, "--at", "seven", code=1)

    assert "get: 0x0700000000000000 → 0x0000000000000000" in result.stdout
    assert run.files() == before


def test_a_snapshot_directory_is_rehearsed(run: CommandLine, tmp_path: Path) -> None:
    run("install", "counter", V1)
    run("snapshot", "take", "counter", "--label", "before")
    run("snapshot", "download", "counter", "before", "--dir", str(tmp_path / "backup"))

    result = run("rehearse", "--snapshot", str(tmp_path / "backup"), V2)

    assert result.stdout.startswith("UPGRADE WOULD SUCCEED")


def test_the_reports_are_written_where_asked(run: CommandLine, tmp_path: Path) -> None:
    files = {name: tmp_path / f"report.{name}" for name in ("json", "junit", "html")}
    options = [word for name, path in files.items() for word in (f"--{name}", str(path))]

    run("rehearse", "--from", V1, ZEROES, *options, code=1)

    assert json.loads(files["json"].read_text())["exit_code"] == 1
    assert files["junit"].read_text().startswith("<?xml")
    assert files["html"].read_text().startswith("<!doctype html>")


def test_json_can_be_printed(run: CommandLine) -> None:
    result = run("rehearse", "--from", V1, V2, "--json", "-")

    assert json.loads(result.stdout)["ok"] is True


@pytest.mark.parametrize(
    "words",
    [
        (V2,),
        ("counter", "--from", V1, V2),
        ("counter", "again", V2),
        ("nobody", V2),
        ("--from", V1, V2, "--at", "before"),
        ("counter", V2, "--limits", "system"),
        ("--from", V1, "missing.wasm"),
        ("--from", V1, V2, "--call", "inc ("),
        ("--from", V1, V2, "--argument", "(5 :"),
        ("--from", V1, V2, "--probe", "get (5 :)"),
        ("--from", V1, V2, "--traffic", "inc (5 :)"),
        ("--from", V1, V2, "--argument", "()", "--argument-file", V1),
        ("--from", V1, V2, "--limits", "none"),
    ],
)
def test_what_makes_no_sense_is_asked_wrongly(run: CommandLine, words: tuple[str, ...]) -> None:
    run("rehearse", *words, code=2)


def test_the_argument_may_be_in_a_file(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "empty.arg").write_bytes(b"")
    needs = str(WAT / "needs_argument.wat")

    run("rehearse", "--from", V1, needs, "--argument", "()")
    result = run(
        "rehearse", "--from", V1, needs, "--argument-file", str(tmp_path / "empty.arg"), code=1
    )

    assert "✗ Q01" in result.stdout


@pytest.mark.parametrize("code", [*REGISTRY, "p01"])
def test_every_finding_is_explained(run: CommandLine, code: str) -> None:
    result = run("explain", code)

    assert result.stdout.startswith(f"{code.upper()}  {REGISTRY[code.upper()].title}")
    assert "What to do: " in result.stdout


def test_an_unknown_code_is_asked_wrongly(run: CommandLine) -> None:
    assert "there is no finding 'X99'" in run("explain", "X99", code=2).stderr
