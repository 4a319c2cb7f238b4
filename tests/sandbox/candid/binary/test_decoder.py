"""Decoding: coercion, every malformation with its offset, and work in proportion to the input."""

import pytest

from sandbox import candid
from sandbox.candid import CandidDecodeError, Codec, Limits
from sandbox.candid.binary.leb128 import put_int, put_nat
from sandbox.candid.types import Field, Func, Interface, Opt, Prim, Record, Ref, Variant
from sandbox.candid.values import FuncRef, RecordValue, ServiceRef, Some, Value, VariantValue
from sandbox.principal import Principal

ID = Principal("w7x7r-cok77-xa")
LIST = "type List = opt record { head : int; tail : List }; (List)"
ENDLESS_OPT = "type Opt = opt Opt; (Opt)"


def message(text: str) -> bytes:
    """Return a message from hex digits."""
    return b"DIDL" + bytes.fromhex(text)


def nat(value: int) -> bytes:
    out = bytearray()
    put_nat(out, value)
    return bytes(out)


def index(value: int) -> bytes:
    out = bytearray()
    put_int(out, value)
    return bytes(out)


@pytest.mark.parametrize(
    ("given", "types", "wanted", "read"),
    [
        # Numbers: nat is an int, nothing else is anything else.
        (5, "(nat)", "(int)", 5),
        (2**70, "(nat)", "(int)", 2**70),
        # Opt: wraps, unwraps nothing, forgives what does not fit.
        (5, "(nat)", "(opt nat)", 5),
        (5, "(nat)", "(opt opt nat)", Some(5)),
        (5, "(nat)", "(opt reserved)", Some(None)),
        (5, "(nat)", "(opt null)", None),
        ("x", "(text)", "(opt nat)", None),
        (None, "(null)", "(opt opt nat)", None),
        (None, "(reserved)", "(opt nat)", None),
        ("x", "(opt text)", "(opt nat)", None),
        (Some(None), "(opt opt nat)", "(opt opt text)", Some(None)),
        (Some(5), "(opt opt nat)", "(opt opt text)", Some(None)),
        (Some(5), "(opt opt nat)", "(opt nat)", None),
        (5, "(opt nat)", "(opt opt nat)", Some(5)),
        # Records: fields by id, missing ones null, extra ones skipped.
        ({"a": 1, "b": "x"}, "(record { a : nat; b : text })", "(record { b : text })", {"b": "x"}),
        ({"b": 1}, "(record {b : nat})", "(record {a : opt nat; b : nat})", {"a": None, "b": 1}),
        ({"b": 1}, "(record { b : nat })", "(record { b : nat; c : null })", {"b": 1, "c": None}),
        ((1, "x"), "(record { nat; text })", "(record { 1 : text })", {1: "x"}),
        ((1, 2, 3), "(record { nat8; nat8; nat8 })", "(record { nat8; nat8 })", (1, 2)),
        ({"a": 1}, "(record { a : nat })", "(opt record { a : text })", None),
        ({"a": 1}, "(record { a : nat })", "(opt record { a : opt text })", {"a": None}),
        ({"a": "x"}, "(record { a : text })", "(opt record { a : text; b : text })", None),
        # Variants: cases by id, an unknown one only under opt.
        ("b", "(variant { b })", "(variant { a; b; c })", "b"),
        ({"b": 5}, "(variant { a; b : nat })", "(variant { b : int })", {"b": 5}),
        ("a", "(variant { a; z : text })", "(variant { a })", "a"),
        ({"z": "x"}, "(variant { a; z : text })", "(opt variant { a })", None),
        ({"z": "x"}, "(variant { a; z : text })", "(opt variant { a; z : nat })", None),
        ({"a": "x"}, "(variant { a : text; z : nat })", "(opt variant { a : nat; z : nat })", None),
        # Vectors: elementwise; an empty one fits everything.
        ([1, 2], "(vec nat)", "(vec int)", [1, 2]),
        ([1, 2], "(vec nat)", "(vec opt text)", [None, None]),
        ([], "(vec nat)", "(vec text)", []),
        ([1, 2], "(vec nat)", "(opt vec text)", None),
        ([{1: 1}], "(vec record { 1 : nat8 })", "(opt vec record { 2 : nat8 })", None),
        (b"ab", "(blob)", "(vec opt nat8)", [97, 98]),
        ([None] * 3, "(vec null)", "(vec opt nat)", [None] * 3),
        # The failure stays inside the nearest opt.
        (
            {"list": [{"z": 1}, {"a": None}], "n": 7},
            "(record { list : vec variant { a; z : nat }; n : nat })",
            "(record { list : vec opt variant { a }; n : nat })",
            {"list": [None, "a"], "n": 7},
        ),
        # References.
        (ServiceRef(ID), "(service {})", "(principal)", ID),
        (ServiceRef(ID), "(service { m : () -> () })", "(service {})", ServiceRef(ID)),
        (FuncRef(ID, "m"), "(func () -> (nat))", "(opt func () -> (text))", None),
        (FuncRef(ID, "m"), "(func (int) -> (nat))", "(func (nat) -> (int))", FuncRef(ID, "m")),
        ([FuncRef(ID, "m")], "(vec func () -> ())", "(opt vec func () -> () query)", None),
        # Reserved takes all.
        ([{"a": "x"}], "(vec record { a : text })", "(reserved)", None),
    ],
)  # fmt: skip
def test_value_is_coerced_to_the_expected_type(
    given: Value, types: str, wanted: str, read: Value
) -> None:
    assert candid.decode(candid.encode((given,), types), wanted) == (read,)


