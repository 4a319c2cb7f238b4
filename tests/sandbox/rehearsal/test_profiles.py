"""Which functions used up an upgrade's instructions: named where they are too many, or asked for;
what a rehearsal measures is the same with and without.
"""

from __future__ import annotations

import json
import pickle
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from rehearsal_samples import Pair, module, rehearsed
from sandbox.limits import MAINNET
from sandbox.rehearsal import (
    Budget,
    Call,
    FromCanister,
    FromModule,
    Growth,
    Member,
    Plan,
    Rehearsal,
    Step,
    Version,
    rehearse,
    rehearse_chain,
    rehearse_matrix,
)
from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.report import as_dict, as_html, as_junit, as_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox
    from sandbox.engine import Compiler

    Named = Callable[[str], Path]

PACKS = "saves_one_by_one"


def _limited(instructions: int, **fields: Any) -> Plan:
    return Plan(limits=MAINNET.relaxed(install_instructions=instructions), **fields)


def _named(outcome: Rehearsal, code: str) -> list[str]:
    """Return what the first finding with a code names beside the phases."""
    found = next(item for item in outcome.findings if item.code == code)
    return [fact.what for fact in found.evidence[1:]]


# --- named by findings


def test_a_finding_about_instructions_names_the_functions(compiler: Compiler) -> None:
    outcome = rehearsed(Pair(PACKS, "v2", _limited(4_000_000)), compiler)

    (found,) = [item for item in outcome.findings if item.code == "P02"]
    assert found.evidence[1:] == (
        Fact("pre_upgrade: pack", "", "2,140,000 instructions, 89.2% of pre_upgrade"),
        Fact(
            "pre_upgrade: save_all",
            "",
            "260,001 instructions, 10.8% of pre_upgrade (100.0% with what it called)",
        ),
    )
    assert "pre_upgrade: pack: 2,140,000 instructions, 89.2% of pre_upgrade" in as_text(outcome)


def test_far_from_the_limit_nothing_is_profiled(compiler: Compiler) -> None:
    outcome = rehearsed(Pair(PACKS, "v2"), compiler)

    assert (outcome.profiles, outcome.profile) == ((), None)
    assert "Where most instructions" not in as_text(outcome)
    assert "Where the instructions went" not in as_html(outcome)
    assert as_dict(outcome)["profiles"] == []


def test_an_upgrade_that_runs_out_is_profiled_up_to_there(compiler: Compiler) -> None:
    outcome = rehearsed(Pair(PACKS, "v2", _limited(1_000_000)), compiler)

    assert outcome.run is not None
    assert outcome.run.failed_in == "pre_upgrade"
    assert outcome.profile is not None
    assert outcome.profile.instructions == outcome.run.instructions == 1_000_000
    assert _named(outcome, "P02")[1:] == ["pre_upgrade: pack", "pre_upgrade: save_all"]


def test_a_phase_for_which_nothing_is_left_can_be_shown(compiler: Compiler) -> None:
    outcome = rehearsed(Pair(PACKS, PACKS, _limited(2_500_000)), compiler)

    assert outcome.run is not None
    assert (outcome.run.failed_in, outcome.run.stages[-1].instructions) == ("start", 0)
    phases = {it["phase"] for it in as_dict(outcome)["profiles"][0]["functions"]}
    assert phases == {"pre_upgrade", "start"}
    assert "set_up" in as_html(outcome)


def test_an_exceeded_budget_names_those_of_its_phase(compiler: Compiler) -> None:
    budgets = {"post_upgrade": Budget(instructions=1_000), "compile": Budget(instructions=1)}

    outcome = rehearsed(Pair(PACKS, PACKS, Plan(budgets=budgets)), compiler)

    assert _named(outcome, "E02")[1:] == ["post_upgrade: pack", "post_upgrade: save_all"]


@pytest.mark.parametrize("budget", [{"compile": Budget(1)}, {"upgrade": Budget(cycles=1)}])
def test_a_budget_that_no_function_exceeds_is_not_looked_into(
    compiler: Compiler, budget: dict[str, Budget]
) -> None:
    outcome = rehearsed(Pair(PACKS, PACKS, Plan(budgets=budget)), compiler)

    assert "E02" in outcome.codes
    assert outcome.profiles == ()


def test_the_next_release_has_a_profile_of_its_own(compiler: Compiler) -> None:
    outcome = rehearsed(Pair("v1", PACKS, _limited(5_000_000)), compiler)

    (profile,) = outcome.profiles
    assert profile.upgrade == "upgrading the new module to itself"
    assert _named(outcome, "P02")[0] == "pre_upgrade: pack"
    assert outcome.profile is None  # the upgrade itself is far from the limit
    assert "Upgrading the new module to itself" in as_html(outcome)


def test_a_forecast_names_the_functions_of_today(compiler: Compiler) -> None:
    plan = _limited(22_000_000, growth=Growth((Call("fill"),)))

    outcome = rehearsed(Pair("reads_all_in_pre", "v2", plan), compiler)

    assert _named(outcome, "P02") == ["pre_upgrade: canister_pre_upgrade"]
    assert outcome.profile is not None


