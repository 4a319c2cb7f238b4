"""The subtype relation, and what a comparison of interfaces reports."""

import pytest
from hypothesis import HealthCheck, given, settings

from sandbox.candid import strategies
from sandbox.candid.compat import Finding, Severity, compare, differences
from sandbox.candid.errors import CandidError
from sandbox.candid.grammar import parse_interface, parse_type
from sandbox.candid.subtype import subtype
from sandbox.candid.types import Env, Opt, Prim, Record, Ref, Type, Vec

# How long an example takes says nothing on a busy machine.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
ENV: Env = {
    "Opt": Opt(Ref("Opt")),
    "Vec": Vec(Ref("Vec")),
    "VecVec": Vec(Ref("Vec")),
    "Alias": Ref("Vec"),
}


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        ("nat", "int"),
        ("empty", "nat"),
        ("nat", "reserved"),
        ("service {}", "principal"),
        ("null", "opt nat"),
        ("reserved", "opt nat"),
        ("nat", "opt nat"),
        ("nat", "opt opt nat"),
        ("nat", "opt text"),
        ("opt nat", "opt text"),
        ("vec nat", "vec int"),
        ("record { a : nat; b : text }", "record { a : int }"),
        ("record {}", "record { a : opt nat; b : null; c : reserved }"),
        ("variant { a }", "variant { a; b : nat }"),
        ("variant {}", "variant { a }"),
        ("opt variant { a; b }", "opt variant { a }"),
        ("func (int) -> (nat)", "func (nat) -> (int)"),
        ("func () -> (nat, text)", "func (nat) -> (nat)"),
        ("func (opt nat) -> ()", "func () -> (opt nat)"),
        ("service { a : () -> (); b : () -> () }", "service { a : () -> () }"),
        ("Vec", "VecVec"),
        ("VecVec", "Alias"),
        ("null", "Opt"),
    ],
)
def test_type_is_a_subtype_as_the_rules_say(lower: str, upper: str) -> None:
    assert subtype(parse_type(lower, env=ENV), ENV, parse_type(upper, env=ENV), ENV)


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        ("int", "nat"),
        ("nat8", "nat"),
        ("opt nat", "nat"),
        ("opt empty", "null"),
        ("principal", "service {}"),
        ("record {}", "record { a : nat }"),
        ("variant { a; b }", "variant { a }"),
        ("variant { a : nat }", "variant { a : text }"),
        ("func () -> ()", "func () -> () query"),
        ("func () -> () query", "func () -> () composite_query"),
        ("func (nat) -> ()", "func () -> ()"),
        ("func () -> ()", "func () -> (nat)"),
        ("service {}", "service { a : () -> () }"),
        ("Vec", "empty"),
        ("nat", "Opt"),
    ],
)
def test_other_types_are_no_subtypes(lower: str, upper: str) -> None:
    assert not subtype(parse_type(lower, env=ENV), ENV, parse_type(upper, env=ENV), ENV)


@PATIENT
@given(strategies.definitions())
def test_every_type_is_its_own_subtype_without_findings(given: tuple[Type, Env]) -> None:
    assert subtype(*given, *given)
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


@PATIENT
@given(strategies.types(), strategies.types(), strategies.types())
def test_subtyping_is_transitive(low: Type, middle: Type, high: Type) -> None:
    if subtype(low, {}, middle, {}) and subtype(middle, {}, high, {}):
        assert subtype(low, {}, high, {})


def test_types_of_a_thousand_levels_are_compared() -> None:
    low: Type = Prim.NAT
    high: Type = Prim.INT
    for _ in range(1_000):
        low, high = Vec(low), Vec(high)

    assert subtype(low, {}, high, {})
    assert not subtype(high, {}, low, {})


@pytest.mark.slow
def test_entangled_types_are_refused_instead_of_compared() -> None:
    low = {f"L{number}": Vec(Ref(f"L{(number + 1) % 701}")) for number in range(701)}
    high = {f"H{number}": Vec(Ref(f"H{(number + 1) % 709}")) for number in range(709)}

    with pytest.raises(CandidError, match="too entangled"):
        subtype(Ref("L0"), low, Ref("H0"), high)


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