@pytest.mark.parametrize(
    ("given", "types", "wanted", "reason"),
    [
        (5, "(int)", "(nat)", "argument 0: expected nat, found int"),
        (5, "(nat)", "(nat8)", "argument 0: expected nat8, found nat"),
        (5, "(opt nat)", "(nat)", "argument 0: expected nat, found opt nat"),
        (None, "(reserved)", "(null)", "argument 0: expected null, found reserved"),
        (5, "(nat)", ENDLESS_OPT, "argument 0: expected opt Opt, found nat"),
        (5, "(nat)", "(empty)", "argument 0: expected empty, found nat"),
        ([1], "(vec nat)", "(vec text)", "argument 0, an element: expected text, found nat"),
        (
            {"a": (1,)},
            "(record { a : record { nat } })",
            "(record { a : record { text } })",
            "argument 0, field a, field 0: expected text, found nat",
        ),
        ((1,), "(record { nat })", "(record { 1 : nat })", "0: expected field 1 : nat, found none"),
        ("z", "(variant { a; z })", "(variant { a })", "case 122 is not in variant { a }"),
        (ID, "(principal)", "(service {})", "argument 0: expected service {}, found principal"),
        (FuncRef(ID, ""), "(func () -> ())", "(func () -> () query)", "found func () -> ()"),
    ],
)  # fmt: skip
def test_value_that_does_not_fit_is_refused_with_its_path(
    given: Value, types: str, wanted: str, reason: str
) -> None:
    with pytest.raises(CandidDecodeError) as caught:
        candid.decode(candid.encode((given,), types), wanted)

    assert reason in str(caught.value)


def test_misfit_inside_a_recursive_type_names_the_type() -> None:
    given = "type L = opt record { head : text; tail : L }; (vec record { next : L })"
    wanted = "type L = vec record { head : nat; tail : L }; (vec record { next : L })"
    data = candid.encode(([{"next": {"head": "x", "tail": None}}],), given)

    with pytest.raises(CandidDecodeError, match="in L: expected vec record"):
        candid.decode(data, wanted)


def test_missing_arguments_read_as_null_where_they_may() -> None:
    assert candid.decode(candid.encode((1,), "(nat)"), "(nat, opt nat, null, reserved)") == (
        1,
        None,
        None,
        None,
    )
    with pytest.raises(CandidDecodeError, match="argument 1 is missing"):
        candid.decode(candid.encode((1,), "(nat)"), "(nat, nat)")


