"""``deploy``: the world gets what the project is now; and what is completed in a project."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from command_line import completed
from project_room import OTHER, Project

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import CommandLine


@pytest.fixture
def three(project: Project) -> Project:
    """A project with `app`, which needs `bank`, and `clock`."""
    project.dfx(
        app=project.custom("app", dependencies=["bank"]),
        bank=project.custom("bank"),
        clock=project.custom("clock"),
    )
    return project


def outcomes(run: CommandLine, *words: str) -> dict[str, str]:
    return {item["name"]: item["outcome"] for item in run.json("deploy", *words)}


def test_deploy_installs_what_is_missing_in_the_order_of_dependencies(
    run: CommandLine, three: Project
) -> None:
    lines = run("deploy").stdout.splitlines()

    assert [line.partition(" (")[0] for line in lines] == [
        "installed bank",
        "installed app",
        "installed clock",
    ]
    assert run.json("call", "app", "get") == 7


def test_deploy_upgrades_what_changed_and_leaves_the_rest(run: CommandLine, three: Project) -> None:
    run("deploy")
    versions = {item["name"]: item for item in run.json("list")}
    three.write("clock.src", OTHER)

    found = outcomes(run)

    assert found == {"bank": "unchanged", "app": "unchanged", "clock": "upgraded"}
    after = {item["name"]: item for item in run.json("list")}
    assert after["bank"] == versions["bank"]
    assert after["clock"]["module"] != versions["clock"]["module"]


def test_deploy_of_some_takes_what_they_need(run: CommandLine, three: Project) -> None:
    assert outcomes(run, "app") == {"bank": "installed", "app": "installed"}
    assert outcomes(run, "app", "clock", "app") == {
        "bank": "unchanged",
        "app": "unchanged",
        "clock": "installed",
    }


def test_deploy_installs_into_a_canister_that_is_empty(run: CommandLine, three: Project) -> None:
    run("deploy", "clock")
    run("uninstall", "clock", "--yes")

    assert outcomes(run, "clock") == {"clock": "installed"}


def test_deploy_builds_all_before_it_installs_any(run: CommandLine, three: Project) -> None:
    three.dfx(a=three.custom("a"), b=three.custom("b", build="false"))

    assert "failed with exit code 1" in run("deploy", code=2).stderr
    assert not run.state.exists()


def test_deploy_ends_at_the_first_that_fails(run: CommandLine, three: Project) -> None:
    fails = '(module (func (export "canister_init") unreachable))'
    three.write("b.wat", fails)
    bad = {"type": "custom", "wasm": "b.wat"}
    three.dfx(a=three.custom("a"), b=bad, c=three.custom("c"))

    people = run("deploy", code=1)
    machines = json.loads(run("deploy", "--json", code=1).stdout)

    assert people.stdout.startswith("installed a (")
    assert "That was canister b of the project." in people.stderr
    assert "canister b of the project; done before: a." in machines["error"]["message"]
    assert [item["name"] for item in run.json("list")] == ["a"]


def test_deploy_without_a_project_says_what_was_looked_for(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    error = run("deploy", code=2).stderr

    assert f"no project (icp.yaml, dfx.json, mops.toml) found in {tmp_path} or above" in error
    assert "canister-sandbox install NAME MODULE" in error


def test_deploy_of_a_broken_project_tells_the_file(run: CommandLine, project: Project) -> None:
    project.write("dfx.json", "{")

    error = run("deploy", code=2).stderr

    assert f"{project.place / 'dfx.json'} cannot be read" in error


def test_deploy_says_where_an_argument_is_missing(run: CommandLine, project: Project) -> None:
    project.dfx(backend=project.custom(init_arg=None))

    error = run("deploy", code=2).stderr

    assert "give --argument '(nat8)' (to install or upgrade), or write it into" in error
    assert run.json("list") == []


def test_deploy_leaves_out_what_lives_elsewhere(run: CommandLine, project: Project) -> None:
    remote = {"type": "custom", "remote": {"id": {"local": "aaaaa-aa"}}}
    pulled = {"type": "pull", "id": "aaaaa-aa"}
    project.dfx(a=project.custom("a", dependencies=["far", "ii"]), far=remote, ii=pulled)

    assert outcomes(run) == {"a": "installed"}

    project.dfx(far=remote, ii=pulled)
    assert "nothing to deploy" in run("deploy").stdout
    assert run.json("deploy") == []


def test_deploy_calls_as_who_is_named(run: CommandLine, three: Project) -> None:
    run("deploy", "clock", "--as", "ada")
    three.write("clock.src", OTHER)

    assert "IC0512" in run("deploy", "clock", code=1).stderr
    assert outcomes(run, "clock", "--as", "ada") == {"clock": "upgraded"}


def test_canisters_of_the_project_are_offered(run: CommandLine, three: Project) -> None:
    assert completed(run, "install", "") == ["app", "bank", "clock"]
    assert completed(run, "deploy", "app", "b") == ["bank"]

    run("deploy", "app")

    assert completed(run, "install", "") == ["clock"]
    assert sorted(completed(run, "upgrade", "")) == ["app", "bank"]
    assert completed(run, "rehearse", "c") == ["c", "clock"]  # a file, or this
    assert completed(run, "deploy", "") == ["app", "bank", "clock"]


@pytest.mark.parametrize("content", ["{", '{"canisters": 5}', ""])
def test_a_broken_project_offers_nothing(run: CommandLine, project: Project, content: str) -> None:
    project.write("dfx.json", content)

    assert completed(run, "install", "") == []
    assert completed(run, "deploy", "") == []
