"""What a comparison of interfaces reports."""

import pytest
from hypothesis import HealthCheck, given, settings

from sandbox.candid import strategies
from sandbox.candid.compat import Finding, Severity, compare, differences
from sandbox.candid.language.grammar import parse_interface, parse_type
from sandbox.candid.subtyping import subtype
from sandbox.candid.types import Env, Prim, Record, Type

# How long an example takes says nothing on a busy machine.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

OLD = """
type Status = variant { active; blocked };
type User = record { name : text; status : opt Status; age : nat };
service : {
  get_user : (nat64) -> (User) query;
  set : (record { key : text; value : opt text; mode : Status }) -> ();
  subscribe : (func (nat) -> () oneway) -> ();
  list : () -> (vec User) query;
}
"""


def findings(*changes: tuple[str, str]) -> list[str]:
    """Return the findings after replacing parts of the old interface's text."""
    text = OLD
    for before, after in changes:
        assert before in text, "the change would change nothing"
        text = text.replace(before, after)
    return [
        f"{finding.severity.value} | {finding}"
        for finding in compare(parse_interface(text), parse_interface(OLD))
    ]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("list :", "extra : () -> (); list :", []),
        ("age : nat", "age : nat; mail : text", []),
        ("(nat64)", "(nat64, opt text)", []),
        ("mode : Status }", "mode : Status; extra : opt nat }", []),
        (
            "list : () -> (vec User) query;",
            "",
            ["breaking | list: the method is gone"],
        ),
        (
            "(User) query",
            "(User)",
            ["breaking | get_user: was a query, is an update"],
        ),
        (
            "mode : Status }) -> ()",
            "mode : Status }) -> () query",
            ["breaking | set: was an update, is a query"],
        ),
        (
            "age : nat",
            "age : int",
            [
                f"breaking | {place}, field age: was nat, is int: old clients cannot read it"
                for place in ("get_user, result 0", "list, result 0, an element")
            ],
        ),
        (
            "; age : nat",
            "",
            [
                f"breaking | {place}, field age: nat is gone: old clients cannot read it"
                for place in ("get_user, result 0", "list, result 0, an element")
            ],
        ),
        (
            "(nat64) -> (User) query",
            "(nat64, text) -> () query",
            [
                (
                    "breaking | get_user, argument 1: text is new and required: "
                    "the new service cannot read what old clients send"
                ),
                "breaking | get_user, result 0: User is gone: old clients cannot read it",
            ],
        ),
        (
            "value : opt text",
            "value : opt nat",
            [
                (
                    "reads null | set, argument 0, field value: was text, is nat: "
                    "the new service reads null from old clients"
                )
            ],
        ),
        (
            "variant { active; blocked }",
            "variant { active; archived }",
            [
                (
                    "reads null | get_user, result 0, field status: new case `archived`: "
                    "old clients read null"
                ),
                (
                    "reads null | list, result 0, an element, field status: new case `archived`: "
                    "old clients read null"
                ),
                (
                    "breaking | set, argument 0, field mode: case `blocked` is gone: "
                    "the new service cannot read what old clients send"
                ),
            ],
        ),
        (
            "func (nat) -> () oneway",
            "func (text) -> () oneway",
            [
                (
                    "breaking | subscribe, argument 0, argument 0: was nat, is text: "
                    "old clients cannot read it"
                )
            ],
        ),
    ],
)
def test_change_is_reported_with_its_path_and_its_consequence(
    before: str, after: str, expected: list[str]
) -> None:
    assert findings((before, after)) == expected


def test_all_findings_are_reported_at_once() -> None:
    found = findings(("age : nat", "age : text"), ("value : opt text", "value : opt nat"))

    assert len(found) == 3


def test_recursive_types_are_reported_once_per_method() -> None:
    old = parse_interface(
        "type List = opt record { head : nat; tail : List }; service : { f : () -> (List) }"
    )
    new = parse_interface(
        "type List = opt record { head : text; tail : List }; service : { f : () -> (List) }"
    )

    assert compare(new, old) == (
        Finding(
            ("f", "result 0", "field head"),
            "was nat, is text: old clients read null",
            Severity.READS_NULL,
        ),
    )


def test_missing_method_of_an_optional_service_reads_as_null() -> None:
    optional = parse_type("opt service { m : () -> () }")

    assert differences(parse_type("service {}"), {}, optional, {}) == (
        Finding((), "method `m` is gone: old clients read null", Severity.READS_NULL),
    )


def test_interface_without_service_lost_all_methods() -> None:
    old = parse_interface("service : { f : () -> () }")

    assert [str(finding) for finding in compare(parse_interface(""), old)] == [
        "f: the method is gone"
    ]


def test_difference_at_the_root_has_no_path() -> None:
    assert [str(finding) for finding in differences(Prim.TEXT, {}, Record(()), {})] == [
        "was record {}, is text: old clients cannot read it"
    ]


@PATIENT
@given(strategies.definitions())
def test_every_type_compared_with_itself_has_no_findings(given: tuple[Type, Env]) -> None:
    assert differences(*given, *given) == ()


@pytest.mark.slow
@settings(PATIENT, max_examples=150)
@given(strategies.definitions(), strategies.definitions())
def test_breaking_findings_are_exactly_the_failures_of_subtyping(
    new: tuple[Type, Env], old: tuple[Type, Env]
) -> None:
    findings = differences(*new, *old)

    breaks = any(finding.severity is Severity.BREAKING for finding in findings)
    assert breaks is not subtype(*new, *old)
