"""Encoding: the exact bytes, what Python values are taken, and the errors for others."""

import array
import datetime as dt
from collections import ChainMap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum

import pytest

from sandbox import candid
from sandbox.candid import CandidEncodeError, CandidTypeError, Codec
from sandbox.candid.types import Field, Func, Opt, Prim, Record, Ref, Service, Vec, field_hash
from sandbox.candid.values import FuncRef, RecordValue, ServiceRef, Some, Value, VariantValue
from sandbox.principal import Principal

ID = Principal("w7x7r-cok77-xa")
LIST = "type List = opt record { head : int; tail : List }; (List)"


@pytest.mark.parametrize(
    ("types", "values", "expected"),
    [
        ("()", (), "DIDL 00 00"),
        ("(nat)", (300,), "DIDL 00 01 7d ac02"),
        ("(int)", (-300,), "DIDL 00 01 7c d47d"),
        ("(nat64)", (1,), "DIDL 00 01 78 0100000000000000"),
        ("(int16)", (-2,), "DIDL 00 01 76 feff"),
        ("(float32)", (0.5,), "DIDL 00 01 73 0000003f"),
        ("(float64)", (3,), "DIDL 00 01 72 0000000000000840"),
        ("(bool, null, reserved)", (True, None, "ignored"), "DIDL 00 03 7e7f70 01"),
        ("(text)", ("☃",), "DIDL 00 01 71 03e29883"),
        ("(blob)", (b"\xca\xff",), "DIDL 01 6d7b 01 00 02caff"),
        ("(opt nat8, opt nat8)", (None, 7), "DIDL 01 6e7b 02 0000 00 0107"),
        ("(principal)", (ID,), "DIDL 00 01 68 01 03caffee"),
        ("(service {})", (ID,), "DIDL 01 6900 01 00 01 03caffee"),
        ("(record { foo : nat8; bar : bool })", ({"foo": 1, "bar": True},), None),
        ("(variant { Ok : nat8; Err })", ({"Ok": 5},), "DIDL 01 6b02bc8a017bc5fed2017f 01 00 0005"),
        ("(variant { a; b })", ("b",), "DIDL 01 6b02617f627f 01 00 01"),
        (
            "(func (nat) -> () query)",
            (FuncRef(ID, "m"),),
            "DIDL 01 6a017d000101 01 00 010103caffee016d",
        ),
    ],
)
def test_message_has_the_specified_bytes(
    types: str, values: tuple[Value, ...], expected: str | None
) -> None:
    if expected is None:
        expected = "DIDL 01 6c02d3e3aa027e868eb7027b 01 00 0101"

    data = candid.encode(values, types)

    assert data == b"DIDL" + bytes.fromhex(expected.removeprefix("DIDL"))


def test_equal_types_share_one_table_entry() -> None:
    account = "record { owner : principal; subaccount : opt blob }"

    once = candid.encode(({"owner": ID},), f"({account})")
    twice = candid.encode(({"owner": ID},) * 2, f"({account}, {account})")

    assert once[4] == twice[4] == 3


def test_named_and_inline_forms_of_a_type_share_one_entry() -> None:
    data = candid.encode((b"", b""), "type B = blob; (B, vec nat8)")

    assert data == b"DIDL\x01\x6d\x7b\x02\x00\x00\x00\x00"


def test_recursive_type_refers_to_itself_in_the_table() -> None:
    data = candid.encode(({"head": 1, "tail": None},), LIST)

    assert candid.decode(data, LIST) == ({"head": 1, "tail": None},)
    assert data[4] == 2


class Colour(IntEnum):
    RED = 1


@dataclass
class Transfer:
    to: str
    amount: int
    memo: bytes | None = None


TRANSFER = "(record { to : principal; amount : nat; memo : opt blob; 7 : opt nat })"


