"""Several steps: each is judged on what the ones before it left, and nothing is changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from rehearsal_samples import module
from sandbox import Sandbox, UsageError
from sandbox.rehearsal import (
    Call,
    Chain,
    FromCanister,
    FromModule,
    Member,
    Plan,
    PlanRefused,
    Step,
    rehearse_chain,
)
from sandbox.rehearsal.report import as_dict, as_html, as_junit, as_text

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.engine import Compiler


def _steps(*names: str) -> tuple[Step, ...]:
    return tuple(Step(module(name), name=name) for name in names)


def _chain(compiler: Compiler, *names: str) -> Chain:
    plan = Plan(traffic=(Call("inc"),))
    members = {"": Member(FromModule(module("v1")), plan)}
    return rehearse_chain(members, _steps(*names), compiler=compiler)


@pytest.mark.slow
def test_each_step_starts_with_what_the_one_before_and_the_traffic_left(
    compiler: Compiler,
) -> None:
    outcome = _chain(compiler, "v2", "adds_in_post", "v2")

    assert [it.probes[0].before[:4] for _, it in outcome.steps] == ["0x07", "0x08", "0x6d"]
    assert [it.is_ok for _, it in outcome.steps] == [True, False, True]
    assert outcome.verdict == "2 OF 3 STEPS WOULD DO WELL - not adds_in_post"
    assert outcome.exit_code == 1


def test_a_chain_of_good_steps_does_well(compiler: Compiler) -> None:
    outcome = _chain(compiler, "v2", "v2")

    assert (outcome.verdict, outcome.exit_code) == ("ALL 2 STEPS WOULD DO WELL", 0)


@pytest.mark.slow
def test_a_plan_may_speak_of_methods_that_only_some_versions_have(compiler: Compiler) -> None:
    plan = Plan(traffic=(Call("dec"),), probes=(Call("get"),), ignore=("dec",))
    members = {"": Member(FromModule(module("v1")), plan)}

    outcome = rehearse_chain(members, _steps("saves_heap", "v2", "v2"), compiler=compiler)

    assert [it.probes[0].before[:4] for _, it in outcome.steps] == ["0x07", "0x07", "0x06"]
    with pytest.raises(PlanRefused, match=r"traffic\[0\].call: .* no method 'dec'"):
        rehearse_chain(members, _steps("saves_heap", "saves_heap"), compiler=compiler)


def test_after_a_step_that_fails_nothing_more_is_tried(compiler: Compiler) -> None:
    outcome = _chain(compiler, "v2", "trap_in_post", "v2")

    assert [step.name for step, _ in outcome.steps] == ["v2", "trap_in_post"]
    assert [step.name for step in outcome.untried] == ["v2"]
    assert outcome.verdict.endswith("not trap_in_post; 1 not reached")


def test_the_start_is_afterwards_as_it_was(ic: Sandbox) -> None:
    canister = ic.install(module("v1"))
    before = canister.checksum, canister.status(), ic.time_ns

    rehearse_chain({"": Member(FromCanister(ic, canister))}, _steps("v2", "zeroes_in_post", "v1"))

    assert (canister.checksum, canister.status(), ic.time_ns) == before


def test_a_safety_copy_is_held_against_the_state_before_all_steps(
    ic: Sandbox, tmp_path: Path
) -> None:
    canister = ic.install(module("v1"))
    ic.snapshots.download(canister.take_snapshot(), tmp_path / "copy")
    plan = Plan(traffic=(Call("inc"),), safety_copy=tmp_path / "copy")

    outcome = rehearse_chain({"": Member(FromCanister(ic, canister), plan)}, _steps("v2", "v2"))

    assert outcome.is_ok


def test_a_step_of_a_canister_that_is_not_there_is_refused(compiler: Compiler) -> None:
    members = {"ledger": Member(FromModule(module("v1")))}

    with pytest.raises(PlanRefused, match=r"steps\[0\].canister: there is no canister 'x'"):
        rehearse_chain(members, [Step(module("v2"), canister="x")], compiler=compiler)


def test_canisters_of_two_sandboxes_cannot_be_rehearsed_together(
    ic: Sandbox, compiler: Compiler
) -> None:
    with Sandbox(compiler=compiler) as other:
        members = {
            "one": Member(FromCanister(ic, ic.install(module("v1")))),
            "two": Member(FromCanister(other, other.install(module("v1")))),
        }
        with pytest.raises(UsageError, match="must be of one sandbox"):
            rehearse_chain(members, [Step(module("v2"), canister="one")])


def test_the_reports_tell_of_every_step(compiler: Compiler) -> None:
    outcome = _chain(compiler, "v2", "trap_in_post", "v1")

    told = json.loads(json.dumps(as_dict(outcome)))
    suites = [*ET.fromstring(as_junit(outcome)).iter("testsuite")]
    assert as_text(outcome).splitlines()[0] == outcome.verdict == told["verdict"]
    assert [step["name"] for step in told["steps"]] == ["v2", "trap_in_post"]
    assert [step["exit_code"] for step in told["steps"]] == [0, 1]
    assert told["not_reached"] == ["v1"]
    assert [suite.get("name") for suite in suites] == [
        "canister-sandbox v2",
        "canister-sandbox trap_in_post",
    ]
    for shown in (as_text(outcome), as_html(outcome)):
        assert "fails: Q03" in shown
        assert "not reached" in shown
