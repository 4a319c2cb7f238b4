"""Every detector: tripped by its bad pair, silent on its good one, and none without both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal_samples import SAMPLES, Pair, Sample, rehearsed
from sandbox.rehearsal import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.engine import Compiler
    from sandbox.rehearsal import Rehearsal

# Shown by a test of its own: it takes a snapshot directory.
ELSEWHERE = {"A09", "R07", "R08"}


@pytest.fixture(scope="module")
def outcome_of(compiler: Compiler) -> Callable[[Pair], Rehearsal]:
    """Rehearse a pair; many samples share one."""
    done: dict[Pair, Rehearsal] = {}

    def outcome(pair: Pair) -> Rehearsal:
        if pair not in done:
            done[pair] = rehearsed(pair, compiler)
        return done[pair]

    return outcome


def _name(sample: Sample) -> str:
    return f"{sample.code}-{sample.bad.old}-{sample.bad.new}-{sample.severity.value}"


@pytest.mark.parametrize("sample", SAMPLES, ids=_name)
def test_the_bad_pair_trips_the_detector(
    sample: Sample, outcome_of: Callable[[Pair], Rehearsal]
) -> None:
    outcome = outcome_of(sample.bad)

    found = {item.code: item for item in outcome.findings}
    assert sample.code in found, outcome.verdict
    assert found[sample.code].severity is sample.severity
    assert found[sample.code].evidence


@pytest.mark.parametrize("sample", SAMPLES, ids=_name)
def test_the_good_pair_does_not(sample: Sample, outcome_of: Callable[[Pair], Rehearsal]) -> None:
    outcome = outcome_of(sample.good)

    assert sample.code not in outcome.codes, outcome.verdict


def test_a_good_upgrade_has_no_finding_at_all(outcome_of: Callable[[Pair], Rehearsal]) -> None:
    outcome = outcome_of(Pair("v1", "v2"))

    assert outcome.verdict == "UPGRADE WOULD SUCCEED; ROLLBACK BY SNAPSHOT OK"
    assert outcome.findings == ()


def test_every_code_has_its_samples() -> None:
    assert {sample.code for sample in SAMPLES} | ELSEWHERE == set(REGISTRY)
