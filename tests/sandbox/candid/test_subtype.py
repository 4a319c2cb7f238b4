"""The subtype relation: what may take the place of what."""

import pytest
from hypothesis import HealthCheck, given, settings

from sandbox.candid import strategies
from sandbox.candid.errors import CandidError
from sandbox.candid.language.grammar import parse_type
from sandbox.candid.subtyping import subtype
from sandbox.candid.types import Env, Opt, Prim, Ref, Type, Vec

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
def test_every_type_is_its_own_subtype(given: tuple[Type, Env]) -> None:
    assert subtype(*given, *given)


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
