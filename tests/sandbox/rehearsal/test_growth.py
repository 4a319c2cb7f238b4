"""The growth forecast: what is measured is true, and what is foretold comes about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal_samples import Pair, module, rehearsed
from sandbox import Sandbox
from sandbox.limits import MAINNET
from sandbox.rehearsal import (
    Call,
    FromCanister,
    FromModule,
    Growth,
    Plan,
    PlanRefused,
    Rehearsal,
    Severity,
    rehearse,
    spreading,
)
from sandbox.rehearsal.forecasting import fitted, trends
from sandbox.rehearsal.report import as_dict, as_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.engine import Compiler
    from sandbox.handle import Canister
    from sandbox.limits import Limits
    from sandbox.rehearsal.growing import Curve

FILL = Growth((Call("fill"),))


def _grown(compiler: Compiler, growth: Growth, **limits: int) -> Rehearsal:
    plan = Plan(growth=growth, limits=MAINNET.relaxed(**limits))
    return rehearsed(Pair("reads_all_in_pre", "v2", plan), compiler)


def _curve(outcome: Rehearsal) -> Curve:
    assert outcome.growth is not None
    return outcome.growth


def _limit_at(outcome: Rehearsal) -> float:
    (found,) = (it.hits_at for it in trends(_curve(outcome)) if it.need == "instructions")
    assert found is not None
    return found


def test_each_multiple_is_measured_and_nothing_stays(compiler: Compiler) -> None:
    with Sandbox(compiler=compiler) as ic:
        canister = ic.install(module("reads_all_in_pre"))
        before = canister.checksum

        outcome = rehearse(FromCanister(ic, canister), module("v2"), Plan(growth=FILL))

        assert canister.checksum == before
    points = _curve(outcome).points
    assert [round(point.factor) for point in points] == [1, 2, 4, 8]
    needs = [point.needs.instructions for point in points]
    assert needs == sorted(set(needs))
    assert outcome.run is not None
    assert needs[0] == outcome.run.instructions


def test_the_limit_is_reached_where_the_forecast_says(compiler: Compiler) -> None:
    limit = 20_000_000
    hits_at = _limit_at(_grown(compiler, FILL, install_instructions=limit))
    assert hits_at > 8

    near = Growth(FILL.by, (0.9 * hits_at, 1.1 * hits_at))
    points = _curve(_grown(compiler, near, install_instructions=limit)).points

    assert [bool(point.failure) for point in points] == [False, False, True]
    assert points[-1].code == "P02"


@pytest.mark.slow
def test_processes_of_their_own_measure_the_same(
    compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = FromModule(module("reads_all_in_pre"), calls=(Call("fill"),))
    plan = Plan(growth=FILL)

    here = _curve(rehearse(start, module("v2"), plan, compiler=compiler))
    monkeypatch.setattr(spreading, "WORTH_SPREADING_S", 0.0)
    elsewhere = _curve(rehearse(start, module("v2"), plan, compiler=compiler))

    assert elsewhere == here
    assert len(here.points) == 4


def test_a_function_that_cannot_be_sent_is_called_here(
    compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreading, "WORTH_SPREADING_S", 0.0)
    plan = Plan(growth=Growth(lambda canister: canister.update_raw("fill", b"")))

    outcome = rehearse(
        FromModule(module("reads_all_in_pre")), module("v2"), plan, compiler=compiler
    )

    assert len(_curve(outcome).points) == 4


def test_a_limit_in_sight_is_a_finding_and_one_far_away_is_none(compiler: Compiler) -> None:
    near = _grown(compiler, FILL, install_instructions=22_000_000)
    far = _grown(compiler, FILL)

    (found,) = (item for item in near.findings if item.code == "P02")
    assert found.severity is Severity.WARNING
    assert "times today's state" in found.evidence[0].after
    assert near.run is not None
    assert near.run.failure is None
    assert "P02" not in far.codes


def test_an_upgrade_that_fails_at_a_multiple_ends_the_growing(compiler: Compiler) -> None:
    outcome = _grown(compiler, FILL, install_instructions=5_500_000)

    assert [bool(point.failure) for point in _curve(outcome).points] == [False, False, True]
    assert "fails in pre_upgrade" in as_text(outcome)


def test_a_function_grows_it_as_well(compiler: Compiler) -> None:
    def fill(canister: Canister) -> None:
        canister.update_raw("fill", b"")

    assert len(_curve(_grown(compiler, Growth(fill))).points) == 4


@pytest.mark.parametrize(
    ("method", "why"), [("get", "the hook adds nothing any more"), ("none", "round 1 of the hook")]
)
def test_a_hook_that_does_not_grow_is_said(method: str, why: str, compiler: Compiler) -> None:
    def hook(canister: Canister) -> None:
        canister.query_raw(method, b"")

    outcome = _grown(compiler, Growth(hook))

    ended = _curve(outcome).ended
    assert ended.startswith(why)
    assert f"not grown further: {ended}" in as_text(outcome)
    assert as_dict(outcome)["growth"]["ended"] == ended


def test_a_call_that_does_not_exist_is_refused_before_anything_runs(compiler: Compiler) -> None:
    with pytest.raises(PlanRefused, match=r"growth\[0\].*no method 'full'"):
        _grown(compiler, Growth((Call("full"),)))


@pytest.mark.slow
def test_a_classical_motoko_canister_runs_into_the_limit_that_was_foretold(
    built: Callable[[str], Path], compiler: Compiler
) -> None:
    old = built("motoko/classical/big_heap")
    start = FromModule(old, calls=(Call("allocate", "(4, 7)"),))
    by = (Call("allocate", "(1, 7)"),)

    def grown(limits: Limits, *factors: float) -> Rehearsal:
        plan = Plan(growth=Growth(by, factors), limits=limits, soak_s=1)
        return rehearse(start, old, plan, compiler=compiler)

    today = _curve(grown(MAINNET, 2.0)).points[0].needs.instructions
    limits = MAINNET.relaxed(install_instructions=5 * today)
    foretold = grown(limits, 2.0, 4.0, 8.0)

    found = [it for it in foretold.findings if it.evidence[0].what == "forecast: instructions"]
    assert [item.severity for item in found] == [Severity.WARNING]
    hits_at = _limit_at(foretold)
    assert 8 < hits_at < 30
    assert _curve(grown(limits, 1.5 * hits_at)).points[-1].failure


@pytest.mark.parametrize(
    ("ys", "expected"),
    [
        ([10, 20, 40, 80], (0, 10, 0)),
        ([1, 4, 16, 64], (0, 0, 1)),
        ([5, 5, 5, 5], (5, 0, 0)),
        ([100, 101, 99, 100], (100, 0, 0)),
    ],
)
def test_a_line_fits_unless_a_parabola_fits_much_better(
    ys: list[float], expected: tuple[float, float, float]
) -> None:
    assert fitted([1, 2, 4, 8], ys) == pytest.approx(expected, abs=0.6)
