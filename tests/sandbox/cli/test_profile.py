"""``--profile FILE``: written also of what fails; a bad file is refused before anything runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from rehearsal_samples import WAT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import CommandLine

PACKS, V2 = (str(WAT / f"{name}.wat") for name in ("saves_one_by_one", "v2"))


def test_a_call_is_profiled(counter: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "inc.folded"

    result = counter("call", "counter", "inc", "--profile", str(file))

    assert result.stdout == "(6 : nat8)\n"
    assert f"instructions are in {file}" in result.stderr
    assert file.read_text("utf-8").startswith("counter;canister_update inc;")


def test_an_upgrade_is_profiled(counter: CommandLine, tmp_path: Path) -> None:
    file, module = tmp_path / "upgrade.svg", "wat/hooks_print.wat"

    counter("upgrade", "counter", module, "--profile", str(file))

    titles = [item.text or "" for item in ET.parse(file).iter("{http://www.w3.org/2000/svg}title")]
    assert any(title.startswith("canister_post_upgrade: ") for title in titles)


def test_a_call_that_traps_is_profiled_too(
    run: CommandLine, wat_file: Callable[[str], str], tmp_path: Path
) -> None:
    file = tmp_path / "trap.folded"
    module = wat_file('(module (func (export "canister_update fail") unreachable))')
    run("install", "failing", module)

    run("call", "failing", "fail", "--profile", str(file), code=1)

    assert file.read_text("utf-8").startswith("failing;canister_update fail;")


@pytest.mark.parametrize("name", ["inc.pdf", "inc", "missing/inc.svg"])
def test_a_file_that_cannot_be_is_refused_before_the_call(
    counter: CommandLine, tmp_path: Path, name: str
) -> None:
    before = counter.files()

    counter("call", "counter", "inc", "--profile", str(tmp_path / name), code=2)

    assert counter.files() == before


# --- of a rehearsal


def test_a_rehearsed_upgrade_is_profiled(run: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "upgrade.svg"
    run("install", "counter", PACKS)
    before = run.files()

    result = run("rehearse", "counter", PACKS, "--profile", str(file))

    assert "    pre_upgrade: pack: 2,140,000 instructions, 89.2% of pre_upgrade" in result.stdout
    assert f"2,641,224 instructions are in {file}" in result.stderr
    titles = [item.text or "" for item in ET.parse(file).iter("{http://www.w3.org/2000/svg}title")]
    assert any(title.startswith("pack: 2,140,000 instructions") for title in titles)
    assert run.files() == before


def test_a_rehearsals_profile_does_not_come_between_its_json(
    run: CommandLine, tmp_path: Path
) -> None:
    file = tmp_path / "upgrade.txt"

    result = run("rehearse", "--from", PACKS, PACKS, "--profile", str(file), "--json")

    assert json.loads(result.stdout)["profiles"][0]["functions"][0]["name"] == "pack"
    assert file.read_text("utf-8").startswith("2,641,224 instructions: own, share")


def test_the_steps_of_a_plan_stand_side_by_side(run: CommandLine, tmp_path: Path) -> None:
    plan, file = tmp_path / "plan.yaml", tmp_path / "steps.folded"
    steps = ", ".join(f"{{module: {PACKS}, name: {name}}}" for name in ("one", "two"))
    plan.write_text(f"start: {{module: {PACKS}}}\nsteps: [{steps}]\n")

    run("rehearse", str(plan), "--profile", str(file))

    tops = {line.partition(";")[0] for line in file.read_text("utf-8").splitlines()}
    assert tops == {"one", "two"}


def test_the_hops_of_a_matrix_stand_side_by_side(run: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "hops.folded"

    run("rehearse", "--matrix", V2, PACKS, "--jobs", "1", "--profile", str(file), code=1)

    tops = {line.partition(";")[0] for line in file.read_text("utf-8").splitlines()}
    assert tops == {"v2 to saves_one_by_one", "saves_one_by_one to v2"}


def test_the_profile_of_a_refused_module_is_empty(run: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "upgrade.txt"
    module = str(WAT / "unknown_import.wat")

    result = run("rehearse", "--from", PACKS, module, "--profile", str(file), code=1)

    assert result.stdout.startswith("UPGRADE WOULD FAIL")
    assert file.read_text("utf-8").startswith("0 instructions")


def test_a_rehearsal_is_refused_a_file_that_cannot_be(run: CommandLine, tmp_path: Path) -> None:
    html = tmp_path / "report.html"

    result = run(
        "rehearse", "--from", PACKS, V2, "--profile", "up.pdf", "--html", str(html), code=2
    )

    assert "a profile is saved as .svg, .folded, .json, .txt" in result.stderr
    assert not html.exists()
