"""The reports: the verdict first, machines and people told the same, nothing interpreted."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from rehearsal_samples import Pair, rehearsed
from sandbox import UsageError
from sandbox.limits import MAINNET
from sandbox.rehearsal import (
    REGISTRY,
    Call,
    FromModule,
    Growth,
    Plan,
    Rehearsal,
    Severity,
    rehearse,
)
from sandbox.rehearsal.report import as_dict, as_html, as_junit, as_text

if TYPE_CHECKING:
    from sandbox.engine import Compiler

PAIRS = (
    Pair("v1", "v2"),
    Pair("v1", "zeroes_in_post"),
    Pair("v1", "trap_in_post"),
    Pair("v1", "unknown_import"),
    Pair("managed_v1", "managed_swapped"),
    Pair("spin_in_pre", "v2", Plan(limits=MAINNET.relaxed(install_instructions=500_000))),
    Pair(
        "reads_all_in_pre",
        "v2",
        Plan(
            growth=Growth((Call("fill"),)), limits=MAINNET.relaxed(install_instructions=8_000_000)
        ),
    ),
    Pair("calls_out", "timer_v2", Plan(traffic=(Call("inc"),))),
)
# Says things that are markup to a browser, and a character XML has none for.
HOSTILE = b"""(module
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "trap" (func $trap (param i32 i32)))
  (memory 1)
  (data (i32.const 0) "DIDL\\00\\01\\71\\1d<script>alert('x')</script>\\01\\00\\00")
  (data (i32.const 64) "<img src=x onerror=alert(1)> \\01&")
  (func (export "canister_post_upgrade") (call $trap (i32.const 64) (i32.const 31)))
  (func (export "canister_query get")
    (call $append (i32.const 0) (i32.const 37)) (call $reply)))"""


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair.old}-{pair.new}")
def outcome(request: pytest.FixtureRequest, compiler: Compiler) -> Rehearsal:
    return rehearsed(request.param, compiler)


class _Balanced(HTMLParser):
    """Holds every element to its end tag, and collects what a browser would load."""

    VOID = frozenset({"meta", "br", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.loaded += [name for name, _ in attrs if name in ("src", "href", "srcset", "onerror")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def _parsed(markup: str) -> _Balanced:
    parser = _Balanced()
    parser.feed(markup)
    parser.close()
    return parser


def test_the_first_line_of_the_text_is_the_verdict(outcome: Rehearsal) -> None:
    first, *lines = as_text(outcome).splitlines()

    assert first == outcome.verdict
    for item in outcome.findings:
        assert any(item.code in line and item.title in line for line in lines)


def test_machines_are_told_the_same(outcome: Rehearsal) -> None:
    told: Any = json.loads(json.dumps(as_dict(outcome)))

    assert told["verdict"] == outcome.verdict
    assert told["exit_code"] == outcome.exit_code == int(not told["ok"])
    assert [it["code"] for it in told["findings"]] == [it.code for it in outcome.findings]
    assert all(it["evidence"] and it["advice"] and it["doc"] for it in told["findings"])


def test_every_report_names_the_limits(outcome: Rehearsal) -> None:
    told = as_dict(outcome)

    assert told["limits"] == str(outcome.limits)
    assert told["limits_profile"] == outcome.limits.summary()
    assert f"Limits: {outcome.limits}" in as_text(outcome)
    assert f"Limits: {outcome.limits}" in as_html(outcome)


def test_junit_has_one_case_for_each_code_and_fails_those_that_failed(outcome: Rehearsal) -> None:
    suite = ET.fromstring(as_junit(outcome))

    cases = {case.get("name", "").split()[0]: case for case in suite.iter("testcase")}
    failed = {code for code, case in cases.items() if case.find("failure") is not None}
    assert set(cases) == {"verdict", *REGISTRY}
    assert ("verdict" in failed) is not outcome.is_ok
    assert failed - {"verdict"} == {
        it.code for it in outcome.findings if it.severity.value == "failure"
    }
    assert suite.get("failures") == str(len(failed))


def test_the_html_is_well_formed_and_loads_nothing(outcome: Rehearsal) -> None:
    markup = as_html(outcome)

    parser = _parsed(markup)
    assert parser.open == []
    assert parser.loaded == []
    assert not {"script", "link", "img", "iframe"} & set(parser.seen)
    assert "url(" not in markup
    assert "@import" not in markup


def test_the_html_shows_verdict_phases_and_findings(outcome: Rehearsal) -> None:
    text = re.sub(r"<[^>]*>", " ", as_html(outcome))

    assert outcome.verdict.partition(" - ")[0].partition(";")[0] in text
    for item in outcome.findings:
        assert item.code in text


def test_the_figures_that_count_stand_below_the_verdict(compiler: Compiler) -> None:
    lost = as_html(rehearsed(Pair("v1", "zeroes_in_post"), compiler))
    failed = as_html(rehearsed(Pair("v1", "trap_in_post"), compiler))

    assert '<b class="is-bad">0 of 1</b>' in lost
    assert '<b class="is-good">✓ by snapshot</b>' in lost
    assert "the way back" not in failed
    assert '<b class="is-bad">under 0.1%</b>' in failed


def test_growth_is_drawn_up_to_the_limit(compiler: Compiler) -> None:
    plan = Plan(
        growth=Growth((Call("fill"),)), limits=MAINNET.relaxed(install_instructions=8_000_000)
    )

    markup = as_html(rehearsed(Pair("reads_all_in_pre", "v2", plan), compiler))

    charts = re.findall(r'<svg class="chart".*?</svg>', markup)
    assert len(charts) == 2  # stable memory does not grow
    assert "limit 8 million" in charts[0]
    assert "instructions would reach 8,000,000 at" in markup
    places = [float(it) for it in re.findall(r' (?:cx|cy|x|y)="([0-9.-]+)"', "".join(charts))]
    assert all(0 <= place <= 340 for place in places)


def test_calls_in_flight_are_told_of(compiler: Compiler) -> None:
    plan = Plan(traffic=(Call("inc"),))

    outcome = rehearsed(Pair("calls_out", "v2", plan), compiler)

    (flight,) = outcome.flights
    assert flight.failures
    assert "With calls in flight" in as_html(outcome)
    assert as_dict(outcome)["with_calls_in_flight"][0]["failed_replies"]


def test_what_a_canister_says_is_shown_and_never_interpreted(compiler: Compiler) -> None:
    outcome = rehearse(FromModule(HOSTILE), HOSTILE, compiler=compiler)

    markup = as_html(outcome, "<b>title</b>")
    assert "&lt;img src=x" in markup
    assert not {"script", "img", "b"} & (set(_parsed(markup).seen) - {"b"})
    assert ET.fromstring(as_junit(outcome)) is not None


def test_a_probe_of_the_user_is_compared_too(compiler: Compiler) -> None:
    plan = Plan(probes=(Call("get", "(5 : nat)"),), ignore=frozenset({"inc"}))

    outcome = rehearsed(Pair("v1", "v2", plan), compiler)

    assert [diff.name for diff in outcome.probes] == ["get", "get (5 : nat)"]
    assert outcome.untried == ()


def test_what_is_to_be_ignored_is_not_compared(compiler: Compiler) -> None:
    plan = Plan(ignore=frozenset({"get", "inc"}))

    outcome = rehearsed(Pair("v1", "zeroes_in_post", plan), compiler)

    assert outcome.probes == ()
    assert outcome.is_ok


def test_what_runs_by_itself_is_shown_before_and_after(compiler: Compiler) -> None:
    outcome = rehearsed(Pair("timer_v1", "v2"), compiler)

    told = as_dict(outcome)["by_itself"]
    assert [set(soak["ran"]) for soak in told] == [{"canister_global_timer"}, set()]
    assert "never in 86,400 virtual seconds" in as_html(outcome)


def test_an_accepted_finding_does_not_fail_and_says_so(compiler: Compiler) -> None:
    plan = Plan(accept=frozenset({"A03"}))

    outcome = rehearsed(Pair("v1", "zeroes_in_post", plan), compiler)

    (found,) = [item for item in outcome.findings if item.code == "A03"]
    assert found.severity is Severity.WARNING
    assert found.evidence[-1].what == "accepted"
    assert outcome.is_ok


def test_an_upgrade_that_fails_cannot_be_accepted(compiler: Compiler) -> None:
    plan = Plan(accept=frozenset({"Q03"}))

    outcome = rehearsed(Pair("v1", "trap_in_post", plan), compiler)

    assert outcome.exit_code == 1
    assert outcome.verdict.startswith("UPGRADE WOULD FAIL")


def test_a_code_that_does_not_exist_cannot_be_accepted(compiler: Compiler) -> None:
    with pytest.raises(UsageError, match="there is no finding 'X99'"):
        rehearsed(Pair("v1", "v2", Plan(accept=frozenset({"X99"}))), compiler)
