"""Values as text: what is read, what is refused, and that printing reads back."""

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.candid.errors import CandidEncodeError, CandidSyntaxError, CandidTypeError
from sandbox.candid.language.grammar import parse_type, parse_types
from sandbox.candid.text.values import format_values, parse_values
from sandbox.candid.types import (
    Env,
    Field,
    Func,
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
from sandbox.candid.values import FuncRef, RecordValue, ServiceRef, Some, Value, VariantValue
from sandbox.principal import Principal

ID = Principal("w7x7r-cok77-xa")


def read(text: str, types: str) -> tuple[Value, ...]:
    expected, env = parse_types(types)
    return parse_values(text, expected, env)[0]


def one(text: str, of: str) -> Value:
    (value,) = read(f"({text})", f"({of})")
    return value


def refused(text: str, types: str) -> CandidSyntaxError:
    with pytest.raises(CandidSyntaxError) as caught:
        read(text, types)
    return caught.value


def written(text: str, types: str | None = None) -> str:
    expected, env = parse_types(types) if types else (None, {})
    values, found = parse_values(text, expected, env)
    return format_values(values, found, env)


@pytest.mark.parametrize(
    ("text", "value", "of"),
    [
        ("true", True, "bool"),
        ("false", False, "bool"),
        ("null", None, "null"),
        ("42", 42, "int"),
        ("+42", 42, "int"),
        ("-42", -42, "int"),
        ("1_000", 1000, "int"),
        ("0x2A", 42, "int"),
        ("-0x2a", -42, "int"),
        ("42.", 42.0, "float64"),
        (".5", 0.5, "float64"),
        ("-42e5", -42e5, "float64"),
        ("1_0.2_5e-1", 1.025, "float64"),
        ("0x1.8p3", 12.0, "float64"),
        ("-0x1p-1", -0.5, "float64"),
        ("inf", math.inf, "float64"),
        ("-inf", -math.inf, "float64"),
        (r'"\u{2603}\n\"\'\\\e2\98\83"', "☃\n\"'\\☃", "text"),
        (r'blob "a\00\ff"', b"a\x00\xff", "blob"),
        ('principal "w7x7r-cok77-xa"', ID, "principal"),
        ('service "w7x7r-cok77-xa"', ServiceRef(ID), "service {}"),
        ('func "w7x7r-cok77-xa".run', FuncRef(ID, "run"), "func () -> ()"),
        ('func "w7x7r-cok77-xa"."a b"', FuncRef(ID, "a b"), "func () -> ()"),
        ("opt 3", 3, "opt int"),
        ("opt null", Some(None), "opt null"),
        ("opt opt 3", Some(3), "opt opt int"),
        ("vec {}", [], "vec empty"),
        ("vec { 1; 2; }", [1, 2], "vec int"),
        ("record {}", RecordValue(), "record {}"),
        ("record { 1; true }", (1, True), "record { int; bool }"),
        ("record { b = 1; a = 2 }", {"a": 2, "b": 1}, "record { a : int; b : int }"),
        ("record { 5 = 1; 2 }", {5: 1, 6: 2}, "record { 5 : int; 6 : int }"),
        ('record { "b c" = 1 }', {"b c": 1}, 'record { "b c" : int }'),
        ("variant { Tag }", VariantValue("Tag"), "variant { Tag }"),
        ("variant { Ok = 1 }", VariantValue("Ok", 1), "variant { Ok : int }"),
        ("variant { 7 = 1 }", VariantValue(7, 1), "variant { 7 : int }"),
        ("5 : nat64", 5, "nat64"),
        ("opt 5 : opt nat", 5, "opt nat"),
        ("((5 : nat8))", 5, "nat8"),
        ("1 : float32", 1.0, "float32"),
    ],
)
def test_a_value_is_read_and_its_type_inferred(text: str, value: Value, of: str) -> None:
    values, types = parse_values(f"({text})")

    assert values == (value,)
    assert type(values[0]) is type(value) or isinstance(value, dict)
    assert types == (parse_type(of),)


def test_nan_is_read() -> None:
    assert math.isnan(parse_values("(NaN)")[0][0])


def test_arguments_are_separated_by_commas_and_the_last_may_be_left_out() -> None:
    assert parse_values("()") == ((), ())
    assert parse_values("(1, null,)")[0] == (1, None)


@pytest.mark.parametrize(
    ("items", "of"),
    [
        ("null; opt 1", "opt int"),
        ("vec {}; vec { 1 }", "vec int"),
        ("1 : nat; -1", "int"),
        ("variant { A }; variant { B = 1 }", "variant { A; B : int }"),
        (
            "record { a = null; 1 = 2 }; record { 1 = 3; a = opt 2 }",
            "record { 1 : int; a : opt int }",
        ),
    ],
)
def test_the_items_of_a_vec_agree_on_the_least_common_type(items: str, of: str) -> None:
    _, types = parse_values(f"(vec {{ {items} }})")

    assert types == (Vec(parse_type(of)),)


@pytest.mark.parametrize(
    ("items", "column"),
    [
        ('1; "a"', 11),
        ("record { a = 1 }; record { b = 1 }", 26),
        ("variant { A }; variant { A = 1 }", 23),
        ("opt 1; 1", 15),
        ("1 : nat8; 1 : nat16", 18),
    ],
)
def test_items_that_do_not_agree_are_refused(items: str, column: int) -> None:
    with pytest.raises(CandidSyntaxError) as caught:
        parse_values(f"(vec {{ {items} }})")

    assert caught.value.column == column


@pytest.mark.parametrize(
    ("text", "of", "value"),
    [
        ("5", "nat64", 5),
        ("255", "nat8", 255),
        ("-128", "int8", -128),
        ("5", "float64", 5.0),
        ("0.1", "float32", 0.10000000149011612),
        ("vec { 1; 2 }", "vec nat8", b"\x01\x02"),
        ('blob "ab"', "vec nat16", [97, 98]),
        ("null", "opt nat", None),
        ("opt 5", "opt nat", 5),
        ("null", "opt opt nat", None),
        ("opt null", "opt opt nat", Some(None)),
        ("opt opt 5", "opt opt nat", Some(5)),
        ("record { a = 1; unknown = vec { 1 } }", "record { a : nat }", {"a": 1}),
        ("record {}", "record { b : opt text; c : null }", {"b": None, "c": None}),
        ("record { 1 = 2; 0 = 1 }", "record { nat; nat }", (1, 2)),
        ("record { 97 = 1 }", "record { a : nat }", {"a": 1}),
        ("variant { 97 = 1 }", "variant { a : nat; b }", VariantValue("a", 1)),
        ('service "aaaaa-aa"', "principal", Principal("aaaaa-aa")),
        ("record { opt 1; vec { true } }", "reserved", None),
        ("5", "reserved", None),
        ("5 : nat", "int", 5),
        ("record { a = 1; b = 2 } : record { a : nat; b : nat }", "record { a : int }", {"a": 1}),
    ],
)
def test_a_value_is_read_at_the_type_expected(text: str, of: str, value: Value) -> None:
    assert one(text, of) == value


@pytest.mark.parametrize(
    ("text", "types", "column", "reason"),
    [
        ("(256)", "(nat8)", 2, "256 is no nat8 (0 to 255)"),
        ("(-1)", "(nat)", 2, "-1 is no nat (at least 0)"),
        ("(1.5)", "(nat)", 2, "expected nat, found a float"),
        ("(true)", "(nat)", 2, "expected nat, found true"),
        ("(null)", "(nat)", 2, "expected nat, found null"),
        ('(blob "a")', "(nat)", 2, "expected nat, found a blob"),
        ('(blob "a")', "(vec text)", 2, "expected text, found a number"),
        ("(0x1" + "0" * 300 + ")", "(float64)", 2, "too large for float64"),
        ("(1e39)", "(float32)", 2, "too large"),
        ("(1e999)", "(float64)", 2, "too large"),
        ("(0x1p9999)", "(float64)", 2, "too large"),
        ('("aaaaa-aa")', "(principal)", 2, 'write principal "aaaaa-aa"'),
        ('("aaaaa-aa")', "(service {})", 2, 'write service "aaaaa-aa"'),
        ('(principal "aaaaa-aa")', "(service {})", 2, "found a principal"),
        ('(principal "aaaaa-ab")', "(principal)", 12, "not a principal"),
        ("(5)", "(opt nat)", 2, "write `opt` before it"),
        ("(opt 5)", "(opt opt nat)", 6, "write `opt` before it"),
        ("(opt 5)", "(nat)", 2, "expected nat, found an opt"),
        ("(vec { 1; -1 })", "(vec nat)", 11, "-1 is no nat"),
        ("(record {})", "(record { a : nat })", 2, "lacks the field `a : nat`"),
        ("(record { ownr = 1 })", "(record { owner : nat })", 2, "is it `ownr`?"),
        ("(variant { ok })", "(variant { Ok; Err })", 2, "no case `ok`; is it `Ok`?"),
        ("(variant {})", "(variant {})", 11, "expected a field name or number"),
        ("(variant { A; B })", "(variant { A; B })", 15, "expected `}`"),
        ("(5 : nat8)", "(nat64)", 2, "expected nat64, found nat8"),
        ("(-1 : nat)", "(int)", 2, "-1 is no nat"),
        ("(5 : missing)", "(nat)", 6, "no type is named"),
        ("(1, 2)", "(nat)", 5, "one value too many for (nat)"),
        ("(1)", "(nat, text)", 4, "a value for text is missing"),
        ("(record { a = 1; a = 2 })", "(reserved)", 18, "one field"),
        ("(record { opt = 1 })", "(reserved)", 11, 'written "opt"'),
        ("(1 2)", "(nat, nat)", 4, "expected `,` or `)`, found `2`"),
        ("1", "(nat)", 1, "expected `(` before the values, found `1`"),
        ("(1) 2", "(nat)", 5, "expected the end"),
        ("(-)", "(nat)", 3, "expected a number"),
        ('("\\ff")', "(text)", 2, "UTF-8"),
        ('(func "aaaaa-aa")', "(reserved)", 17, "expected `.`"),
        ("(blob 5)", "(blob)", 7, "the bytes of the blob"),
        ("(type)", "(reserved)", 2, "expected a value, found `type`"),
        ("(" + "9" * 5000 + ")", "(nat)", 2, "hexadecimal"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_at_its_place(
    text: str, types: str, column: int, reason: str
) -> None:
    error = refused(text, types)

    assert (error.line, error.column) == (1, column)
    assert reason in error.reason


def test_a_type_whose_name_means_nothing_is_refused() -> None:
    with pytest.raises(CandidTypeError, match="no type missing"):
        parse_values("(5)", (Ref("missing"),))


def test_missing_arguments_are_null_where_null_is_a_value() -> None:
    assert read("(1)", "(nat, opt text, null, reserved)") == (1, None, None, None)


def test_annotations_may_use_the_names_of_the_environment() -> None:
    env = {"account": parse_type("record { owner : principal }")}

    values, types = parse_values('(record { owner = principal "aaaaa-aa" } : account)', None, env)

    assert values == ({"owner": Principal("aaaaa-aa")},)
    assert types == (Ref("account"),)


@pytest.mark.parametrize(
    "text",
    [
        "()",
        "(true, 5 : nat64)",
        "(1_000_000 : int, 255 : nat8, -128 : int8)",
        "(42.0 : float64, 0.0004242 : float64, -0.0 : float64, 1e+300 : float64)",
        "(100000000000000000000.0 : float64, 0.1 : float32, 16777216.0 : float32)",
        "(inf : float64, -inf : float32, NaN : float64)",
        "(opt (1 : int), opt (null : null), opt opt true)",
        "(null : null, null : reserved)",
        r'("☃\n\"\'\\\00\u{7f}", "　")',
        r'(blob "DIDL", blob "\00\7f", blob "a\22\27\60\5c\0a", blob "")',
        "(record { 1 : int; 2 : int }, record {}, vec {})",
        "(variant { A }, variant { b = 1 : int }, variant { 5 = null : reserved })",
        '(record { "a b" = true; 1_291_438_163 = true; "record" = true })',
        '(func "aaaaa-aa".run, func "aaaaa-aa"."query", service "aaaaa-aa")',
    ],
)
def test_values_are_written_as_didc_writes_them(text: str) -> None:
    assert written(text) == text


def test_an_opt_without_value_is_written_as_null() -> None:
    assert written("(null, opt null)", "(opt nat, opt opt nat)") == "(null, opt null)"


def test_a_line_that_is_too_long_is_wrapped_and_indented() -> None:
    assert written(
        '(record {label=42; 0x2b=record {test="test"; "opt"="hello"}; long_label=opt null})',
        '(record {label: nat; 0x2b:record { test:text; "opt":text }; long_label: opt null })',
    ).splitlines() == [
        "(",
        "  record {",
        '    43 = record { "opt" = "hello"; test = "test" };',
        "    long_label = opt (null : null);",
        "    label = 42 : nat;",
        "  },",
        ")",
    ]


def test_the_width_decides_where_lines_break() -> None:
    values, types = parse_values("(vec { 1; 2; 3 })")

    assert format_values(values, types, {}, width=38) == "(vec { 1 : int; 2 : int; 3 : int })"
    assert format_values(values, types, {}, width=30).splitlines() == [
        *("(", "  vec {", "    1 : int;", "    2 : int;", "    3 : int;", "  },", ")"),
    ]


def test_a_number_too_long_for_decimal_digits_is_written_in_hexadecimal() -> None:
    number = -(7**10_000)

    text = format_values((number,), (Prim.INT,), {})

    assert "-0x" in text
    assert parse_values(text)[0] == (number,)


@dataclass(frozen=True)
class Account:
    """What a user may pass for a record."""

    owner: str
    name: str | None = None


@pytest.mark.parametrize(
    ("value", "of", "text"),
    [
        (
            Account("aaaaa-aa"),
            "record { owner : principal }",
            'record { owner = principal "aaaaa-aa" }',
        ),
        ({"a": 1}, "record { a : nat; b : opt nat }", "record { a = 1 : nat; b = null }"),
        ({97: 1}, "record { a : nat }", "record { a = 1 : nat }"),
        ([1, 2], "record { nat; nat }", "record { 1 : nat; 2 : nat }"),
        ({"Ok": 1}, "variant { Ok : nat }", "variant { Ok = 1 : nat }"),
        ("Tag", "variant { Tag }", "variant { Tag }"),
        ([1, 255], "blob", r'blob "\01\ff"'),
        (memoryview(b"ab"), "blob", 'blob "ab"'),
        (Principal("aaaaa-aa"), "service {}", 'service "aaaaa-aa"'),
        (("aaaaa-aa", "m"), "func () -> ()", 'func "aaaaa-aa".m'),
        (range(2), "vec nat", "vec { 0 : nat; 1 : nat }"),
        (Some(5), "opt nat", "opt (5 : nat)"),
    ],
)
def test_what_python_may_pass_is_written_too(value: Value, of: str, text: str) -> None:
    assert format_values((value,), (parse_type(of),), {}, width=99) == f"({text})"


@pytest.mark.parametrize(
    ("value", "of", "path"),
    [
        (True, "nat", "argument 0"),
        ("5", "nat", "argument 0"),
        (5, "text", "argument 0"),
        (5, "blob", "argument 0"),
        ("ab", "vec nat", "argument 0"),
        (5, "opt opt nat", "argument 0"),
        ({}, "record { a : vec nat }", "argument 0"),
        ({"a": [1, None]}, "record { a : vec nat }", "argument 0, field a, element 1"),
        ({"Ok": "x"}, "variant { Ok : opt nat }", "argument 0, case Ok"),
        ("Bad", "variant { Ok }", "argument 0"),
        (1.5, "variant { Ok }", "argument 0"),
        (None, "empty", "argument 0"),
        ("nonsense", "principal", "argument 0"),
        (5, "func () -> ()", "argument 0"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_refused_with_its_path(
    value: Value, of: str, path: str
) -> None:
    with pytest.raises(CandidEncodeError) as caught:
        format_values((value,), (parse_type(of),), {})

    assert caught.value.path == path


def test_a_wrong_number_of_values_is_refused() -> None:
    with pytest.raises(CandidEncodeError, match="2 values"):
        format_values((1,), (Prim.NAT, Prim.NAT), {})


def test_values_nested_deeper_than_the_stack_are_read_and_written() -> None:
    depth = 2_000
    text = "(" + "opt record { head = 1; tail = " * depth + "null" + "}" * depth + ")"
    types, env = parse_types("type l = opt record { head : int; tail : l }; (l)")

    values, _ = parse_values(text, types, env)
    again, _ = parse_values(format_values(values, types, env), types, env)

    node, length = again[0], 0
    while node is not None:
        node, length = node["tail"], length + 1
    assert length == depth


def test_deep_values_without_a_type_are_refused_cleanly() -> None:
    with pytest.raises(CandidSyntaxError, match="deeper than 64"):
        parse_values("(" + "vec {" * 10_000 + "}" * 10_000 + ")")


NAMES = st.sampled_from(["a", "b", "owner", "nat", "query", "true", "x y", "", "☃", None])
INTEGERS = [prim for prim in Prim if prim.value.startswith(("nat", "int"))]


def types_of(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    fields = st.lists(st.tuples(NAMES, st.integers(0, 9), inner), max_size=3).map(labelled)
    return st.one_of(
        inner.map(Opt), inner.map(Vec), fields.map(Record), fields.filter(bool).map(Variant)
    )


def labelled(drawn: list[tuple[str | None, int, Type]]) -> tuple[Field, ...]:
    fields = {}
    for name, number, of in drawn:
        field = Field(number if name is None else field_hash(name), name, of)
        fields[field.id] = field
    return tuple(fields[each] for each in sorted(fields))


TYPES = st.recursive(
    st.one_of(
        st.sampled_from([prim for prim in Prim if prim is not Prim.EMPTY]),
        st.just(Func((), ())),
        st.just(Service(())),
        st.just(Ref("named")),
    ),
    types_of,
    max_leaves=6,
)
NAMED: Env = {"named": Opt(Prim.NULL)}


def integers(prim: Prim) -> st.SearchStrategy[int]:
    bits = int(prim.value[3:] or 80)
    low = -(2 ** (bits - 1)) if prim.value.startswith("int") else 0
    return st.integers(low, low + 2**bits - 1)


PRINCIPALS = st.binary(max_size=29).map(Principal)
LEAVES: dict[Type, st.SearchStrategy[Value]] = {
    **{prim: integers(prim) for prim in INTEGERS},
    Prim.NULL: st.none(),
    Prim.RESERVED: st.none(),
    Prim.BOOL: st.booleans(),
    Prim.TEXT: st.text(),
    Prim.FLOAT32: st.floats(width=32, allow_nan=False),
    Prim.FLOAT64: st.floats(allow_nan=False),
    Prim.PRINCIPAL: PRINCIPALS,
    Func((), ()): st.builds(FuncRef, PRINCIPALS, st.text()),
    Service(()): st.builds(ServiceRef, PRINCIPALS),
    Vec(Prim.NAT8): st.binary(),
}


def values_of(of: Type) -> st.SearchStrategy[Value]:
    if of in LEAVES:
        return LEAVES[of]
    match of:
        case Ref(name):
            return values_of(NAMED[name])
        case Opt(inner):
            wraps = isinstance(inner, Opt | Ref) or inner in (Prim.NULL, Prim.RESERVED)
            present = values_of(inner).map(Some) if wraps else values_of(inner)
            return st.none() | present
        case Vec(inner):
            return st.lists(values_of(inner), max_size=3)
        case Record(fields):
            return st.tuples(*(values_of(field.type) for field in fields)).map(
                lambda values: record(fields, values)
            )
        case Variant(fields):
            return st.sampled_from(fields).flatmap(
                lambda field: values_of(field.type).map(
                    lambda value: VariantValue(label(field), value)
                )
            )
    raise AssertionError(of)


def label(field: Field) -> str | int:
    return field.id if field.name is None else field.name


def record(fields: tuple[Field, ...], values: tuple[Value, ...]) -> Value:
    labels = [label(field) for field in fields]
    if labels and labels == list(range(len(labels))):
        return values
    return RecordValue(zip(labels, values, strict=True))


PAIRS = TYPES.flatmap(lambda of: st.tuples(st.just(of), values_of(of)))


@given(st.lists(PAIRS, max_size=3), st.sampled_from([1, 40, 80]))
def test_what_is_written_reads_back_as_the_same_values(
    pairs: list[tuple[Type, Value]], width: int
) -> None:
    types = tuple(of for of, _ in pairs)
    values = tuple(value for _, value in pairs)

    text = format_values(values, types, NAMED, width=width)

    assert parse_values(text, types, NAMED) == (values, types)


@given(PAIRS)
def test_what_is_written_reads_back_without_types_too(
    pair: tuple[Type, Value],
) -> None:
    of, value = pair
    text = format_values((value,), (of,), NAMED)

    assert parse_values(text)[0] == (value,)


@given(st.text(alphabet='()rec{}=;:,optvn1 "\\blf'))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        values, types = parse_values(text)
    except CandidSyntaxError:
        return
    assert format_values(values, types, {})