@pytest.mark.parametrize(
    ("types", "given", "read"),
    [
        ("(nat8)", Colour.RED, 1),
        ("(float64)", Decimal("0.5"), 0.5),
        ("(blob)", bytearray(b"ab"), b"ab"),
        ("(blob)", memoryview(b"ab"), b"ab"),
        ("(blob)", array.array("B", b"ab"), b"ab"),
        ("(blob)", [97, 98], b"ab"),
        ("(blob)", array.array("I", [97, 98]), b"ab"),
        ("(vec int32)", array.array("i", [-1, 2]), [-1, 2]),
        ("(vec int64)", array.array("i", [-1, 2]), [-1, 2]),
        ("(vec float64)", array.array("d", [0.5]), [0.5]),
        ("(vec float64)", [1, 0.5], [1.0, 0.5]),
        ("(vec nat16)", b"ab", [97, 98]),
        ("(vec nat16)", (Colour.RED, 2), [1, 2]),
        ("(vec nat)", (1, 2), [1, 2]),
        ("(vec nat)", range(3), [0, 1, 2]),
        ("(vec nat)", iter([1, 2]), [1, 2]),
        ("(vec text)", {"a": 1}.keys(), ["a"]),
        ("(principal)", str(ID), ID),
        ("(principal)", ServiceRef(ID), ID),
        ("(service {})", str(ID), ServiceRef(ID)),
        ("(func () -> ())", (str(ID), "m"), FuncRef(ID, "m")),
        ("(opt nat)", Some(5), 5),
        ("(opt opt nat)", Some(Some(5)), Some(5)),
        ("(opt opt nat)", Some(None), Some(None)),
        ("(record { nat; text })", [1, "a"], (1, "a")),
        ("(record { nat; text })", {0: 1, 1: "a"}, (1, "a")),
        ("(record { nat; opt text })", (1,), (1, None)),
        ("(record {})", (), {}),
        ("(record { a : nat })", ChainMap({"a": 1}), {"a": 1}),
        ("(record { a : nat; b : opt nat; c : null; d : reserved })", {"a": 1}, None),
        (TRANSFER, Transfer(str(ID), 5), None),
        (TRANSFER, {field_hash("to"): ID, "amount": 5}, None),
        ("(record { 97 : nat })", {"a": 1}, {97: 1}),
        ("(variant { Ok : nat; Err })", VariantValue("Ok", 1), {"Ok": 1}),
        ("(variant { Ok : nat; Err })", ChainMap({"Ok": 1}), {"Ok": 1}),
        ("(variant { Ok : nat; Err })", {"Err": None}, "Err"),
        ("(variant { 97; 98 })", "a", VariantValue(97)),
        ("(variant { Ok : opt nat })", "Ok", "Ok"),
    ],
)
def test_other_python_forms_are_taken(types: str, given: Value, read: Value) -> None:
    if read is None:
        read = {
            "(record { a : nat; b : opt nat; c : null; d : reserved })": dict.fromkeys("abcd")
            | {"a": 1},
            TRANSFER: {"to": ID, "amount": 5, "memo": None, 7: None},
        }[types]

    data = candid.encode((given,), types)

    assert candid.decode(data, types) == (read,)


def test_trailing_optional_arguments_may_be_left_out() -> None:
    types = "(nat, opt text, reserved)"

    data = candid.encode((1,), types)

    assert data == candid.encode((1, None, None), types)


