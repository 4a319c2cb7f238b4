"""Every version to every other: the grid, its verdict, its reports, on one core and on several."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from rehearsal_samples import WAT
from sandbox import Sandbox, UsageError
from sandbox.rehearsal import (
    Call,
    FromCanister,
    FromDirectory,
    FromModule,
    Matrix,
    Plan,
    PlanRefused,
    Rehearsal,
    Step,
    Version,
    read_plan,
    rehearse_matrix,
)
from sandbox.rehearsal.report import as_dict, as_html, as_junit, as_text

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.rehearsal.parallel import Progress

INC = (Call("inc"),)


def _version(name: str) -> Version:
    module = WAT / f"{name}.wat"
    return Version(FromModule(module, calls=INC), Step(module, name=name))


def _matrix(*names: str, plan: Plan | None = None, newest_only: bool = False) -> Matrix:
    versions = [_version(name) for name in names]
    return rehearse_matrix(versions, plan or Plan(), newest_only=newest_only, workers=1)


@pytest.mark.slow
def test_every_hop_is_rehearsed_from_a_state_of_its_own() -> None:
    outcome = _matrix("v1", "v2", "moves_in_post")

    assert set(outcome.cells) == {(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)}
    assert {
        it.probes[0].before[:4] for it in outcome.cells.values() if isinstance(it, Rehearsal)
    } == {"0x08"}
    assert outcome.verdict == (
        "2 OF 3 UPGRADES WOULD DO WELL - not v2 to moves_in_post; 0 OF 3 DOWNGRADES WOULD DO WELL"
        " - not v2 to v1, moves_in_post to v1, moves_in_post to v2"
    )
    assert outcome.exit_code == 1


@pytest.mark.slow
def test_only_the_hops_to_and_from_the_newest_can_be_asked_for() -> None:
    outcome = _matrix("v1", "v1", "v2", newest_only=True)

    assert set(outcome.cells) == {(0, 2), (1, 2), (2, 0), (2, 1)}


@pytest.mark.slow
def test_downgrades_count_when_the_plan_counts_on_them() -> None:
    assert _matrix("v1", "v2").exit_code == 0
    assert _matrix("v1", "v2", plan=Plan(rollback=("downgrade",))).exit_code == 1


def test_one_of_each_is_told_as_one() -> None:
    assert _matrix("v2", "v2").verdict == "THE UPGRADE WOULD DO WELL; THE DOWNGRADE WOULD DO WELL"


def test_a_version_that_cannot_be_installed_is_a_cell_and_no_end() -> None:
    outcome = _matrix("v1", "unknown_import")

    assert isinstance(outcome.cells[1, 0], str)
    for shown in (as_text(outcome), as_html(outcome), as_junit(outcome)):
        assert "Wasm module is not valid" in shown
    assert as_dict(outcome)["hops"][1]["could_not_begin"] == outcome.cells[1, 0]


@pytest.mark.slow
def test_the_reports_tell_of_every_hop() -> None:
    outcome = _matrix("v1", "v2", "trap_in_post")

    told = json.loads(json.dumps(as_dict(outcome)))
    lines = as_text(outcome).splitlines()
    suites = [suite.get("name") for suite in ET.fromstring(as_junit(outcome)).iter("testsuite")]
    assert lines[0] == told["verdict"] == outcome.verdict
    assert lines[3].split() == ["from", "v1", "–", "✓", "✗", "Q03"]
    assert [(hop["from"], hop["to"], hop["ok"]) for hop in told["hops"]][:3] == [
        ("v1", "v2", True),
        ("v1", "trap_in_post", False),
        ("v2", "v1", False),
    ]
    assert len(suites) == 6
    assert "✗ Q03" in as_html(outcome)


def test_progress_is_told() -> None:
    seen: list[Progress] = []

    rehearse_matrix([_version("v1"), _version("v2")], Plan(), workers=1, told=seen.append)

    assert [(it.done, it.total) for it in seen] == [(0, 2), (1, 2), (2, 2)]


def test_a_rehearsal_can_be_sent_between_processes() -> None:
    for found in _matrix("v1", "trap_in_post").cells.values():
        assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.slow
def test_several_processes_find_the_same() -> None:
    versions = [_version("v1"), _version("v2"), _version("trap_in_post")]

    alone = rehearse_matrix(versions, Plan(), workers=1)
    together = rehearse_matrix(versions, Plan(), workers=2)

    assert as_dict(together) == as_dict(alone)


def test_what_makes_no_sense_is_refused(ic: Sandbox) -> None:
    canister = ic.install(WAT / "v1.wat")
    here = Version(FromCanister(ic, canister), Step(WAT / "v1.wat"))

    with pytest.raises(UsageError, match="two versions or more"):
        rehearse_matrix([_version("v1")], Plan())
    with pytest.raises(UsageError, match="save it first"):
        rehearse_matrix([here, _version("v2")], Plan())
    with pytest.raises(PlanRefused, match="safety_copy: it is of one state"):
        _matrix("v1", "v2", plan=Plan(safety_copy=WAT))
    with pytest.raises(PlanRefused, match="no method 'gett'"):
        _matrix("v1", "v2", plan=Plan(probes=(Call("gett"),)))


def test_a_plan_file_gives_each_version_its_start(ic: Sandbox, tmp_path: Path) -> None:
    canister = ic.install(WAT / "v1.wat")
    ic.snapshots.download(canister.take_snapshot(), tmp_path / "golden")
    for name in ("v1", "v2"):
        (tmp_path / f"{name}.wat").write_bytes((WAT / f"{name}.wat").read_bytes())
    (tmp_path / "plan.yaml").write_text(
        "versions:\n- {name: one, module: v1.wat, start: {snapshot: golden}}\n"
        "- {name: two, module: v2.wat, calls: [inc]}\nhops: newest\nignore: [dec]\n"
    )

    script = read_plan(tmp_path / "plan.yaml")

    assert [version.start for version in script.versions] == [
        FromDirectory(tmp_path / "golden"),
        FromModule(tmp_path / "v2.wat", calls=INC),
    ]
    assert script.newest_only
    outcome = script.rehearse(workers=1)
    assert isinstance(outcome, Matrix)
    assert outcome.names == ("one", "two")
    assert outcome.is_ok
