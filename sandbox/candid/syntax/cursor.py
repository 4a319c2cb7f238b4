"""A reading position in a list of tokens: look, take, or say what was expected.

Every parser of the package (types, files, values, tests) is written on these few
moves, so that all of them complain in the same words: what was expected, what was
found, and where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from sandbox.candid.syntax.lexer import Kind, Source, Token, tokenize

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.candid.errors import CandidSyntaxError

_T = TypeVar("_T")
_SHOWN: Final = 40


class Cursor:
    """The next token of a text, and the moves a parser makes on it."""

    __slots__ = ("_index", "_tokens", "source", "token")

    def __init__(self, text: str) -> None:
        self.source = Source(text)
        self._tokens = tokenize(self.source)
        self._index = 0
        self.token = self._tokens[0]

    def take(self) -> Token:
        """Return the next token and step over it. Requires: it is not the end."""
        token = self.token
        self._index += 1
        self.token = self._tokens[self._index]
        return token

    def at(self, *words: str) -> bool:
        """Say whether the next token is one of these symbols or keywords."""
        return self.token.text in words and self.token.kind is not Kind.END

    def is_labelled(self, mark: str) -> bool:
        """Say whether a name or number stands here with ``mark`` (":" or "=") behind it."""
        if self.token.kind not in (Kind.NAME, Kind.KEYWORD, Kind.TEXT, Kind.NATURAL):
            return False
        return self._tokens[self._index + 1].text == mark

    def accept(self, word: str) -> bool:
        """Step over this symbol or keyword if it is next; say whether it was."""
        if not self.at(word):
            return False
        self.take()
        return True

    def expect(self, *words: str) -> Token:
        """Step over one of these symbols or keywords.

        Raises: CandidSyntaxError when something else is next.
        """
        if not self.at(*words):
            raise self.refuse(" or ".join(f"`{word}`" for word in words))
        return self.take()

    def open(self, what: str) -> None:
        """Step over the parenthesis before an argument list of ``what``."""
        if not self.accept("("):
            raise self.refuse(f"`(` before the {what}")

    def separated(self, item: Callable[[], _T], separator: str, closing: str) -> list[_T]:
        """Read items up to and over ``closing``; the last separator may be left out."""
        items = []
        while not self.accept(closing):
            items.append(item())
            if self.expect(separator, closing).text == closing:
                break
        return items

    def name(self, what: str = "a name") -> str:
        """Read an identifier or a quoted name."""
        if self.token.kind is Kind.NAME:
            return self.take().text
        if self.token.kind is Kind.TEXT:
            return self.text()
        raise self.refuse(what)

    def identifier(self, what: str) -> Token:
        """Read a bare identifier (the name of a type or service)."""
        if self.token.kind is not Kind.NAME:
            raise self.refuse(what)
        return self.take()

    def text(self, what: str = "a text in quotes") -> str:
        """Read a text literal that must be valid UTF-8."""
        if self.token.kind is not Kind.TEXT:
            raise self.refuse(what)
        token = self.take()
        try:
            return token.content.decode()
        except UnicodeDecodeError as error:
            raise self.error(token, f"{_shown(token)} is not valid UTF-8 text") from error

    def natural(self) -> int:
        """Read a natural number in decimal or hexadecimal digits. Requires: one is next."""
        token = self.take()
        digits = token.text.replace("_", "")
        try:
            return int(digits, 16 if digits[1:2] in ("x", "X") else 10)
        except ValueError as error:  # more decimal digits than Python converts
            reason = "a number of that many decimal digits must be written in hexadecimal"
            raise self.error(token, reason) from error

    def data(self, what: str) -> bytes:
        """Read a text literal as the bytes it stands for."""
        if self.token.kind is not Kind.TEXT:
            raise self.refuse(what)
        return self.take().content

    def end(self) -> None:
        """Require that nothing is left.

        Raises: CandidSyntaxError.
        """
        if self.token.kind is not Kind.END:
            raise self.refuse("the end")

    def refuse(self, expected: str) -> CandidSyntaxError:
        """Return the error "expected this, found that" for the next token."""
        reason = f"expected {expected}, found {_shown(self.token)}"
        if self.token.kind is Kind.KEYWORD and "name" in expected:
            reason += f' (a keyword; as a name it is written "{self.token.text}")'
        return self.error(self.token, reason)

    def error(self, place: Token | int, reason: str) -> CandidSyntaxError:
        """Return the error that points at a token or an offset."""
        offset = place if isinstance(place, int) else place.offset
        return self.source.error(offset, reason)


def _shown(token: Token) -> str:
    if token.kind is Kind.END:
        return "the end of the text"
    word = token.text if len(token.text) <= _SHOWN else f"{token.text[:_SHOWN]}…"
    return word if token.kind is Kind.TEXT else f"`{word}`"
