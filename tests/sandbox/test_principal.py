"""Principals: bytes, text, and refusing what is neither."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Principal


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", "aaaaa-aa"),
        (b"\x04", "2vxsx-fae"),
        (bytes.fromhex("00000000000000010101"), "rrkah-fqaaa-aaaaa-aaaaq-cai"),
        (bytes.fromhex("80000000001000000101"), "bnz7o-iuaaa-aaaaa-qaaaa-cai"),
    ],
)
def test_text_and_bytes_are_two_forms_of_one_principal(raw: bytes, text: str) -> None:
    assert str(Principal(raw)) == text
    assert bytes(Principal(text)) == raw


@given(st.binary(max_size=29))
def test_every_principal_survives_its_text(raw: bytes) -> None:
    principal = Principal(raw)

    assert Principal(str(principal)) == principal
    assert pickle.loads(pickle.dumps(principal)) == principal


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("rrkah-fqaaa-aaaaa-aaaaq-caa", "checksum"),
        ("rrkah!", "not base 32"),
        ("aa", "too short"),
        ("rrkahfqaaaaaaaaaaaaqcai", "did you mean rrkah-fqaaa-aaaaa-aaaaq-cai"),
    ],
)
def test_a_wrong_text_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Principal(text)


def test_more_than_29_bytes_are_no_principal() -> None:
    with pytest.raises(ValueError, match="at most 29 bytes, not 30"):
        Principal(bytes(30))


def test_a_principal_cannot_be_changed() -> None:
    principal = Principal.anonymous()

    with pytest.raises(AttributeError, match="cannot be changed"):
        principal._raw = b""


def test_a_number_is_no_principal() -> None:
    with pytest.raises(TypeError, match="text or bytes, not of 5"):
        Principal(5)  # type: ignore[arg-type]  # the mistake is the test


@pytest.mark.parametrize(
    ("principal", "is_opaque"),
    [
        (Principal("ryjl3-tyaaa-aaaaa-aaaba-cai"), True),
        (Principal.from_index(0), True),
        (Principal.management(), False),
        (Principal.anonymous(), False),
        (Principal.named("ada"), False),
    ],
)
def test_canister_ids_are_opaque_and_nobody_elses(principal: Principal, is_opaque: bool) -> None:
    assert principal.is_opaque is is_opaque


WRONG_NAMES = [
    ("", "at least one character"),
    ("\x1b[31mred", "no control characters"),
    ("two\nlines", "no control characters"),
    ("\udcff", "no control characters"),
    (" ada", "no spaces at its ends"),
]


@pytest.mark.parametrize(("name", "reason"), WRONG_NAMES)
def test_what_is_no_name_is_no_identity(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Principal.of_identity(name)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bnz7o-iuaaa-aaaaa-qaaaa-caj", "did you mean bnz7o-iuaaa-aaaaa-qaaaa-cai"),
        ("BNZ7O-iuaaa-aaaab-qaaaa-cai", "its checksum does not match"),
        ("bnz7o-iuaaa-aaaaa-qaaaa-ca", "it is not base 32"),
        ("bnz7oiuaaaaaaaaqaaaacai", "did you mean bnz7o-iuaaa-aaaaa-qaaaa-cai"),
    ],
)
def test_a_mistyped_principal_is_no_identitys_name(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Principal.of_identity(text)


@pytest.mark.parametrize("name", ["ada", "hello-world", "Grace Hopper", "Łukasz", "a-b", "2vxsx"])
def test_a_name_is_an_identity(name: str) -> None:
    assert Principal.of_identity(name) == Principal.named(name)


@pytest.mark.parametrize("text", ["2vxsx-fae", "aaaaa-aa", "bnz7o-iuaaa-aaaaa-qaaaa-cai"])
def test_a_principal_is_who_it_says(text: str) -> None:
    assert Principal.of_identity(text) == Principal(text)


def test_a_name_is_always_the_same_principal() -> None:
    assert Principal.named("alice") == Principal.named("alice") != Principal.named("bob")