def test_where_compiling_takes_nearly_all_that_is_said(compiler: Compiler) -> None:
    limits = MAINNET.relaxed(install_instructions=1_000_000_000, compile_instructions=10_000_000)

    outcome = rehearsed(Pair("v1", PACKS, Plan(limits=limits)), compiler)

    found = next(item for item in outcome.findings if item.code == "Q04")
    said = "241,216 instructions; the others are compile's"
    assert found.evidence[1:] == (Fact("all functions", "", said),)


# --- asked for, and exact


def test_a_profile_that_is_asked_for_stands_below_the_phases(compiler: Compiler) -> None:
    outcome = rehearsed(Pair(PACKS, PACKS, Plan(profile=True)), compiler)

    assert outcome.profile is not None
    (canister,) = outcome.profile.root.below.values()
    ran = {name: node.total for name, node in canister.below.items()}
    assert outcome.run is not None
    stages = {stage.name: stage.instructions for stage in outcome.run.stages}
    assert ran == {
        "canister_pre_upgrade": stages["pre_upgrade"],
        "start": stages["start"],
        "canister_post_upgrade": stages["post_upgrade"],
    }
    head, _, rest = as_text(outcome).partition("  Where most instructions of the upgrade went:\n")
    assert "post_upgrade" in head
    assert rest.startswith("    pre_upgrade: pack: 2,140,000 instructions, 89.2% of pre_upgrade\n")


@pytest.mark.parametrize(
    "pair",
    [
        Pair(PACKS, PACKS, Plan(traffic=(Call("inc"),))),
        Pair(PACKS, "trap_in_post"),
        Pair("v1", "grows_in_post"),
        Pair("calls_out", "v2", Plan(traffic=(Call("inc"),))),
        Pair("demo:ledger_v1.classical", "demo:ledger_v2_good.classical"),
    ],
    ids=lambda pair: f"{pair.old}-{pair.new}",
)
def test_all_else_is_the_same_with_a_profile(compiler: Compiler, pair: Pair) -> None:
    def told(*, profile: bool) -> dict[str, Any]:
        plan = replace(pair.plan, profile=profile)
        return as_dict(rehearsed(Pair(pair.old, pair.new, plan), compiler))

    without, with_profile = told(profile=False), told(profile=True)

    (profile,) = with_profile.pop("profiles")
    assert without.pop("profiles") == []
    assert with_profile == without
    phases = {it["name"]: it["instructions"] for it in without["upgrade"]["phases"]}
    assert profile["instructions"] == sum(phases.values())


def test_the_same_rehearsal_gives_the_same_profile(compiler: Compiler) -> None:
    one, two = (rehearsed(Pair(PACKS, PACKS, _limited(5_000_000)), compiler) for _ in range(2))

    assert one.profiles == two.profiles
    assert as_dict(one) == as_dict(two)


def test_the_canister_is_left_as_it_was(ic: Sandbox) -> None:
    canister = ic.install(module(PACKS))
    before = canister.checksum

    outcome = rehearse(FromCanister(ic, canister), module("v2"), Plan(profile=True))

    assert outcome.profile is not None
    assert canister.checksum == before
    assert canister.query_raw("get") == (7).to_bytes(8, "little")


def test_a_rehearsal_inside_a_profile_of_the_users(ic: Sandbox) -> None:
    canister = ic.install(module(PACKS), name="it")

    with ic.profile() as outer:
        outcome = rehearse(FromCanister(ic, canister), module("v2"), Plan(profile=True))

    assert outcome.profile is not None
    assert outcome.profile.instructions == 2_400_008 < outer.instructions


@pytest.mark.parametrize("mode", ["classical", "eop"])
def test_motokos_functions_have_their_names(built: Named, compiler: Compiler, mode: str) -> None:
    old, new = (built(f"motoko/{mode}/counter_{name}") for name in ("v1", "v2_good"))
    start = FromModule(old, calls=(Call("add_note", '("buy milk")'),))

    outcome = rehearse(start, new, Plan(profile=True), compiler=compiler)

    assert outcome.run is not None
    stages = {it.name: it.instructions for it in outcome.run.stages if it.name != "compile"}
    (profile,) = outcome.profiles
    ran = {name: node.total for name, node in profile.entries.items()}
    assert {name.removeprefix("canister_"): own for name, own in ran.items()} == stages
    assert {it.phase for it in profile.costs()} == set(stages)
    names = {it.function.name for it in profile.costs()}
    assert not any(name.startswith("function ") for name in names)
    if mode == "classical":  # which serialises in pre_upgrade
        assert any("serialize" in it.function.name for it in profile.costs())


# --- several upgrades