@pytest.mark.parametrize(
    ("types", "given", "message"),
    [
        ("(nat)", -1, "argument 0: expected nat, got -1 (int)"),
        ("(nat)", True, "argument 0: expected nat, got True (bool)"),
        ("(nat)", 1.0, "argument 0: expected nat, got 1.0 (float)"),
        ("(nat8)", 256, "argument 0: expected nat8, got 256 (int)"),
        ("(int64)", 2**63, "argument 0: expected int64, got 9223372036854775808 (int)"),
        ("(float32)", 1e300, "argument 0: expected float32, got 1e+300 (float)"),
        ("(float64)", "1.5", "argument 0: expected float64, got '1.5' (str)"),
        ("(bool)", 1, "argument 0: expected bool, got 1 (int)"),
        ("(null)", 0, "argument 0: expected null, got 0 (int)"),
        ("(empty)", None, "argument 0: expected empty, got None (NoneType)"),
        ("(text)", b"a", "argument 0: expected text, got b'a' (bytes)"),
        ("(text)", "\ud800", "argument 0: expected text, got '\\ud800' (str)"),
        ("(blob)", "a", "argument 0: expected blob, got 'a' (str)"),
        ("(blob)", 5, "argument 0: expected blob, got 5 (int)"),
        ("(blob)", [1, 256], "argument 0, element 1: expected nat8, got 256 (int)"),
        ("(vec nat16)", [1, True], "argument 0, element 1: expected nat16, got True (bool)"),
        ("(vec nat32)", [1, -1], "argument 0, element 1: expected nat32, got -1 (int)"),
        ("(vec text)", "abc", "argument 0: expected vec text, got 'abc' (str)"),
        ("(vec nat)", {1: 2}, "argument 0: expected vec nat, got {1: 2} (dict)"),
        (
            "(opt opt nat)",
            5,
            "argument 0: expected opt opt nat, got 5 (int): wrap the value in Some(…)",
        ),
        ("(opt nat)", Some(None), "argument 0: expected nat, got None (NoneType)"),
        ("(service {})", 5, "argument 0: expected service {}, got 5 (int)"),
        ("(func () -> ())", "m", "argument 0: expected func () -> (), got 'm' (str)"),
        (
            "(record { nat; nat })",
            (1,),
            "argument 0: expected record { nat; nat }, got (1,) (tuple): missing 1",
        ),
        ("(record { a : nat })", (1,), "argument 0: expected record { a : nat }, got (1,) (tuple)"),
        ("(record { a : nat })", 5, "argument 0: expected record { a : nat }, got 5 (int)"),
        (
            "(record {})",
            {"a": 1},
            "argument 0: expected record {}, got {'a': 1} (dict): there is no 'a'",
        ),
        (
            "(record { a : opt nat; b : null })",
            {"a": 1, 97: 1},
            (
                "argument 0: expected record { a : opt nat; b : null }, "
                "got {'a': 1, 97: 1} (dict): 97 is given twice, by name and by id"
            ),
        ),
        (
            "(record { amount : nat; to : text })",
            {"amuont": 1, "to": ""},
            (
                "argument 0: expected record { to : text; amount : nat }, "
                "got {'amuont': 1, 'to': ''} (dict): there is no 'amuont'; did you mean 'amount'?"
            ),
        ),
        (
            "(variant { Ok : nat; Err })",
            "OK",
            (
                "argument 0: expected variant { Ok : nat; Err }, got 'OK' (str): "
                "there is no 'OK'; did you mean 'Ok'?"
            ),
        ),
        (
            "(variant { Ok : nat; Err })",
            {"Ok": 1, "Err": None},
            "argument 0: expected variant { Ok : nat; Err }, got {'Err': None, 'Ok': 1} (dict)",
        ),
        (
            "(variant { Ok : nat; Err })",
            "Ok",
            "argument 0, case Ok: expected nat, got None (NoneType)",
        ),
        ("(variant { Ok; Err })", {"Ok": 1}, "argument 0, case Ok: expected null, got 1 (int)"),
        ("(variant {})", "a", "argument 0: expected variant {}, got 'a' (str): there is no 'a'"),
    ],
)
def test_error_says_where_and_what(types: str, given: Value, message: str) -> None:
    with pytest.raises(CandidEncodeError) as caught:
        candid.encode((given,), types)

    assert str(caught.value) == message


def test_error_path_leads_through_all_levels() -> None:
    types = "(nat, record { users : vec record { text; opt variant { age : nat8 } } })"
    users = [("bob", None), ("eve", {"age": 300})]

    with pytest.raises(CandidEncodeError) as caught:
        candid.encode((1, {"users": users}), types)

    assert caught.value.path == "argument 1, field users, element 1, field 1, case age"
    assert caught.value.expected == "nat8"
    assert caught.value.given == 300


def test_wrong_text_of_a_principal_says_what_is_wrong_with_it() -> None:
    with pytest.raises(CandidEncodeError, match="did you mean w7x7r-cok77-xa"):
        candid.encode(("w7x7r-cok77-xb",), "(principal)")


@pytest.mark.parametrize(
    ("types", "values", "reason"),
    [
        ("(nat)", (), "0 arguments instead of 1"),
        ("(nat, opt nat)", (), "0 arguments instead of 2"),
        ("(nat)", (1, 2), "2 arguments instead of 1"),
        ("(nat)", 1, "give them as a tuple"),
        ("(nat)", {"a": 1}, "give them as a tuple"),
    ],
)
def test_wrong_number_of_arguments_is_refused(
    types: str, values: Sequence[Value], reason: str
) -> None:
    with pytest.raises(CandidEncodeError, match=reason):
        candid.encode(values, types)


def test_error_in_a_used_up_iterator_is_still_reported() -> None:
    with pytest.raises(CandidEncodeError, match="arguments: expected"):
        candid.encode((iter(["a"]),), "(vec nat)")


