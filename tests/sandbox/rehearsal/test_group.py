"""Canisters that call each other: rehearsed together, in the order of the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal_samples import WAT
from sandbox import Principal, Sandbox
from sandbox.rehearsal import (
    Call,
    Chain,
    FromDirectory,
    FromModule,
    Member,
    Plan,
    PlanInvalid,
    Step,
    read_plan,
    rehearse_chain,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.engine import Compiler

CHILD = Principal("rrkah-fqaaa-aaaaa-aaaaq-cai")
PARENT = Principal("ryjl3-tyaaa-aaaaa-aaaba-cai")
PARENT_STEP = Step(WAT / "parent_v2.wat", name="v2", canister="parent")
CHILD_STEP = Step(WAT / "child_v2.wat", name="v2", canister="child")
INSERT = Plan(traffic=(Call("insert", b""),))


def _members() -> dict[str, Member]:
    parent = FromModule(WAT / "parent_v1.wat", bytes(CHILD), canister_id=PARENT)
    child = FromModule(WAT / "child_v1.wat", canister_id=CHILD)
    return {"parent": Member(parent, INSERT), "child": Member(child)}


def _codes(outcome: Chain) -> list[frozenset[str]]:
    return [it.codes & {"A09"} for _, it in outcome.steps]


@pytest.mark.slow
def test_the_child_first_works_at_every_mixture(compiler: Compiler) -> None:
    outcome = rehearse_chain(_members(), [CHILD_STEP, PARENT_STEP], compiler=compiler)

    assert outcome.verdict == "ALL 2 STEPS WOULD DO WELL"
    assert _codes(outcome) == [frozenset(), frozenset()]


def test_the_parent_first_is_out_of_order_until_the_child_follows(compiler: Compiler) -> None:
    outcome = rehearse_chain(_members(), [PARENT_STEP, CHILD_STEP], compiler=compiler)

    assert _codes(outcome) == [{"A09"}, frozenset()]
    (found,) = [it for it in outcome.steps[0][1].findings if it.code == "A09"]
    assert found.evidence[0].what == "parent: insert ()"
    assert "the child refuses" in found.evidence[0].after
    assert outcome.verdict == "1 OF 2 STEPS WOULD DO WELL - not parent to v2"


def test_a_loss_in_another_canister_is_found(compiler: Compiler) -> None:
    members = _members()
    strict = Step(WAT / "zeroes_in_post.wat", name="zeroes", canister="child")

    outcome = rehearse_chain(members, [strict], compiler=compiler)

    (found,) = [it for it in outcome.steps[0][1].findings if it.code == "A09"]
    assert {fact.what for fact in found.evidence} >= {"parent: insert ()"}


def test_a_group_starts_from_snapshot_directories(
    ic: Sandbox, compiler: Compiler, tmp_path: Path
) -> None:
    child = ic.install(WAT / "child_v1.wat", specified_id=CHILD)
    parent = ic.install(WAT / "parent_v1.wat", bytes(CHILD), specified_id=PARENT)
    parent.update_raw("insert")
    for name, canister in (("parent", parent), ("child", child)):
        ic.snapshots.download(canister.take_snapshot(), tmp_path / name)
    members = {
        "parent": Member(FromDirectory(tmp_path / "parent", PARENT), INSERT),
        "child": Member(FromDirectory(tmp_path / "child", CHILD)),
    }

    outcome = rehearse_chain(members, [CHILD_STEP, PARENT_STEP], compiler=compiler)

    assert outcome.is_ok
    seen = [it.probes[0].before[:4] for _, it in outcome.steps]
    assert seen[0] == "0x01"  # the child's count, as the snapshot has it


@pytest.mark.slow
def test_a_plan_for_a_group_of_a_world_changes_nothing(compiler: Compiler, tmp_path: Path) -> None:
    with Sandbox(tmp_path / ".canister-sandbox", compiler=compiler) as world:
        world.install(WAT / "child_v1.wat", name="child", specified_id=CHILD)
        world.install(WAT / "parent_v1.wat", bytes(CHILD), name="parent")
    for name in ("parent_v2", "child_v2"):
        (tmp_path / f"{name}.wat").write_bytes((WAT / f"{name}.wat").read_bytes())
    (tmp_path / "empty").touch()
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        """
canisters:
  parent:
    start: {canister: parent}
    traffic: [{method: insert, argument_file: empty}]
  child:
    start: {canister: child}
    probes: [{call: count, expect: "0x0100000000000000"}]
steps:
  - {canister: parent, module: parent_v2.wat, name: new}
  - {canister: child, module: child_v2.wat}
accept:
- {code: A09, reason: we upgrade at night}
- {code: Q05, reason: that is A09 again}
"""
    )
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    outcome = read_plan(plan).rehearse(compiler=compiler)

    assert isinstance(outcome, Chain)
    # With the parent first, the traffic between the steps does not reach the child.
    assert [(name, it.is_ok) for name, it in outcome.parts] == [
        ("parent to new", True),
        ("child to child_v2.wat", False),
    ]
    assert "E01" in outcome.steps[1][1].codes
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_a_mistake_in_a_group_is_told_with_its_canister(compiler: Compiler, tmp_path: Path) -> None:
    for name in ("child_v1", "child_v2"):
        (tmp_path / f"{name}.wat").write_bytes((WAT / f"{name}.wat").read_bytes())
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "canisters:\n  child:\n    start: {module: child_v1.wat}\n    probes:\n    - cuont\n"
        "steps: [{canister: child, module: child_v2.wat}]\n"
    )

    with pytest.raises(PlanInvalid, match="did you mean 'count'") as refused:
        read_plan(plan).rehearse(compiler=compiler)

    assert "plan.yaml:5: canisters.child.probes[0].call: " in str(refused.value)


def test_a_start_that_does_not_fit_is_told_with_its_canister(
    compiler: Compiler, tmp_path: Path
) -> None:
    for name in ("child_v1", "child_v2"):
        (tmp_path / f"{name}.wat").write_bytes((WAT / f"{name}.wat").read_bytes())
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "canisters:\n  child:\n    start:\n      module: child_v1.wat\n      argument: '(5'\n"
        "steps: [{canister: child, module: child_v2.wat}]\n"
    )

    with pytest.raises(PlanInvalid, match=r"plan.yaml:5: canisters.child.start.argument: "):
        read_plan(plan).rehearse(compiler=compiler)
