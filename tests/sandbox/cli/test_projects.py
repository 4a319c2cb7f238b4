"""Canisters of the project one stands in: ``install backend``, ``upgrade backend``."""

from __future__ import annotations

import json
import os
import shlex
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from canisters.build import CACHE
from canisters.recipes import SOURCES
from canisters.toolchains import MOTOKO, ToolchainMissing, node_js, npm_package
from project_room import COUNTER, DID, OTHER, WITHOUT_INTERFACE, Project
from sandbox.cli.root import cli

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import CommandLine

# --- install


def test_a_canister_of_the_project_is_built_and_installed(
    run: CommandLine, project: Project
) -> None:
    result = run("install", "backend")

    assert result.stdout.startswith("installed backend (")
    assert "building backend: cp backend.src out.wat" in result.stderr
    assert run.json("call", "backend", "get") == 7


def test_an_argument_that_is_given_goes_before_the_projects(
    run: CommandLine, project: Project
) -> None:
    run("install", "backend", "--argument", "(9)", "--cycles", "5T")

    assert run.json("call", "backend", "get") == 9


def test_what_is_printed_is_json_while_a_build_runs(run: CommandLine, project: Project) -> None:
    project.dfx(backend=project.custom(build=["echo much to say", "cp backend.src backend.wat"]))

    facts = run.json("install", "backend")

    assert facts["name"] == "backend"
    assert facts["module_hash"] == run.json("status", "backend")["module"]


def test_the_projects_interface_is_the_canisters(run: CommandLine, project: Project) -> None:
    project.dfx(backend=project.custom(candid="backend.did"))
    project.write("backend.did", DID)
    project.write("backend.src", WITHOUT_INTERFACE)

    run("install", "backend")

    assert run.json("call", "backend", "get") == 7
    assert list(run.json("status", "backend")["methods"])[:2] == ["get", "inc"]


def test_an_interface_that_is_given_goes_before_the_projects(
    run: CommandLine, project: Project, tmp_path: Path
) -> None:
    project.dfx(backend=project.custom(candid="backend.did"))
    project.write("backend.did", DID)
    (tmp_path / "own.did").write_text("service : (nat8) -> { who : () -> (principal) query }")

    run("install", "backend", "--did", str(tmp_path / "own.did"))

    methods = run.json("status", "backend")["methods"]
    assert methods["who"] == "() -> (principal) query"
    assert methods["get"] == "query"


def test_a_new_canister_has_the_projects_settings(run: CommandLine, project: Project) -> None:
    viewers = {"allowed_viewers": ["2vxsx-fae"]}
    values = {"freezing_threshold": "15days 2min", "log_visibility": viewers}
    project.dfx(backend=project.custom(initialization_values=values))

    run("install", "backend")

    canister_id = f'record {{ canister_id = principal "{run.json("id", "backend")["id"]}" }}'
    status = run("call", "aaaaa-aa", "canister_status", f"({canister_id})").stdout
    assert "freezing_threshold = 1_296_120" in status
    assert 'allowed_viewers = vec { principal "2vxsx-fae" }' in status


def test_settings_that_cannot_be_leave_no_canister(run: CommandLine, project: Project) -> None:
    project.dfx(backend=project.custom(initialization_values={"compute_allocation": 101}))

    assert "ComputeAllocation" in run("install", "backend", code=1).stderr
    assert run.json("list") == []


def test_a_file_is_a_file_in_a_project_too(
    run: CommandLine, project: Project, counter_wat: str
) -> None:
    run("install", "backend", counter_wat, "--argument", "(1)")
    run("upgrade", "backend", counter_wat, "--argument", "(1)")

    assert project.runs == 0


def test_below_the_project_it_is_the_same(
    run: CommandLine, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.place / "src/deep").mkdir(parents=True)
    monkeypatch.chdir(project.place / "src/deep")

    run("install", "backend")

    assert run.json("call", "backend", "get") == 7