def test_extra_arguments_are_skipped() -> None:
    data = candid.encode((1, [{"a": "x"}], 2), "(nat, vec record { a : text }, nat)")

    assert candid.decode(data, "(nat)") == (1,)
    assert candid.decode(data, "()") == ()


@pytest.mark.parametrize(
    ("data", "types", "offset", "reason"),
    [
        (b"", "()", 0, "DIDL"),
        (b"DIDX\0\0", "()", 0, "DIDL"),
        (message(""), "()", 4, "ends inside its type table"),
        (message("01"), "()", 5, "ends inside its type table"),
        (message("01 7f 00"), "()", 5, "does not begin a type of the table"),
        (message("01 6e 05 00"), "()", 6, "is no type of the table"),
        (message("01 6e 6e 00"), "()", 6, "is no type of the table"),
        (message("00 01 5e"), "()", 6, "is no type of the table"),
        (message("00 05 7f"), "()", 5, "more than can be here"),
        (message("01 6c 02 00 7f 00 7f 00"), "()", 6, "not ascending"),
        (message("01 6b 02 01 7f 00 7f 00"), "()", 6, "not ascending"),
        (message("01 6c 01 80e497d012 7f 00"), "()", 7, "32 bits"),
        (message("01 6a 00 00 01 04 00"), "()", 9, "4 is no annotation"),
        (message("01 6a 00 00 02 01 01 00"), "()", 8, "same annotation twice"),
        (message("01 6a 00 01 7f 01 02 00"), "()", 9, "oneway function has results"),
        (message("01 69 01 02 c328 00 00"), "()", 8, "not UTF-8"),
        (message("01 69 01 01 61 7f 00"), "()", 9, "not a function"),
        (message("02 6a 00 00 00 69 02 01 62 00 01 61 00 00"), "()", 10, "not in ascending order"),
        (message("01 67 05 00"), "()", 8, "ends inside its type table"),
        (message("00 01 7e 02"), "(bool)", 7, "a bool"),
        (message("00 01 7e 02"), "()", 7, "a bool"),
        (message("01 6d 7e 01 00 03 00 01 02"), "(vec bool)", 12, "a bool"),
        (message("01 6d 7e 01 00 03 00 01 02"), "()", 12, "a bool"),
        (message("01 6e 7f 01 00 02"), "(opt null)", 9, "an opt"),
        (message("01 6e 7f 01 00 02"), "()", 9, "an opt"),
        (message("00 01 71 03 61 c3 28"), "(text)", 9, "not UTF-8"),
        (message("00 01 71 03 61 c3 28"), "()", 9, "not UTF-8"),
        (message("00 01 71 03 ed a0 80"), "(text)", 8, "not UTF-8"),
        (message("00 01 71 05 61 62"), "(text)", 10, "ends too early"),
        (message("00 01 7d 80"), "(nat)", 8, "ends too early"),
        (message("00 01 7d 80"), "()", 8, "ends too early"),
        (message("00 01 78 00 00"), "(nat64)", 9, "ends too early"),
        (message("00 01 78 00 00"), "()", 9, "ends too early"),
        (message("00 01 7f 00"), "(null)", 7, "1 bytes follow"),
        (message("00 01 7f 00"), "()", 7, "1 bytes follow"),
        (message("01 6b 01 00 7f 01 00 01"), "(variant { 0 })", 11, "case 1 of a variant with 1"),
        (message("01 6b 01 00 7f 01 00 01"), "()", 11, "case 1 of a variant with 1"),
        (message("00 01 68 00 00"), "(principal)", 7, "opaque"),
        (message("00 01 68 02 00"), "(principal)", 7, "neither 0 nor 1"),
        (message("00 01 68 01 1e" + "00" * 30), "(principal)", 8, "30 bytes"),
        (message("00 01 68 01 1e" + "00" * 30), "()", 8, "30 bytes"),
        (message("01 6a 00 00 00 01 00 00"), "(func () -> ())", 11, "opaque"),
        (message("01 67 00 01 00 00 01"), "()", 11, "opaque"),
        (message("00 01 6f"), "(empty)", 7, "no value of type empty exists"),
        (message("00 01 6f"), "(opt nat)", 7, "no value of type empty exists"),
        (message("01 6c 01 00 00 01 00"), "(reserved)", 11, "no value of type"),
        (message("01 6b 00 01 00 00"), "(opt nat)", 9, "no value of type variant {} exists"),
    ],
)  # fmt: skip
def test_malformed_message_is_refused_with_its_offset(
    data: bytes, types: str, offset: int, reason: str
) -> None:
    with pytest.raises(CandidDecodeError, match=reason) as caught:
        candid.decode(data, types)

    assert caught.value.offset == offset