def test_each_step_of_a_chain_has_its_profile(compiler: Compiler) -> None:
    members = {"": Member(FromModule(module(PACKS)), Plan(profile=True))}
    steps = (Step(module(PACKS), name="one; more"), Step(module("v2")), Step(module(PACKS)))

    outcome = rehearse_chain(members, steps, compiler=compiler)

    assert outcome.profile is not None
    tops = outcome.profile.root.below
    assert {name: sorted(node.below) for name, node in tops.items()} == {
        "one; more": ["canister_post_upgrade", "canister_pre_upgrade", "start"],
        "the new module": ["canister_pre_upgrade"],
        "the new module (2)": ["canister_post_upgrade", "start"],
    }
    parts = [found.profile for _, found in outcome.steps]
    assert outcome.profile.instructions == sum(it.instructions for it in parts if it is not None)
    assert as_html(outcome).count("Where the instructions went") == 3


@pytest.mark.slow
def test_each_hop_of_a_matrix_has_its_profile_in_whatever_process(compiler: Compiler) -> None:
    versions = [
        Version(FromModule(module(name)), Step(module(name), name=name)) for name in (PACKS, "v2")
    ]

    one, two = (rehearse_matrix(versions, _limited(4_000_000), workers=it) for it in (1, 2))

    assert one.profile == two.profile
    assert as_dict(one) == as_dict(two)
    assert one.profile is not None
    assert set(one.profile.root.below) == {f"{PACKS} to v2"}  # the way back is far from the limit


def test_what_is_far_from_all_limits_has_none(compiler: Compiler) -> None:
    members = {"": Member(FromModule(module("v1")))}

    assert rehearse_chain(members, [Step(module("v2"))], compiler=compiler).profile is None


# --- shown


def test_a_rehearsal_with_a_profile_can_be_pickled(compiler: Compiler) -> None:
    outcome = rehearsed(Pair(PACKS, "v2", _limited(4_000_000)), compiler)

    assert pickle.loads(pickle.dumps(outcome)) == outcome


def test_machines_are_told_of_each_function(compiler: Compiler) -> None:
    outcome = rehearsed(Pair(PACKS, PACKS, Plan(profile=True)), compiler)

    (told,) = json.loads(json.dumps(as_dict(outcome)))["profiles"]

    assert told["upgrade"] == "the upgrade"
    assert told["functions"][0] == {
        "phase": "pre_upgrade",
        "name": "pack",
        "calls": 20_000,
        "own": 2_140_000,
        "total": 2_140_000,
        "share_of_phase": pytest.approx(0.8916637),
    }
    assert told["functions_in_all"] == len(told["functions"])
    assert sum(it["own"] for it in told["functions"]) + 432_000 == told["instructions"]


def test_the_html_has_a_table_and_a_flame_graph(compiler: Compiler) -> None:
    markup = as_html(rehearsed(Pair(PACKS, PACKS, _limited(5_000_000)), compiler))

    section = re.search(r"<h2>Where the instructions went</h2>(.*?)</section>", markup)
    assert section
    first = re.search(r'<table class="functions">.*?<tbody><tr>(.*?)</tr>', section[1])
    assert first
    cells = re.sub(r"<[^>]*>", " ", first[1]).split()
    assert cells == ["pack", "pre_upgrade", "2,140,000", "89.2%", "89.2%", "20,000"]
    graph = re.search(r'<div class="flames">(<svg.*?</svg>)', section[1])
    assert graph
    titles = [item.text for item in ET.fromstring(graph[1]).iter("title")]
    assert "pack: 2,140,000 instructions (81.0%), called 20,000 times" in titles
    assert titles[0] == "the upgrade: 2,641,224 instructions (100.0%)"


def test_names_that_a_canister_chose_do_no_harm(compiler: Compiler) -> None:
    evil = r"<script>alert(1)</script>\"'&\1b[31m\00\0a\e2\80\ae" + "x" * 5_000
    hostile = f"""(module
      (func $work (@name "{evil}") (local $left i32)
        (local.set $left (i32.const 1000))
        (loop $again
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br_if $again (local.get $left))))
      (func (export "canister_pre_upgrade") (call $work)))""".encode()

    outcome = rehearse(FromModule(hostile), hostile, _limited(10_000), compiler=compiler)

    assert outcome.profile is not None
    shown = [as_text(outcome), as_html(outcome), as_junit(outcome)]
    assert not any(letter in text for text in shown for letter in "\x1b\x00\u202e")
    assert "<script" not in shown[1]
    assert "&lt;script&gt;alert(1)" in shown[1]
    assert ET.fromstring(as_junit(outcome)) is not None
    assert all(len(line) < 400 for line in shown[0].splitlines())
    assert "x" * 120 not in shown[1]


def test_deep_recursion_keeps_the_picture_small(compiler: Compiler) -> None:
    deep = b"""(module
      (func $deep (param i32)
        (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))))))
      (func (export "canister_pre_upgrade") (call $deep (i32.const 5000))))"""

    outcome = rehearse(FromModule(deep), deep, Plan(profile=True), compiler=compiler)

    assert len(as_html(outcome)) < 40_000
    assert pickle.loads(pickle.dumps(outcome)) == outcome