def test_from_below_a_world_further_up_is_named(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    CliRunner().invoke(cli, ["install", "backend"])
    (project.place / "it's src").mkdir()
    monkeypatch.chdir(project.place / "it's src")

    result = CliRunner().invoke(cli, ["upgrade", "backend"])

    there = project.place / ".canister-sandbox"
    assert result.exit_code == 2
    assert f"or take the world further up with: --state {there}" in result.stderr


@pytest.mark.parametrize("name", ["it's a", "Zähler", "a/b", "-x", "a.b", "..", "$HOME"])
def test_names_may_have_odd_characters(run: CommandLine, project: Project, name: str) -> None:
    ready = {"type": "custom", "wasm": "ready.wat", "init_arg": "(3)", "build": "true"}
    project.write("ready.wat", COUNTER)
    project.dfx(**{name: ready})

    run("install", "--", name)
    got = run("--json", "call", "--", name, "get").stdout
    again = run("install", "--", name, code=2)
    run("upgrade", "--", name)

    assert f"canister-sandbox upgrade {shlex.quote(name)}" in again.stderr
    assert got == "3\n"


def test_of_two_projects_in_a_directory_the_first_that_knows_the_canister_is_asked(
    run: CommandLine, project: Project
) -> None:
    project.write("ready.wat", COUNTER)
    steps = "{steps: [{type: pre-built, path: ready.wat}]}"
    entry = f"{{name: backend, build: {steps}, init_args: (2)}}"
    project.write("icp.yaml", f"canisters: [{entry}]")
    project.dfx(backend=project.custom(), shop=project.custom("shop"))

    run("install", "backend")
    run("install", "shop")

    assert run.json("call", "backend", "get") == 2
    assert run.json("call", "shop", "get") == 7


@pytest.mark.parametrize("format_", ["hex", "bin"])
def test_icps_arguments_may_be_bytes(run: CommandLine, project: Project, format_: str) -> None:
    message = b"DIDL\x00\x01\x7b\x04"
    (project.place / "init").write_bytes(message if format_ == "bin" else message.hex().encode())
    project.write("ready.wat", COUNTER)
    build = "{steps: [{type: pre-built, path: ready.wat}]}"
    argument = f"{{path: init, format: {format_}}}"
    project.write("icp.yaml", f"canisters: [{{name: a, build: {build}, init_args: {argument}}}]")

    run("install", "a")

    assert run.json("call", "a", "get") == 4


def test_mops_builds_its_canisters(
    run: CommandLine, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("mops.toml", '[canisters.ledger]\nmain = "l.mo"\ninitArg = "(6)"\n')
    project.write("l.mo", COUNTER)
    mops = tmp_path / "bin/mops"
    mops.parent.mkdir()
    mops.write_text("#!/bin/sh\nmkdir -p .mops/.build && cp l.mo .mops/.build/$2.wasm\n")
    mops.chmod(0o755)
    monkeypatch.setenv("PATH", f"{mops.parent}{os.pathsep}{os.environ['PATH']}")

    result = run("install", "ledger")

    assert "building ledger: mops build ledger" in result.stderr
    assert run.json("call", "ledger", "get") == 6


@pytest.mark.slow
def test_a_motoko_canister_is_compiled(run: CommandLine, project: Project) -> None:
    try:
        modules, node = npm_package(CACHE.toolchains, MOTOKO), node_js(CACHE.toolchains).node
    except ToolchainMissing as missing:
        pytest.skip(str(missing))
    words = [node, SOURCES / "compile_motoko.js", modules, "enhancedOP", "out", "main.mo"]
    project.write("main.mo", "persistent actor { public query func two() : async Nat { 2 } }")
    build = shlex.join(map(str, words))
    project.dfx(backend={"type": "custom", "wasm": "out.wasm", "candid": "out.did", "build": build})

    run("install", "backend")
    project.write("main.mo", "persistent actor { public query func two() : async Nat { 3 } }")
    run("upgrade", "backend")

    assert run.json("call", "backend", "two") == 3


# --- upgrade and reinstall


def test_unchanged_sources_are_not_built_again(run: CommandLine, project: Project) -> None:
    run("install", "backend")

    result = run("upgrade", "backend")

    assert project.runs == 1
    assert "building" not in result.stderr


def test_changed_sources_are_built_and_upgraded_to(run: CommandLine, project: Project) -> None:
    before = run.json("install", "backend")
    project.write("backend.src", OTHER)

    after = run.json("upgrade", "backend")

    assert project.runs == 2
    assert after["id"] == before["id"]
    assert after["module_hash"] != before["module_hash"]


def test_a_canister_given_by_its_id_is_the_one_of_its_name(
    run: CommandLine, project: Project
) -> None:
    canister_id = run.json("install", "backend")["id"]
    project.write("backend.src", OTHER)

    run("upgrade", canister_id)

    assert project.runs == 2
    assert run("rehearse", canister_id).stdout.startswith("UPGRADE WOULD SUCCEED")


def test_reinstall_takes_the_projects_argument(run: CommandLine, project: Project) -> None:
    run("install", "backend")
    run("call", "backend", "inc")

    run("reinstall", "backend", "--yes")

    assert run.json("call", "backend", "get") == 7


@pytest.mark.parametrize("command", [["upgrade", "backend"], ["reinstall", "backend", "--yes"]])
def test_nothing_is_built_for_a_canister_that_is_not_there(
    run: CommandLine, project: Project, command: list[str]
) -> None:
    result = run(*command, code=2)

    assert "no canister named 'backend'" in result.stderr
    assert project.runs == 0


def test_nothing_is_built_for_a_name_that_is_taken(run: CommandLine, project: Project) -> None:
    run("install", "backend")
    project.write("backend.src", OTHER)

    result = run("install", "backend", code=2)

    assert "Upgrade it with: canister-sandbox upgrade backend" in result.stderr
    assert project.runs == 1


# --- what goes wrong


def test_a_failing_build_is_shown_and_changes_nothing(run: CommandLine, project: Project) -> None:
    run("install", "backend")
    before = run.files()
    project.write("fail.py", "import sys; print('type error in line 7'); sys.exit(3)")
    project.dfx(backend=project.custom(build=f"{shlex.quote(sys.executable)} fail.py"))

    people = run("upgrade", "backend", code=2)
    machines = run("upgrade", "backend", "--json", code=2)

    assert "failed with exit code 3:\ntype error in line 7" in people.stderr
    assert "type error in line 7" in json.loads(machines.stdout)["error"]["message"]
    assert run.files() == before


def test_a_missing_tool_is_told_with_the_way_around(run: CommandLine, project: Project) -> None:
    project.dfx(backend=project.custom(build="no-such-compiler --release"))

    result = run("install", "backend", code=2)

    assert "no-such-compiler" in result.stderr
    assert "build by hand and give the module" in result.stderr
    assert not run.state.exists()


def test_an_unknown_canister_is_told_with_those_there_are(
    run: CommandLine, project: Project
) -> None:
    project.dfx(backend=project.custom(), shop=project.custom("shop"))

    error = run("install", "backnd", code=2).stderr

    assert f"no canister 'backnd' in {project.place / 'dfx.json'}" in error
    assert "did you mean backend? there are: backend, shop" in error
    assert "Or give the module: canister-sandbox install backnd MODULE" in error


def test_without_a_project_it_says_what_was_looked_for(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    error = run("install", "backend", code=2).stderr

    assert f"no project (icp.yaml, dfx.json, mops.toml) found in {tmp_path} or above" in error
    assert "canister-sandbox install backend MODULE" in error


def test_a_broken_project_is_told_by_file(run: CommandLine, project: Project) -> None:
    project.write("dfx.json", "{")

    error = run("install", "backend", code=2).stderr

    assert f"{project.place / 'dfx.json'} cannot be read" in error


def test_a_wrong_argument_of_the_project_is_told_as_its(run: CommandLine, project: Project) -> None:
    project.dfx(backend=project.custom(init_arg='("seven")'))

    error = run("install", "backend", code=2).stderr

    assert f"That is the init argument of backend in {project.place}." in error


def test_an_argument_the_project_lacks_is_asked_for(run: CommandLine, project: Project) -> None:
    project.dfx(backend=project.custom(init_arg=None))

    error = run("install", "backend", code=2).stderr

    assert "give --argument '(nat8)' (to install or upgrade), or write it into" in error
    assert run.json("list") == []


def test_a_build_that_makes_no_module_of_wasm_is_named(run: CommandLine, project: Project) -> None:
    entry = {"type": "custom", "wasm": "out.wasm", "build": "echo no module > out.wasm"}
    project.dfx(backend=entry)

    error = run("install", "backend", code=1).stderr

    assert "The module is " in error
    assert ".canister-fixtures/builds/backend/" in error
