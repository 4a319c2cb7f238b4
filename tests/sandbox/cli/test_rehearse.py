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


def test_a_plan_is_rehearsed_and_options_go_over_it(run: CommandLine, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"start: {{module: {V1}}}\nsteps: [{{module: {V2}}}]\n")

    run("rehearse", str(plan))
    result = run("rehearse", str(plan), ZEROES, "--probe", "get ()", code=1)
    accepted = run("rehearse", str(plan), ZEROES, "--accept", "a03", "--ignore", "get")

    assert "✗ A03" in result.stdout
    assert "✗" not in accepted.stdout


def test_a_plan_for_a_world_is_for_the_one_of_the_state(run: CommandLine, tmp_path: Path) -> None:
    run("install", "counter", V1)
    plan = tmp_path / "elsewhere" / "plan.yaml"
    plan.parent.mkdir()
    plan.write_text(f"start: {{canister: counter}}\nsteps: [{{module: {V2}}}]\n")
    before = run.files()

    result = run("rehearse", str(plan))

    assert result.stdout.startswith("UPGRADE WOULD SUCCEED")
    assert run.files() == before


def test_a_plan_of_several_steps_reports_each(run: CommandLine, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yml"
    plan.write_text(f"start: {{module: {V1}}}\nsteps: [{{module: {V2}}}, {{module: {ZEROES}}}]\n")
    html = tmp_path / "report.html"

    result = run("rehearse", str(plan), "--html", str(html), code=1)

    assert result.stdout.startswith("1 OF 2 STEPS WOULD DO WELL - not zeroes_in_post.wat")
    assert "Rehearsal of" in html.read_text()
    assert "which of the 2 steps" in run("rehearse", str(plan), V2, code=2).stderr


def test_a_plan_with_a_mistake_is_refused_by_its_line(run: CommandLine, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"start: {{module: {V1}}}\nsteps: [{{module: {V2}}}]\nprobes: [gett]\n")

    result = run("rehearse", str(plan), code=2)

    assert "plan.yaml:3: probes[0].call: the canister has no method 'gett'" in result.stderr


def test_a_plan_to_begin_with_is_written_and_never_written_over(
    run: CommandLine, tmp_path: Path
) -> None:
    plan = str(tmp_path / "plan.yaml")

    run("rehearse", "--from", V1, "--call", "inc", V2, "--traffic", "inc", "--write-plan", plan)
    result = run("rehearse", plan)
    again = run("rehearse", "--write-plan", plan, code=2)

    assert "get: 0x0800000000000000 → 0x0900000000000000" in result.stdout
    assert "is there already" in again.stderr


def test_a_matrix_is_a_grid(run: CommandLine, tmp_path: Path) -> None:
    html = tmp_path / "grid.html"

    result = run(
        "rehearse", "--matrix", V1, V2, "--call", "inc", "--jobs", "1", "--html", str(html)
    )

    assert result.stdout.startswith("THE UPGRADE WOULD DO WELL")
    assert "from v1" in html.read_text()


def test_the_schema_of_plans_is_printed(run: CommandLine) -> None:
    assert json.loads(run("rehearse", "--plan-schema").stdout)["title"].startswith("Plan of")


def test_json_can_be_printed(run: CommandLine) -> None:
    result = run("rehearse", "--from", V1, V2, "--json", "-")

    assert json.loads(result.stdout)["ok"] is True


@pytest.mark.parametrize(
    "words",
    [
        (),
        (V2,),
        ("one.yaml", "two.yaml"),
        ("--matrix",),
        ("--matrix", "--json", V1),
        ("--matrix", V1),
        ("--from", V1, V2, "--newest"),
        ("--matrix", V1, "missing.wasm"),
        ("--matrix", V1, V2, "--from", V1),
        ("missing.yaml",),
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


@pytest.mark.parametrize("option", ["--argument-file", "--arg-file"])
def test_the_argument_may_be_in_a_file(run: CommandLine, tmp_path: Path, option: str) -> None:
    (tmp_path / "empty.arg").write_bytes(b"")
    needs = str(WAT / "needs_argument.wat")

    run("rehearse", "--from", V1, needs, "--argument", "()")
    result = run("rehearse", "--from", V1, needs, option, str(tmp_path / "empty.arg"), code=1)

    assert "✗ Q01" in result.stdout


@pytest.mark.parametrize("code", [*REGISTRY, "p01"])
def test_every_finding_is_explained(run: CommandLine, code: str) -> None:
    result = run("explain", code)

    assert result.stdout.startswith(f"{code.upper()}  {REGISTRY[code.upper()].title}")
    assert "What to do: " in result.stdout


def test_an_unknown_code_is_asked_wrongly(run: CommandLine) -> None:
    assert "there is no finding 'X99'" in run("explain", "X99", code=2).stderr
