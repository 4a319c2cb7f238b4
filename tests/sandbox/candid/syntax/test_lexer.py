"""Words, literals, comments and error places of the Candid language."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.candid.errors import CandidSyntaxError
from sandbox.candid.syntax.lexer import Kind, Source, Token, tokenize


def words(text: str) -> list[str]:
    return [token.text for token in tokenize(Source(text))[:-1]]


def only(text: str) -> Token:
    (token, end) = tokenize(Source(text))
    assert end.kind is Kind.END
    return token


def refused(text: str) -> CandidSyntaxError:
    with pytest.raises(CandidSyntaxError) as caught:
        tokenize(Source(text))
    return caught.value


def test_a_type_splits_into_its_words() -> None:
    assert words('record{a:nat;"b c":opt _x1}') == [
        *("record", "{", "a", ":", "nat", ";"),
        *('"b c"', ":", "opt", "_x1", "}"),
    ]


def test_symbols_of_two_characters_stay_together() -> None:
    assert words("->==!=!:-=:") == ["->", "==", "!=", "!:", "-", "=", ":"]


@pytest.mark.parametrize("word", ["record", "null", "true", "composite_query", "blob"])
def test_words_of_the_grammar_are_keywords(word: str) -> None:
    assert only(word).kind is Kind.KEYWORD


@pytest.mark.parametrize("word", ["nat64", "text", "bool", "recorder", "_", "assert"])
def test_names_of_primitive_types_are_ordinary_names(word: str) -> None:
    assert only(word).kind is Kind.NAME


@pytest.mark.parametrize("word", ["0", "1_000", "2_", "0xDEAD_beef", "007"])
def test_natural_numbers_may_be_hexadecimal_and_have_underscores(word: str) -> None:
    assert only(word) == Token(Kind.NATURAL, word, b"", 0)


@pytest.mark.parametrize(
    "word", ["1.", "1.5", ".5", "1e9", "1E-9", "1_0.2_5e+3", "0x1.8", "0x1.8p3", "0x1p-4"]
)
def test_floats_have_a_point_or_an_exponent(word: str) -> None:
    assert only(word) == Token(Kind.FLOAT, word, b"", 0)


def test_a_number_that_runs_into_a_word_is_refused() -> None:
    error = refused("vec 12abc")

    assert (error.line, error.column) == (1, 5)
    assert "runs into" in error.reason


@pytest.mark.parametrize(
    ("literal", "content"),
    [
        ('""', b""),
        ('"abc"', b"abc"),
        ('"☃"', "☃".encode()),
        (r'"\n\r\t\\\"\'"', b"\n\r\t\\\"'"),
        (r'"\de\AD\00x"', b"\xde\xad\x00x"),
        (r'"\u{2603}\u{26_03}"', "☃☃".encode()),
        ('"one\ntwo"', b"one\ntwo"),
    ],
)
def test_a_text_literal_is_the_bytes_it_stands_for(literal: str, content: bytes) -> None:
    assert only(literal).content == content


@pytest.mark.parametrize(
    ("literal", "column", "reason"),
    [
        ('"abc', 1, "never closed"),
        (r'"abc\"', 1, "never closed"),
        (r'"a\q"', 3, "not an escape"),
        (r'"a\u{2603"', 3, "not an escape"),
        (r'"a\u{110000}"', 3, "not a Unicode scalar"),
        (r'"a\u{d800}"', 3, "not a Unicode scalar"),
        (r'"a\4"', 3, "not an escape"),
        ('"a\ud800"', 2, "surrogate"),
    ],
)
def test_a_bad_text_literal_is_refused_at_its_place(literal: str, column: int, reason: str) -> None:
    error = refused(literal)

    assert (error.line, error.column) == (1, column)
    assert reason in error.reason


def test_comments_vanish_and_block_comments_nest() -> None:
    assert words("a // b\n c /* d /* e */ // f */ g /**/ h") == ["a", "c", "g", "h"]


def test_a_comment_sign_inside_a_text_is_text() -> None:
    assert only('"/* // */"').content == b"/* // */"


@pytest.mark.parametrize("text", ["x /* y", "x /* /* */"])
def test_an_open_comment_is_refused_where_it_begins(text: str) -> None:
    error = refused(text)

    assert (error.line, error.column) == (1, 3)


def test_an_error_shows_its_line_with_a_caret() -> None:
    error = refused("type a = nat;\n\ttype b = ?;\n")

    assert (error.line, error.column) == (2, 11)
    assert error.reason.splitlines()[1:] == ["     type b = ?;", "              ^"]


def test_a_caret_in_a_very_long_line_shows_a_part_of_it() -> None:
    error = refused("x" * 5_000 + "?" + "y" * 5_000)

    line, caret = error.reason.splitlines()[1:]
    assert error.column == 5_001
    assert line[caret.index("^")] == "?"
    assert len(line) < 100


@given(st.text(alphabet='ab1_x \n"\\/*{};=.-+eu'))
def test_a_text_is_split_at_ascending_places_or_refused(text: str) -> None:
    tokens: list[Token] = []
    with suppress(CandidSyntaxError):
        tokens = tokenize(Source(text))

    assert all(text.startswith(token.text, token.offset) for token in tokens)
    assert tokens == sorted(tokens, key=lambda token: token.offset)


@given(st.binary())
def test_every_byte_string_can_be_written_with_hexadecimal_escapes(data: bytes) -> None:
    literal = "".join(f"\\{byte:02x}" for byte in data)

    assert only(f'"{literal}"').content == data
