"""Stages that a plan asks for: a stop, a migration, guarded methods, a safety copy, a runbook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal_samples import Pair, module, rehearsed
from sandbox import Principal, Sandbox
from sandbox.rehearsal import Call, FromCanister, Migration, Plan, PlanRefused, Severity, rehearse
from sandbox.rehearsal.runbook import Action, action_of

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.engine import Compiler
    from sandbox.rehearsal import Finding, Rehearsal

DONE = Migration(Call("migrated", expect="0x01"))


def _found(outcome: Rehearsal, code: str) -> Finding:
    (found,) = [item for item in outcome.findings if item.code == code]
    return found


# --- stopping


def test_what_keeps_a_canister_from_stopping_is_named(compiler: Compiler) -> None:
    found = _found(rehearsed(Pair("calls_out", "v2", is_waiting=True), compiler), "P07")

    assert [(fact.what, fact.after) for fact in found.evidence] == [
        (f"aaaaa of {Principal.anonymous()}", "has not answered")
    ]


def test_a_canister_that_stops_in_time_can_be_stopped(ic: Sandbox) -> None:
    canister = ic.install(module("calls_out"))
    ic.mock(Principal.anonymous()).rejects().delays(minutes=4)
    canister.submit_raw("inc")
    ic.tick()

    assert "P07" not in rehearse(FromCanister(ic, canister), module("v2")).codes


# --- migrations


def test_a_migration_that_never_ends_says_so(compiler: Compiler) -> None:
    pair = Pair("cells_v1", "cells_v2_idle", Plan(migrated=DONE))

    found = _found(rehearsed(pair, compiler), "Q07")

    assert found.evidence == (("migrated within 604,800 virtual seconds", "0x01", "0x00"),)


def test_a_migration_that_takes_too_long_is_found(compiler: Compiler) -> None:
    plan = Plan(migrated=Migration(DONE.done, within_s=19 * 60))

    assert "Q07" in rehearsed(Pair("cells_v1", "cells_v2", plan), compiler).codes


@pytest.mark.slow
def test_what_a_disturbed_migration_leaves_is_told_by_the_moment(compiler: Compiler) -> None:
    plan = Plan(migrated=DONE, rollback=("downgrade",))

    forgetful = _found(rehearsed(Pair("cells_v1", "cells_v2_forgets", plan), compiler), "Q07")
    good = _found(rehearsed(Pair("cells_v1", "cells_v2", plan), compiler), "Q07")

    assert forgetful.evidence[0].what == "upgraded again at 10 %: get"
    assert {fact.what for fact in good.evidence} == {
        f"downgraded at {percent} %: get" for percent in (10, 50, 90)
    }


def test_a_migration_that_is_over_at_once_has_no_way_to_disturb(compiler: Compiler) -> None:
    done = Migration(Call("migrated", expect="0x00"))

    assert "Q07" not in rehearsed(Pair("cells_v1", "cells_v2", Plan(migrated=done)), compiler).codes


# --- guarded methods


def test_a_method_that_stays_locked_says_how_it_fails(compiler: Compiler) -> None:
    plan = Plan(guarded=(Call("pay"),))

    found = _found(rehearsed(Pair("locks_v1", "locks_moved", plan), compiler), "A06")

    assert found.evidence[0].what == "pay, again"
    assert "a payment is going" in found.evidence[0].after


def test_a_method_that_calls_nobody_cannot_stay_locked(compiler: Compiler) -> None:
    plan = Plan(guarded=(Call("inc"),))

    assert "A06" not in rehearsed(Pair("v1", "v2", plan), compiler).codes


# --- the safety copy


def _with_copy(ic: Sandbox, folder: Path, **changes: bool) -> Rehearsal:
    canister = ic.install(module("v1"))
    ic.snapshots.download(canister.take_snapshot(), folder / "copy")
    if changes.get("is_used"):
        canister.update_raw("inc")
    if changes.get("has_many"):
        for number in range(9):
            canister.take_snapshot(str(number))
    if changes.get("is_damaged"):
        (folder / "copy" / "stable_memory.bin").write_bytes(b"short")
    where = folder / ("nowhere" if changes.get("is_elsewhere") else "copy")
    return rehearse(FromCanister(ic, canister), module("v2"), Plan(safety_copy=where))


def test_a_safety_copy_of_this_very_state_is_good(ic: Sandbox, tmp_path: Path) -> None:
    outcome = _with_copy(ic, tmp_path)

    assert outcome.findings == ()


@pytest.mark.parametrize(
    ("circumstance", "told"),
    [
        ("is_elsewhere", "it is not a directory"),
        ("is_damaged", "it has 5 bytes"),
        ("is_used", "1 OS pages differ"),
    ],
)
def test_a_safety_copy_that_is_none_is_found(
    ic: Sandbox, tmp_path: Path, circumstance: str, told: str
) -> None:
    outcome = _with_copy(ic, tmp_path, **{circumstance: True})

    found = _found(outcome, "R06")
    assert found.severity is Severity.FAILURE
    assert any(told in fact.after for fact in found.evidence), found.evidence


def test_a_safety_copy_that_would_be_refused_is_found(ic: Sandbox, tmp_path: Path) -> None:
    found = _found(_with_copy(ic, tmp_path, has_many=True), "R08")

    assert found.evidence[0].what == "uploading the safety copy"


# --- the runbook


@pytest.mark.parametrize(
    ("step", "action"),
    [
        ("dfx canister stop ledger --network ic", Action.STOP),
        ("icp canister start ledger", Action.START),
        ("dfx canister snapshot create ledger", Action.TAKE),
        ("canister-sandbox snapshot take ledger", Action.TAKE),
        ("canister-sandbox snapshot load ledger before", Action.LOAD),
        ("dfx canister snapshot restore ledger 0001", Action.LOAD),
        ("dfx canister snapshot download ledger 0001 --dir copy", Action.LOOK),
        ("dfx canister install ledger --mode upgrade --wasm new.wasm", Action.UPGRADE),
        ("dfx canister install ledger --mode reinstall", Action.REINSTALL),
        ("dfx deploy ledger", Action.UPGRADE),
        ("dfx canister status ledger", Action.LOOK),
        ("dfx canister call ledger start '()'", Action.LOOK),
        ("take_canister_snapshot", Action.TAKE),
    ],
)
def test_a_step_is_understood(step: str, action: Action) -> None:
    assert action_of(step) is action


def test_a_runbook_is_done_step_by_step(compiler: Compiler) -> None:
    steps = ("stop", "install --mode upgrade", "snapshot restore", "status")

    outcome = rehearsed(Pair("trap_in_pre", "trap_in_pre", Plan(runbook=steps)), compiler)
    good = rehearsed(Pair("v1", "v2", Plan(runbook=steps)), compiler)

    assert "R05" not in outcome.codes  # nothing is rehearsed after an upgrade that fails
    assert [fact.what for fact in _found(good, "R05").evidence] == [
        "step 3, snapshot restore",
        "status at the end of the runbook",
    ]


def test_a_runbook_that_reinstalls_is_told(compiler: Compiler) -> None:
    plan = Plan(runbook=("snapshot create", "install --mode reinstall"))

    assert "S11" in rehearsed(Pair("v1", "v2", plan), compiler).codes


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan(runbook=("stop", "pray")), r"runbook\[1\]: 'pray' is no step of a runbook"),
        (Plan(rollback=("snapshots",)), r"rollback\[0\]: there is no way back 'snapshots'"),
        (Plan(guarded=(Call("ink"),)), r"guarded\[0\].call: .* did you mean 'inc'"),
        (Plan(migrated=Migration(Call("got"))), r"migrated.call: .* did you mean 'get'"),
        (Plan(migrated=Migration(Call("get"))), "migrated: it takes expect or matches"),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_place(
    plan: Plan, said: str, compiler: Compiler
) -> None:
    with pytest.raises(PlanRefused, match=said):
        rehearsed(Pair("v1", "v2", plan), compiler)


def test_counting_on_the_downgrade_makes_it_a_failure(compiler: Compiler) -> None:
    pair = Pair("v1", "moves_in_post", Plan(rollback=("downgrade", "snapshot")))

    outcome = rehearsed(pair, compiler)

    assert _found(outcome, "R01").severity is Severity.FAILURE


def test_the_timer_is_no_matter_when_an_uploaded_copy_is_what_counts(compiler: Compiler) -> None:
    pair = Pair("v1", "timer_v2", Plan(rollback=("uploaded",)))

    assert _found(rehearsed(pair, compiler), "R02").severity is Severity.NOTE
