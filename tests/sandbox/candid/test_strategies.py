"""The strategies users get: they give what they say, and all of it."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, assume, find, given, settings
from hypothesis import strategies as st

from sandbox.candid import Codec, decode, strategies
from sandbox.candid.language.grammar import parse_types
from sandbox.candid.types import Env, Prim, Type
from sandbox.candid.values import Some, Value

# How long an example takes says nothing on a busy machine.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SEARCH = settings(PATIENT, max_examples=2_000)


@pytest.mark.slow
@settings(PATIENT, max_examples=150)
@given(st.data())
def test_every_value_of_every_type_survives_the_round_trip(data: st.DataObject) -> None:
    type_, env = data.draw(strategies.definitions())
    values = strategies.values(type_, env)
    assume(not values.is_empty)
    value = data.draw(values)
    codec = Codec((type_,), env)

    message = codec.encode((value,))

    assert codec.decode(message) == (value,)
    assert codec.encode(codec.decode(message)) == message
    assert decode(message, ()) == ()
    assert len(decode(message)) == 1


def values_of(text: str) -> st.SearchStrategy[Value]:
    types, env = parse_types(text)
    return strategies.values(types[0], env)


@pytest.mark.parametrize(
    ("types", "is_wanted"),
    [
        ("(opt opt nat)", lambda value: value == Some(None)),
        ("(opt opt nat)", lambda value: value is None),
        ("(variant { a; b : empty; c : nat8 })", lambda value: value == {"c": 0}),
        ("(vec nat8)", lambda value: isinstance(value, bytes) and len(value) > 1),
        ("(record { nat8; bool })", lambda value: value == (0, True)),
        ("(vec variant {})", lambda value: value == []),
        ("(nat)", lambda value: value > 2**64),
        ("(float32)", lambda value: value == float("inf")),
    ],
)
def test_every_kind_of_value_is_drawn(types: str, is_wanted: Callable[[Value], bool]) -> None:
    assert is_wanted(find(values_of(types), is_wanted, settings=SEARCH))


def test_trees_are_drawn_and_end() -> None:
    trees = values_of("type T = variant { node : record { T; T }; leaf }; (T)")

    assert find(
        trees, lambda tree: tree.tag == "node" and tree.value[0].tag == "node", settings=SEARCH
    )


@pytest.mark.parametrize("types", ["(empty)", "(variant {})", "type R = record { R }; (R)"])
def test_types_without_values_have_an_empty_strategy(types: str) -> None:
    assert values_of(types).is_empty


@PATIENT
@given(strategies.arguments((Prim.NAT8, Prim.TEXT)))
def test_arguments_have_one_value_per_type(arguments: tuple[int, str]) -> None:
    number, text = arguments

    assert 0 <= number < 256
    assert isinstance(text, str)


def test_recursive_definitions_are_drawn() -> None:
    def is_recursive(given: tuple[Type, Env]) -> bool:
        return any(repr(name) in repr(meaning) for name, meaning in given[1].items())

    assert find(strategies.definitions(), is_recursive, settings=SEARCH)
