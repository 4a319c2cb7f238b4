"""Types and interfaces as text: didc's layout, and that it reads back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.candid.language.files import load_interface
from sandbox.candid.language.grammar import parse_interface, parse_type, parse_types
from sandbox.candid.language.pretty import format_interface, format_type, format_types
from sandbox.candid.types import (
    Env,
    Field,
    Func,
    Interface,
    Mode,
    Opt,
    Prim,
    Record,
    Ref,
    Service,
    Type,
    Variant,
    Vec,
    field_hash,
)

REFERENCE = Path(__file__).parents[5] / "shared" / "reference"


@pytest.mark.parametrize(
    "text",
    [
        "opt vec nat64",
        "blob",
        "record {}",
        "record { nat; text }",
        "record { 1 : nat; 7 : text }",
        'record { 0 : nat; "a b" : nat; a_b : nat; "nat" : nat8 }',
        "variant { 7; A; B : text }",
        "variant { A : record { x : nat } }",
        "func () -> ()",
        "func (nat, opt text) -> (bool) query",
        "func (vec func () -> ()) -> () oneway",
        'service { "a b" : () -> (); run : (nat) -> (text) composite_query }',
        r'record { "\"\\\n" : nat }',
    ],
)
def test_a_type_in_canonical_form_is_written_as_it_was_read(text: str) -> None:
    assert format_type(parse_type(text)) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("vec nat8", "blob"),
        ("record { 1 : text; 0 : nat }", "record { nat; text }"),
        ("record { 0 : nat; 2 : nat }", "record { 0 : nat; 2 : nat }"),
        ("variant { A : null }", "variant { A }"),
        ("func (owner : principal) -> ()", "func (principal) -> ()"),
        ("record { 1_291_438_163 : nat8 }", "record { 1_291_438_163 : nat8 }"),
    ],
)
def test_other_forms_are_brought_into_the_canonical_one(text: str, written: str) -> None:
    assert format_type(parse_type(text)) == written


def test_an_argument_list_is_written_in_parentheses() -> None:
    types, _ = parse_types("(nat, x : opt text,)")

    assert format_types(types) == "(nat, opt text)"
    assert format_types(()) == "()"


def test_an_interface_is_laid_out_like_didc_does() -> None:
    text = """\
type List = opt record { head : int; tail : List };
type f = func (List, func (int32) -> (int64)) -> (opt List, res);
type res = variant { Ok : record { int; nat }; Err : record { error : text } };
type tree = variant {
  branch : record { val : int; left : tree; right : tree };
  leaf : int;
};
service : (List, nat) -> {
  f1 : (List, blob, opt bool) -> () oneway;
  h : (vec opt text, variant { A : nat; B : opt text }, opt List) -> (
      record { 42 : record {}; id : nat },
    );
  i : f;
  x : (tree, tree) -> (
      opt tree,
      opt tree,
      variant { Ok : record { result : text }; Err : variant { a; b } },
    ) composite_query;
}
"""

    assert format_interface(parse_interface(text)) == text


def test_a_service_given_by_name_and_its_init_arguments_are_written() -> None:
    text = "type s = service { m : () -> () };\nservice : (nat) -> s\n"

    assert format_interface(parse_interface(text)) == text


def test_an_interface_without_service_has_types_only() -> None:
    assert format_interface(parse_interface("type a=nat")) == "type a = nat;\n"


@pytest.mark.parametrize("width", [1, 40, 80, 10_000])
def test_the_width_changes_the_lines_and_nothing_else(width: int) -> None:
    interface = load_interface(REFERENCE / "ic.did")

    text = format_interface(interface, width=width)

    assert parse_interface(text) == interface


def test_no_line_is_longer_than_it_must_be() -> None:
    text = format_interface(load_interface(REFERENCE / "ic.did"))

    assert max(map(len, text.splitlines())) <= 80


NAMES = st.text(max_size=3) | st.sampled_from(["service", "nat", "owner", "a b", "true"])
REFS = st.sampled_from([Ref("t"), Ref("u")])


def built(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    types = st.lists(inner, max_size=3).map(tuple)
    modes = st.sampled_from([frozenset[Mode](), frozenset({Mode.QUERY, Mode.COMPOSITE_QUERY})])
    funcs = st.builds(Func, types, types, modes)
    return st.one_of(
        inner.map(Opt),
        inner.map(Vec),
        fields(inner, Record),
        fields(inner, Variant),
        funcs,
        st.dictionaries(NAMES, funcs, max_size=3).map(lambda m: Service(tuple(sorted(m.items())))),
    )


def fields(
    inner: st.SearchStrategy[Type], make: Callable[[tuple[Field, ...]], Type]
) -> st.SearchStrategy[Type]:
    numbered = st.dictionaries(st.integers(0, 2**32 - 1) | st.integers(0, 3), inner, max_size=3)
    named = st.dictionaries(NAMES, inner, max_size=3)

    def merged(numbers: dict[int, Type], names: dict[str, Type]) -> Type:
        found = {number: Field(number, None, of) for number, of in numbers.items()}
        for name, of in names.items():
            found[field_hash(name)] = Field(field_hash(name), name, of)
        return make(tuple(found[number] for number in sorted(found)))

    return st.builds(merged, numbered, named)


TYPES = st.recursive(st.sampled_from(Prim) | REFS, built, max_leaves=8)


@given(TYPES, st.sampled_from([1, 30, 80]))
def test_what_is_written_reads_back_as_the_same_type(of: Type, width: int) -> None:
    env = {"t": Prim.NAT, "u": Prim.TEXT}

    assert parse_type(format_type(of, width=width), env=env) == of


@given(TYPES, TYPES, st.none() | st.lists(TYPES, max_size=2).map(tuple))
def test_what_is_written_reads_back_as_the_same_interface(
    one: Type, other: Type, init: tuple[Type, ...] | None
) -> None:
    env: Env = {"t": Opt(one), "u": Vec(other)}
    interface = Interface(env, Service((("m", Func((Ref("t"),), ())),)), init)

    assert parse_interface(format_interface(interface)) == interface