def test_malformed_value_is_refused_under_opt_too() -> None:
    wrong_bool_in_opt = message("01 6e 7e 01 00 01 02")

    with pytest.raises(CandidDecodeError, match="a bool"):
        candid.decode(wrong_bool_in_opt, "(opt nat)")


@pytest.mark.parametrize("wanted", [None, "()", "(reserved)"])
def test_every_prefix_of_a_message_is_refused(wanted: str | None) -> None:
    types = "(record { nat; opt text; vec record { nat64; bool }; variant { x : int }; principal })"
    data = candid.encode(((300, "hello", [(1, True), (2, False)], {"x": -1000}, ID),), types)

    for cut in range(len(data)):
        for expected in (wanted, types):
            with pytest.raises(CandidDecodeError):
                candid.decode(data[:cut], expected)


def test_future_type_is_skipped_and_reads_as_null() -> None:
    data = message("01 67 03 414243 02 00 7e 05 00 68656c6c6f 01")

    assert candid.decode(data, "(opt nat, bool)") == (None, True)
    assert candid.decode(data, "(reserved, bool)") == (None, True)
    assert candid.decode(data) == (None, True)


# Bombs: short messages that ask for much. The limits answer, no clock is asked.


@pytest.mark.parametrize("wanted", ["(vec null)", "(vec opt nat)", "(opt nat)", "()", None])
@pytest.mark.parametrize("element", ["7f", "70"])
def test_vector_of_ten_million_nothings_is_refused(element: str, wanted: str | None) -> None:
    data = message("01 6d") + bytes.fromhex(element) + b"\x01\x00" + nat(10_000_000)

    with pytest.raises(CandidDecodeError, match="more parts"):
        candid.decode(data, wanted)


@pytest.mark.parametrize("wanted", ["(reserved)", "(opt nat)", "()", None])
@pytest.mark.parametrize("inside", ["", "opt", "vec", "variant"])
def test_doubling_record_is_refused(inside: str, wanted: str | None) -> None:
    levels = 60
    table = b"".join(
        b"\x6c\x02\x00" + index(level + 1) + b"\x01" + index(level + 1) for level in range(levels)
    )
    around = {
        "": (b"", b""),
        "opt": (b"\x6e\x00", b"\x01"),
        "vec": (b"\x6d\x00", b"\x01"),
        "variant": (b"\x6b\x01\x00\x00", b"\x00"),
    }
    outer, value = around[inside]
    root = index(levels + 1 if inside else 0)
    entries = table + b"\x6c\x00" + outer
    data = message("") + nat(levels + 1 + bool(inside)) + entries + b"\x01" + root + value

    with pytest.raises(CandidDecodeError, match="more parts"):
        candid.decode(data, wanted)


def test_limit_of_unpaid_nodes_can_be_set() -> None:
    data = message("01 6d 7f 01 00 e807")

    assert candid.decode(data, "(vec null)") == ([None] * 1_000,)
    with pytest.raises(CandidDecodeError, match="more parts"):
        candid.decode(data, "(vec null)", limits=Limits(unpaid_nodes=999))