def test_exception_of_the_users_own_object_is_the_cause() -> None:
    class Broken(Sequence[int]):
        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: object) -> int:  # type: ignore[override] # breaks on purpose
            raise RuntimeError("disk on fire")

        def __iter__(self) -> Iterator[int]:
            raise RuntimeError("disk on fire")

    with pytest.raises(CandidEncodeError, match="disk on fire") as caught:
        candid.encode((Broken(),), "(vec nat)")

    assert isinstance(caught.value.__cause__, RuntimeError)


def test_date_is_no_candid_value() -> None:
    with pytest.raises(CandidEncodeError, match="argument 0: expected int"):
        candid.encode((dt.date(2026, 1, 1),), "(int)")


def test_refused_value_leaves_the_codec_usable() -> None:
    codec = Codec((Prim.NAT,))

    with pytest.raises(CandidEncodeError):
        codec.encode((-1,))

    assert codec.encode((5,)) == b"DIDL\x00\x01\x7d\x05"


@pytest.mark.slow
def test_list_of_100_000_nodes_is_encoded_and_decoded() -> None:
    nodes: Value = None
    for number in range(100_000):
        nodes = {"head": number, "tail": nodes}

    (read,) = candid.decode(candid.encode((nodes,), LIST), LIST)

    for number in reversed(range(100_000)):
        assert read.head == number
        read = read.tail
    assert read is None


def test_error_deep_in_a_list_shows_both_ends_of_its_path() -> None:
    nodes: Value = {"head": "wrong", "tail": None}
    for number in range(1_000):
        nodes = {"head": number, "tail": nodes}

    with pytest.raises(CandidEncodeError) as caught:
        candid.encode((nodes,), LIST)

    assert caught.value.path.startswith("argument 0, field tail, field tail")
    assert caught.value.path.endswith("…, " + "field tail, " * 5 + "field head")


def test_type_of_hundreds_of_levels_is_encoded_and_decoded() -> None:
    type_: candid.Type = Opt(Prim.NAT)
    nested: Value = 5
    for _ in range(500):
        type_, nested = Opt(type_), Some(nested)
    codec = Codec((type_,))

    (read,) = codec.decode(codec.encode((nested,)))

    for _ in range(500):
        read = read.value
    assert read == 5


def test_value_that_contains_itself_is_refused() -> None:
    codec = Codec((Ref("Tree"),), {"Tree": Vec(Ref("Tree"))}, limits=candid.Limits(depth=1_000))
    tree: list[object] = []
    tree.append(tree)

    with pytest.raises(CandidEncodeError, match="does it contain itself"):
        codec.encode((tree,))


def test_wide_record_and_variant_are_encoded() -> None:
    names = [f"field_{number}" for number in range(300)]
    fields = tuple(
        sorted((Field(field_hash(name), name, Prim.NAT) for name in names), key=lambda f: f.id)
    )
    codec = Codec((Record(fields), candid.Variant(fields)))
    record = {name: number for number, name in enumerate(names)}

    read = codec.decode(codec.encode((record, {"field_77": 7})))

    assert read == (record, {"field_77": 7})


@pytest.mark.parametrize(
    ("type_", "env", "message"),
    [
        (Ref("A"), {}, "there is no type A"),
        (Ref("A"), {"A": Ref("B"), "B": Ref("A")}, "type A is only another name for itself"),
        (Record((Field(1, "a", Prim.NAT), Field(1, "b", Prim.NAT))), {}, "the id 1"),
        (Record((Field(2**32, None, Prim.NAT),)), {}, "32 bits"),
        (Service((("m", Ref("A")),)), {"A": Prim.NAT}, "method m is not a function"),
        (Service((("m", Func((), ())), ("m", Func((), ())))), {}, "the same name"),
        ("nat", {}, "not a Candid type"),
    ],
)
def test_impossible_type_is_refused(type_: candid.Type, env: candid.Env, message: str) -> None:
    with pytest.raises(CandidTypeError, match=message):
        Codec((Opt(type_),), env)


def test_python_values_without_types_are_refused() -> None:
    with pytest.raises(CandidTypeError, match="types"):
        candid.encode((5,))


def test_text_values_bring_their_own_types() -> None:
    assert candid.encode("(5 : nat)") == b"DIDL\x00\x01\x7d\x05"


def test_text_values_are_read_at_given_types() -> None:
    assert candid.encode("(5)", "(nat8)") == b"DIDL\x00\x01\x7b\x05"


def test_record_value_is_encoded_like_a_dict() -> None:
    types = "(record { a : nat; b : text })"

    assert candid.encode((RecordValue(b="x", a=1),), types) == candid.encode(
        ({"a": 1, "b": "x"},), types
    )
