"""Messages printed at the types they carry."""

import pytest

from sandbox.candid import CandidDecodeError, encode
from sandbox.candid.text.message import format_message


@pytest.mark.parametrize(
    "text",
    [
        "()",
        "(5 : nat, -5 : int8, null : null, true)",
        '(opt (5 : nat64), vec { "a" }, blob "\\00\\ff")',
        "(record { 1 : int; 2 : int }, record {})",
        '(func "aaaaa-aa".m, service "aaaaa-aa", principal "aaaaa-aa")',
        "(variant { 5 = 1 : int })",
    ],
)
def test_a_message_prints_as_the_text_it_was_made_of(text: str) -> None:
    assert format_message(encode(text)) == text


def test_fields_print_as_numbers_unless_their_names_are_given() -> None:
    data = encode("(record { a = variant { Ok = 1 }; b = 2 })")

    assert format_message(data) == "(record { 97 = variant { 17_724 = 1 : int }; 98 = 2 : int })"
    assert (
        format_message(data, names=["a", "Ok"])
        == "(record { a = variant { Ok = 1 : int }; 98 = 2 : int })"
    )


def test_recursive_values_are_printed() -> None:
    data = encode("(opt record { opt record { null } })", "type l = opt record { l }; (l)")

    assert format_message(data) == "(opt record { opt record { null } })"


def test_a_value_of_a_type_unknown_here_prints_as_reserved() -> None:
    data = b"DIDL\x01\x67\x03ABC\x02\x00\x7e\x05\x00hello\x01"

    assert format_message(data) == "(null : reserved, true)"


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(CandidDecodeError):
        format_message(b"DIDL\x00\x01\x7d")