def test_ordinary_data_is_never_charged() -> None:
    types = "(vec record { a : nat8; b : null; c : opt text; d : record { bool; reserved } })"
    values = [{"a": 1, "b": None, "c": None, "d": (True, None)}] * 1_000

    data = candid.encode((values,), types)

    assert candid.decode(data, types, limits=Limits(unpaid_nodes=0)) == (values,)


@pytest.mark.parametrize("wanted", [None, "()", "(opt nat)"])
def test_huge_counts_are_refused_before_room_is_made(wanted: str | None) -> None:
    for element in ("7e", "7d", "78", "71", "7b"):
        for count in (1_000_000_000, 2**63, 2**64 - 1):
            with pytest.raises(CandidDecodeError, match="ends too early"):
                candid.decode(message(f"01 6d {element} 01 00") + nat(count) + b"\0\0", wanted)


def test_type_table_over_the_limit_is_refused() -> None:
    table = b"\x6e\x7f" * 5

    assert candid.decode(message("05") + table + b"\0", "()", limits=Limits(types=5)) == ()
    with pytest.raises(CandidDecodeError, match="more than 4 types"):
        candid.decode(message("05") + table + b"\0", "()", limits=Limits(types=4))
    with pytest.raises(CandidDecodeError, match="more than can be here"):
        candid.decode(message("00 05 7f7f7f7f7f"), "()", limits=Limits(members=4))


@pytest.mark.parametrize("wanted", ["type V = vec V; (V)", "()", None])
def test_depth_over_the_limit_is_refused(wanted: str | None) -> None:
    data = message("01 6d 00 01 00") + b"\x01" * 2_000 + b"\x00"

    assert candid.decode(data, wanted, limits=Limits(depth=3_000)) != (None,)
    with pytest.raises(CandidDecodeError, match="nested deeper than 1000"):
        candid.decode(data, wanted, limits=Limits(depth=1_000))


def test_failures_inside_nested_opts_are_not_read_twice() -> None:
    # Each level ends with a field that does not fit, behind all deeper levels: skipping
    # again from each level's start would read 2,000 levels two million times.
    levels = 2_000
    data = message("02 6e01 6c02 0000 017e 0100") + b"\1" * levels + b"\0" + b"\1" * levels

    assert candid.decode(data, "type R = opt record { 0 : R; 1 : nat }; (R)") == (None,)


def entangled(given: int, wanted: int, *, checks: int, fits: bool) -> tuple[Value, ...]:
    """Decode references whose types are two cycles, with as many pairs as their product.

    Where they do not fit, only the very last pair shows it: nat against text.
    """
    table = [b"\x6c\x02\x00" + index((number + 1) % given) + b"\x01\x6f" for number in range(given)]
    rest = [Prim.RESERVED] * wanted
    if not fits:
        table[-1] = b"\x6c\x02\x00\x00\x01\x7d"
        rest[-1] = Prim.TEXT
    funcs = [b"\x6a\x00\x01" + index(number) + b"\x00" for number in range(checks)]
    data = message("") + nat(given + checks) + b"".join(table + funcs)
    data += nat(checks) + b"".join(index(given + number) for number in range(checks))
    env = {
        f"V{n}": Record((Field(0, None, Ref(f"V{(n + 1) % wanted}")), Field(1, None, rest[n])))
        for n in range(wanted)
    }
    expected = [Opt(Func((), (Ref("V0"),)))] * checks
    return candid.decode(data + b"\1\1\0\1m" * checks, expected, env=env)


@pytest.mark.slow
def test_what_is_known_of_reference_types_is_not_looked_at_again() -> None:
    assert entangled(331, 337, checks=4, fits=True) == (FuncRef(Principal(b""), "m"),) * 4


@pytest.mark.slow
def test_entangled_reference_types_are_refused() -> None:
    with pytest.raises(CandidDecodeError, match="too entangled"):
        entangled(701, 709, checks=1, fits=True)


@pytest.mark.slow
def test_many_failing_checks_of_reference_types_are_refused() -> None:
    assert entangled(101, 103, checks=1, fits=False) == (None,)
    with pytest.raises(CandidDecodeError, match="too entangled"):
        entangled(101, 103, checks=60, fits=False)


