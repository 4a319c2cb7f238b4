"""``rehearse backend``: the upgrade to what the project builds now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from project_room import COUNTER, DID, OTHER, Project

if TYPE_CHECKING:
    from command_line import CommandLine


def test_the_upgrade_to_the_present_build_is_rehearsed(run: CommandLine, project: Project) -> None:
    run("install", "backend")
    project.write("backend.src", OTHER)
    before = run.files()

    result = run("rehearse", "backend", "--ignore", "get", "--ignore", "lie")

    assert "UPGRADE WOULD SUCCEED" in result.stdout
    assert "building backend: " in result.stderr
    assert run.files() == before


def test_a_rehearsal_encodes_the_argument_at_the_types_of_the_new_interface(
    run: CommandLine, project: Project
) -> None:
    project.dfx(backend=project.custom(candid="backend.did"))
    project.write("backend.did", DID)
    run("install", "backend")
    project.dfx(backend=project.custom(candid="backend.did", init_arg='("text now")'))
    project.write("backend.did", DID.replace("(nat8) ->", "(text) ->"))

    result = run("rehearse", "backend", code=1)

    assert "UPGRADE WOULD SUCCEED, AND DO HARM" in result.stdout  # the counter forgets


def test_a_rehearsal_may_start_elsewhere(run: CommandLine, project: Project) -> None:
    project.write("old.wat", COUNTER)
    start = ("--from", "old.wat", "--init", "(0)")

    result = run("rehearse", *start, "backend", "--argument", "(1)")

    assert "UPGRADE WOULD SUCCEED" in result.stdout


def test_a_rehearsal_of_another_canister_names_both(run: CommandLine, project: Project) -> None:
    run("install", "backend")
    run("install", "copy", "backend.wat", "--argument", "(0)")

    assert "UPGRADE WOULD SUCCEED" in run("rehearse", "copy", "backend").stdout


def test_a_plan_names_the_projects_own_files(run: CommandLine, project: Project) -> None:
    run("install", "backend")

    run("rehearse", "backend", "--write-plan", "plan.yaml")

    plan = (project.place / "plan.yaml").read_text()
    assert 'module: "backend.wat"' in plan
    assert 'argument: "(7 : nat8)"' in plan
    assert "UPGRADE WOULD SUCCEED" in run("rehearse", "plan.yaml", code=1).stdout


def test_nothing_is_built_for_a_rehearsal_of_what_is_not_there(
    run: CommandLine, project: Project
) -> None:
    assert "no canister named 'backend'" in run("rehearse", "backend", code=2).stderr
    assert project.runs == 0


def test_a_module_that_is_not_there_is_no_canister(run: CommandLine, project: Project) -> None:
    assert "start from one of" in run("rehearse", "backend.wasm", code=2).stderr
