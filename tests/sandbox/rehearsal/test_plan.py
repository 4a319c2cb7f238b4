"""What a plan says is held against the modules: expectations, ignore rules, names."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from rehearsal_samples import Pair, module, rehearsed
from sandbox.rehearsal import (
    Acceptance,
    Call,
    FromCanister,
    Plan,
    PlanRefused,
    Severity,
    rehearse,
)
from sandbox.rehearsal.ignoring import is_ignored
from sandbox.rehearsal.report import as_dict, as_html, as_text

if TYPE_CHECKING:
    from sandbox import Sandbox
    from sandbox.engine import Compiler


def test_a_difference_that_is_expected_is_no_finding(compiler: Compiler) -> None:
    plan = Plan(probes=(Call("get", expect="0x" + 16 * "0"),))

    outcome = rehearsed(Pair("v1", "zeroes_in_post", plan), compiler)

    assert "A03" not in outcome.codes
    assert [(diff.is_fine, diff.is_same) for diff in outcome.probes] == [(True, False)]
    assert "Probes: 0 of 1 the same before and after, 1 as expected" in as_text(outcome)
    assert "0x0000000000000000, as expected" in as_html(outcome)
    assert as_dict(outcome)["probes"][0]["expected"] is True


@pytest.mark.parametrize(
    ("call", "holds"),
    [
        (Call("balance_of", '("ada")', expect="(1200 : nat)"), True),
        (Call("balance_of", '("ada")', expect="(1200)"), True),
        (Call("balance_of", '("ada")', expect="(1201)"), False),
        (Call("balance_of", '("ada")', matches=r"^\(1_2"), True),
        (Call("balance_of", '("ada")', matches="nought"), False),
        (Call("balance_of", '("ada")', instructions=1), False),
        (Call("balance_of", '("ada")', instructions=10**9), True),
    ],
)
@pytest.mark.slow
def test_an_answer_is_held_against_what_is_expected(call: Call, holds: bool, ic: Sandbox) -> None:
    canister = ic.install(module("demo:ledger_v1.classical"))
    canister.update("award", "ada", 1_200, "for the compiler")

    outcome = rehearse(
        FromCanister(ic, canister),
        module("demo:ledger_v2_good.classical"),
        Plan(probes=(call,)),
    )

    assert outcome.codes.isdisjoint({"E01", "E02"}) is holds, outcome.findings


def test_a_budget_may_be_exceeded_by_the_tolerance(compiler: Compiler) -> None:
    probe = replace(Call("get"), instructions=1)
    used = rehearsed(Pair("v1", "v2", Plan(probes=(probe,))), compiler).probes[0].instructions[1]
    close = Plan(probes=(replace(probe, instructions=used - 1),))

    assert "E02" in rehearsed(Pair("v1", "v2", close), compiler).codes
    tolerant = replace(close, tolerance_percent=10.0)
    assert "E02" not in rehearsed(Pair("v1", "v2", tolerant), compiler).codes


def test_a_method_of_the_new_module_alone_can_be_probed(ic: Sandbox) -> None:
    canister = ic.install(module("no_get"))

    outcome = rehearse(
        FromCanister(ic, canister), module("v1"), Plan(probes=(Call("get", expect="0x00"),))
    )

    (found,) = [item for item in outcome.findings if item.code == "E01"]
    assert found.evidence[0].after.startswith("0x07")


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (
            Plan(probes=(Call("get"), Call("gett"))),
            "probes[1].call: the canister has no method 'gett'; did you mean 'get'?",
        ),
        (
            Plan(traffic=(Call("zzz"),)),
            "traffic[0].call: the canister has no method 'zzz'; there are dec, get, inc",
        ),
        (
            Plan(ignore=("gte.time",)),
            "ignore[0]: the canister has no method 'gte'; did you mean 'get'?",
        ),
        (Plan(probes=(Call("get", expect="(5 :"),)), "probes[0].expect: (5 :: "),
        (Plan(probes=(Call("get", expect="0xyz"),)), "probes[0].expect: 0xyz: "),
        (Plan(argument="(5 :"), "argument: '(5 :': "),
        (Plan(accept=("S02", "X99")), "accept[1].code: there is no finding 'X99'"),
    ],
)
def test_what_is_not_there_is_refused_by_its_place(
    plan: Plan, said: str, compiler: Compiler
) -> None:
    with pytest.raises(PlanRefused) as refused:
        rehearsed(Pair("v1", "v2", plan), compiler)

    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("stats", ""),
        ("stats", ".uptime"),
        ("stats.uptime", ".uptime"),
        ("stats.uptime", ".uptime.seconds"),
        ("stats.log[*].time", ".log[12].time"),
        ("stats.log[3]", ".log[3].time"),
        ("stats.*.time", ".first.time"),
        ("stats[1]", "[1]"),
        ("stats.#ok.time", ".#ok.time"),
        ('stats."ada"', '."ada"'),
    ],
)
def test_a_rule_covers_its_path_and_what_is_below(rule: str, path: str) -> None:
    assert is_ignored([rule], "stats", path)


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("stats.uptime", ""),
        ("stats.uptime", ".uptimes"),
        ("stats.log[3]", ".log[31]"),
        ("stats.*.time", ".first.second.time"),
        ("statistics", ".uptime"),
        ("stat", ""),
        ("stat.s", ""),
    ],
)
def test_a_rule_covers_nothing_else(rule: str, path: str) -> None:
    assert not is_ignored([rule], "stats", path)


def test_nothing_can_be_sent_whatever_init_takes(ic: Sandbox) -> None:
    did = "service : (record { owner : text }) -> { get : () -> () query }"
    canister = ic.install(module("v1"), b"", did=did)

    assert rehearse(FromCanister(ic, canister), module("v2"), Plan(argument="()")).succeeds
    with pytest.raises(PlanRefused, match="give its bytes in a file"):
        rehearse(FromCanister(ic, canister), module("v2"), Plan(argument="(5)"))


@pytest.mark.slow
def test_an_ignored_part_of_a_value_is_not_compared(ic: Sandbox) -> None:
    canister = ic.install(module("demo:ledger_v1.classical"))
    canister.update("award", "ada", 1_200, "for the compiler")
    bad = module("demo:ledger_v2_bad.classical")
    start = FromCanister(ic, canister)

    outcome = rehearse(start, bad, Plan(accept=("S04",)))
    paths = [fact.what for item in outcome.findings if item.code == "A03" for fact in item.evidence]
    ignoring = rehearse(start, bad, Plan(accept=("S04",), ignore=tuple(paths)))

    assert paths
    assert "A03" not in ignoring.codes


def test_an_acceptance_that_has_run_out_accepts_nothing(compiler: Compiler) -> None:
    late = Acceptance("a03", "the migration comes in March", date(2026, 3, 1))

    outcome = rehearsed(Pair("v1", "zeroes_in_post", Plan(accept=(late,))), compiler)

    assert [item.code for item in outcome.of(Severity.FAILURE)] == ["A03"]
    assert "E03" in outcome.codes


def test_an_acceptance_gives_its_reason(compiler: Compiler) -> None:
    plan = Plan(accept=(Acceptance("A03", "meant: counts start anew"),))

    outcome = rehearsed(Pair("v1", "zeroes_in_post", plan), compiler)

    (found,) = [item for item in outcome.findings if item.code == "A03"]
    assert found.evidence[-1].after == "meant: counts start anew"