@pytest.mark.slow
def test_wide_types_are_read_without_nesting_the_code() -> None:
    cases = tuple(Field(number, None, Prim.NAT8) for number in range(3_000))
    codec = Codec((Variant(cases), Record(cases)))

    (variant, record) = codec.decode(
        codec.encode(({2_999: 7}, tuple(n % 256 for n in range(3_000))))
    )

    assert variant == {2_999: 7}
    assert record[2_999] == 2_999 % 256


def test_list_of_10_000_nodes_reads_untyped_and_is_skipped() -> None:
    nodes: Value = None
    for number in range(10_000):
        nodes = {"head": number, "tail": nodes}
    data = candid.encode((nodes,), LIST)

    (read,) = candid.decode(data, names=("head", "tail"))

    assert read.tail.tail.head == 9_997
    assert candid.decode(data, "()") == ()


def test_list_reads_as_null_from_the_first_node_that_does_not_fit() -> None:
    given = "type G = opt record { head : variant { a; z }; tail : G }; (G)"
    wanted = "type W = opt record { head : variant { a }; tail : W }; (W)"
    nodes = {"head": "a", "tail": {"head": "a", "tail": {"head": "z", "tail": None}}}

    (read,) = candid.decode(candid.encode((nodes,), given), wanted)

    assert read == {"head": "a", "tail": {"head": "a", "tail": None}}


# Without types, and the Codec object.


def test_untyped_decode_shows_ids_and_takes_names() -> None:
    data = candid.encode('(record { owner = "alice"; 7 = variant { Ok = 5 : nat } })')

    assert candid.decode(data) == (RecordValue({947296307: "alice", 7: VariantValue(17724, 5)}),)
    assert candid.decode(data, names=("owner", "Ok")) == (
        RecordValue({"owner": "alice", 7: VariantValue("Ok", 5)}),
    )


def test_untyped_decode_keeps_references() -> None:
    types = "(func (service {}) -> (nat), service { m : () -> () }, principal)"
    values = (FuncRef(ID, "m"), ServiceRef(ID), ID)

    assert candid.decode(candid.encode(values, types)) == values


def test_buffers_are_decoded_like_bytes() -> None:
    data = candid.encode((5,), "(nat)")

    assert candid.decode(bytearray(data), "(nat)") == candid.decode(memoryview(data)) == (5,)


def test_codec_decodes_messages_with_different_heads() -> None:
    codec = Codec((Opt(Prim.INT),))
    heads = ("(opt int)", "(int)", "(nat)", "(opt nat)")

    for _ in range(2):
        for types in heads:
            assert codec.decode(candid.encode((7,), types)) == (7,)
    assert codec.decode(b"DIDL\0\0") == (None,)


def test_codec_decodes_more_heads_than_it_remembers() -> None:
    codec = Codec((Prim.RESERVED,))

    for count in range(100):
        assert codec.decode(b"DIDL\x00" + nat(count) + b"\x7f" * count) == (None,)


def test_codec_takes_types_from_an_interface() -> None:
    interface = Interface(
        env={"Account": Record((Field(1, "owner", Prim.PRINCIPAL),))}, service=None, init=None
    )
    codec = Codec((Ref("Account"),), interface.env)

    assert codec.decode(codec.encode(({"owner": ID},))) == ({"owner": ID},)


@pytest.mark.parametrize("value", [0, 1, 63, 64, 127, 128, 2**14, 2**63 - 1, 2**63, 2**64])
def test_numbers_at_the_borders_of_their_forms_are_read(value: int) -> None:
    for types, number in (("(nat)", value), ("(int)", value), ("(int)", -value), ("(int)", ~value)):
        assert candid.decode(candid.encode((number,), types), types) == (number,)


def test_long_numbers_are_read() -> None:
    value = 3 ** (10_000)

    for sign in (1, -1):
        assert candid.decode(candid.encode((sign * value,), "(int)"), "(int)") == (sign * value,)
