"""Real Motoko canisters: what their upgrades do is what the rehearsal says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox.rehearsal import Call, FromModule, Plan, Rehearsal, Severity, rehearse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.engine import Compiler

    Rehearse = Callable[..., Rehearsal]

COUNTED = (Call("inc"), Call("inc"), Call("add_note", '("buy milk")'))
PUT = (Call("put", '("ada", 5)'), Call("put", '("bob", 7)'))


@pytest.fixture
def rehearsed(built: Callable[[str], Path], compiler: Compiler) -> Rehearse:
    def run(mode: str, old: str, new: str, *calls: Call, **plan: object) -> Rehearsal:
        modules = (built(f"motoko/{mode}/{name}") for name in (old, new))
        start = FromModule(next(modules), calls=calls)
        return rehearse(start, next(modules), Plan(**plan), compiler=compiler)  # type: ignore[arg-type]  # as Plan says

    return run


@pytest.mark.parametrize("mode", ["classical", "eop"])
def test_a_wider_type_keeps_all_values_and_breaks_old_clients(
    rehearsed: Rehearse, mode: str
) -> None:
    outcome = rehearsed(mode, "counter_v1", "counter_v2_good", *COUNTED)

    failures = [item for item in outcome.findings if item.severity is Severity.FAILURE]
    assert [item.code for item in failures] == ["S02"]  # a Nat became an Int
    assert all(diff.is_same for diff in outcome.probes)
    assert [diff.before for diff in outcome.probes] == ["2", '["buy milk"]']


def test_classical_persistence_loses_a_counter_of_another_type(rehearsed: Rehearse) -> None:
    outcome = rehearsed("classical", "counter_v1", "counter_v2_bad", *COUNTED)

    assert {"S02", "S04", "A03"} <= outcome.codes
    assert outcome.verdict.startswith("UPGRADE WOULD SUCCEED, AND DO HARM")


def test_enhanced_persistence_refuses_it(rehearsed: Rehearse) -> None:
    outcome = rehearsed("eop", "counter_v1", "counter_v2_bad", *COUNTED)

    assert {"S04", "Q06"} <= outcome.codes
    assert outcome.verdict.startswith("UPGRADE WOULD FAIL")


def test_classical_persistence_drops_a_variable_without_a_word(rehearsed: Rehearse) -> None:
    outcome = rehearsed("classical", "counter_v1", "counter_v2_field_removed", *COUNTED)

    (dropped,) = [item for item in outcome.findings if item.code == "S04"]
    assert dropped.evidence[0].what == "stable variable noteList"
    assert {"S02", "A04", "R01"} <= outcome.codes


def test_a_map_whose_entries_get_a_field_traps_at_look_ups(rehearsed: Rehearse) -> None:
    probes = (Call("get", '("ada")'),)

    outcome = rehearsed("classical", "map_v1", "map_v2_bad", *PUT, probes=probes)

    failed = {diff.name: diff.failure for diff in outcome.probes if diff.failure}
    assert 'get ("ada")' in failed
    assert {"S04", "A04"} <= outcome.codes


@pytest.mark.parametrize("mode", ["classical", "eop"])
def test_a_release_that_can_never_be_upgraded_is_noticed(rehearsed: Rehearse, mode: str) -> None:
    outcome = rehearsed(mode, "counter_v1", "counter_v2_preupgrade_traps", *COUNTED)

    (brick,) = [item for item in outcome.findings if item.code == "P01"]
    assert brick.evidence[0].what == "upgrading the new module to itself: pre_upgrade"
    assert "preupgrade refuses" in brick.evidence[0].after


@pytest.mark.parametrize("mode", ["classical", "eop"])
def test_a_post_upgrade_that_traps_is_noticed(rehearsed: Rehearse, mode: str) -> None:
    outcome = rehearsed(mode, "counter_v1", "counter_v2_postupgrade_traps", *COUNTED)

    assert "Q03" in outcome.codes
    assert outcome.run is not None
    assert outcome.run.failed_in == "post_upgrade"


@pytest.mark.parametrize("mode", ["classical", "eop"])
def test_a_migration_does_not_fail_the_rehearsal_for_what_it_cannot_do_twice(
    rehearsed: Rehearse, mode: str
) -> None:
    outcome = rehearsed(mode, "counter_v1", "counter_v2_migration", *COUNTED, ignore=("inc",))

    assert "S04" not in outcome.codes
    assert outcome.run is not None
    assert outcome.run.failure is None


@pytest.mark.parametrize("mode", ["classical", "eop"])
def test_timers_of_motoko_do_not_survive_an_upgrade(rehearsed: Rehearse, mode: str) -> None:
    outcome = rehearsed(mode, "timers", "timers", Call("every", '(60, "tick")'))

    assert "A01" in outcome.codes
