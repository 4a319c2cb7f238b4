"""Motoko's stable signatures: read, and compared no more leniently than moc does."""

from __future__ import annotations

import pytest

from sandbox.rehearsal.stable_compat import incompatibilities
from sandbox.rehearsal.stable_types import SignatureUnreadable, read_signature


def _compared(old: str, new: str) -> list[str]:
    before, after = (f"// Version: 1.0.0\nactor {{ {fields} }};\n" for fields in (old, new))
    return [fact.what for fact in incompatibilities(read_signature(before), read_signature(after))]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("stable var n : Nat", "stable var n : Nat"),
        ("stable var n : Nat", "stable var n : Int"),
        ("stable var n : Nat", "stable var n : Nat; stable m : Text"),
        ("stable n : Null", "stable n : ?Nat"),
        ("stable n : ?Nat", "stable n : ?Int"),
        ("stable n : [Nat]", "stable n : [Int]"),
        ("stable n : {#a; #b : Nat}", "stable n : {#a; #b : Int; #c}"),
        ("stable n : (Nat, Text)", "stable n : (Int, Text)"),
        ("stable f : shared query Nat -> async ()", "stable f : shared query Nat -> async ()"),
    ],
)
def test_compatible_variables_are_taken_over(old: str, new: str) -> None:
    assert _compared(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("stable var n : Nat", "", "stable variable n"),
        ("stable var n : Int", "stable var n : Nat", "n"),
        ("stable var n : Nat", "stable var n : Text", "n"),
        ("stable var n : Nat", "stable var n : ?Nat", "n"),
        ("stable n : {a : Nat}", "stable n : {a : Nat; b : Nat}", "n.b"),
        ("stable n : {a : Nat; b : Nat}", "stable n : {a : Nat}", "n.b"),
        ("stable n : {var a : Nat}", "stable n : {a : Nat}", "n.a"),
        ("stable n : {var a : Nat}", "stable n : {var a : Int}", "n.a"),
        ("stable n : [var Nat]", "stable n : [var Int]", "n[]"),
        ("stable n : {#a; #b}", "stable n : {#a}", "n#b"),
        ("stable n : [var {#a}]", "stable n : [var {#a; #b}]", "n[]#b"),
        ("stable n : (Nat, Text)", "stable n : (Nat, Text, Text)", "n"),
        ("stable f : shared Nat -> async ()", "stable f : shared Text -> async ()", "f"),
    ],
)
def test_incompatible_variables_are_named_with_their_place(old: str, new: str, place: str) -> None:
    assert _compared(old, new) == [place]


def test_recursive_and_parametrised_types_are_followed() -> None:
    text = (
        "type List__{0}<T> = ?(T, List__{0}<T>);\ntype Nat__{0} = Nat;\n"
        "actor {{ stable var items : List__{0}<{1}> }};\n"
    )
    old, same, other = (
        read_signature(text.format(number, item))
        for number, item in ((1, "Nat__1"), (2, "Nat__2"), (3, "Text"))
    )

    assert list(incompatibilities(old, same)) == []
    assert [fact.what for fact in incompatibilities(old, other)] == ["items?.0"]


def test_a_migration_takes_what_it_asks_for_and_no_more() -> None:
    old = read_signature("actor { stable var a : Nat; stable b : Text };")
    takes_both = read_signature("actor ({ in var a : Nat; in b : Text }, { stable a : Text });")
    takes_a_third = read_signature(
        "actor ({ in var a : Nat; in b : Text; in c : Nat }, { stable a : Text });"
    )

    assert list(incompatibilities(old, takes_both)) == []
    assert [fact.what for fact in incompatibilities(old, takes_a_third)] == ["stable variable c"]


@pytest.mark.parametrize("text", ["", "actor", "actor {", "actor { stable x : }", "hello"])
def test_what_is_no_signature_is_refused(text: str) -> None:
    with pytest.raises(SignatureUnreadable):
        read_signature(text)
