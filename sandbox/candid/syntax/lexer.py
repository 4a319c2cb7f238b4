"""Words of the Candid language: one text in, tokens with their places out.

Types, interfaces, values and test files share these tokens. Rules kept here: every
token knows its offset, every error shows its line with a caret, and a text literal
is bytes, because a blob need not be UTF-8 (whoever wants text asks ``Cursor``).

Three things are wider than the specification, as in didc: a number may end with an
underscore (``2_``), a float may begin with its point (``.5``), and a text literal may
run over several lines.
Source: Candid specification, "Values" (lexical part), "Names" and "Comments".
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple

from sandbox.candid.errors import CandidSyntaxError

# The words the grammar uses itself. Names of primitive types are not among them:
# `record { text : text }` is good Candid, `record { query : text }` is not.
_DECLARING: Final = ("import", "type", "service", "func", "query", "composite_query", "oneway")
_BUILDING: Final = ("opt", "vec", "record", "variant", "blob", "principal")
KEYWORDS: Final = frozenset((*_DECLARING, *_BUILDING, "null", "true", "false"))

_SPACE: Final = " \t\r\n\ufeff"
_DIGITS: Final = r"[0-9][0-9_]*"
_HEX: Final = r"[0-9a-fA-F][0-9a-fA-F_]*"
_WORDS: Final = re.compile(
    rf"""
    [{_SPACE}]* (?:
      (?P<NAME> [A-Za-z_][A-Za-z0-9_]* )
    | (?P<FLOAT> 0[xX]{_HEX} (?: \.(?:{_HEX})?(?:[pP][+-]?{_DIGITS})? | [pP][+-]?{_DIGITS} )
               | {_DIGITS} (?: \.(?:{_DIGITS})?(?:[eE][+-]?{_DIGITS})? | [eE][+-]?{_DIGITS} )
               | \.{_DIGITS}(?:[eE][+-]?{_DIGITS})? )
    | (?P<NATURAL> 0[xX]{_HEX} | {_DIGITS} )
    | (?P<TEXT> "[^"\\]*(?:\\.[^"\\]*)*" )
    | (?P<SYMBOL> -> | == | != | !: | [=(){{}};,.:+-] )
    | (?P<LINE> //[^\n]* )
    | (?P<COMMENT> /\* )
    | (?P<END> \Z )
    )""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
_WORD_START: Final = re.compile(r"[A-Za-z0-9_]")
_ESCAPE: Final = re.compile(
    rf"(?P<bytes>(?:\\[0-9a-fA-F]{{2}})+)|\\u\{{(?P<scalar>{_HEX})\}}|\\(?P<letter>.)", re.DOTALL
)
_LETTERS: Final = {"n": b"\n", "r": b"\r", "t": b"\t", "\\": b"\\", '"': b'"', "'": b"'"}


class Kind(Enum):
    """What sort of word a token is."""

    NAME = "name"
    KEYWORD = "keyword"
    TEXT = "text"
    NATURAL = "natural number"
    FLOAT = "float"
    SYMBOL = "symbol"
    END = "end of the text"


_KINDS: Final = {kind.name: kind for kind in Kind}
_NUMBERS: Final = frozenset({Kind.NATURAL, Kind.FLOAT})


class Token(NamedTuple):
    """One word; a tuple and not a dataclass, because it is built three times faster.

    text: the word as written.
    content: the bytes a text literal stands for, else empty.
    offset: its first character's index in the source.
    """

    kind: Kind
    text: str
    content: bytes
    offset: int


class Source:
    """A text being read; it turns an offset into an error with line, column and caret."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def error(self, offset: int, reason: str) -> CandidSyntaxError:
        """Return (not raise) the error that points at ``offset``."""
        start = self.text.rfind("\n", 0, offset) + 1
        column = offset - start + 1
        return CandidSyntaxError(
            self.line(offset), column, f"{reason}\n{self._caret(start, column)}"
        )

    def line(self, offset: int) -> int:
        """Return the number of the line, from 1, in which ``offset`` stands."""
        return self.text.count("\n", 0, offset) + 1

    def _caret(self, start: int, column: int) -> str:
        # A window of the line: text literals and generated values make very long lines.
        left = max(0, column - 60)
        shown = self.text[start + left : start + left + 76].partition("\n")[0].rstrip()
        shown = shown.replace("\t", " ")
        return f"    {shown}\n    {' ' * (column - 1 - left)}^"


def tokenize(source: Source) -> list[Token]:
    """Split a text into tokens; the last one is of kind END.

    Raises: CandidSyntaxError.
    """
    text, offset = source.text, 0
    tokens: list[Token] = []
    while True:
        match = _WORDS.match(text, offset)
        if match is None:
            raise _unknown(source, offset)
        group, offset = str(match.lastgroup), match.end()
        if group == "COMMENT":
            offset = _comment_end(source, offset)
        elif group != "LINE":
            tokens.append(_token(source, group, match[group], match.start(group)))
        if group == "END":
            return tokens


def _token(source: Source, group: str, word: str, offset: int) -> Token:
    kind = _KINDS[group]
    if kind is Kind.NAME and word in KEYWORDS:
        return Token(Kind.KEYWORD, word, b"", offset)
    if kind is Kind.TEXT:
        return Token(kind, word, _unescape(source, word[1:-1], offset + 1), offset)
    if kind in _NUMBERS and _WORD_START.match(source.text, offset + len(word)):
        raise source.error(offset, f"a number, `{word}`, runs into the next word")
    return Token(kind, word, b"", offset)


def _unknown(source: Source, offset: int) -> CandidSyntaxError:
    offset = len(source.text) - len(source.text[offset:].lstrip(_SPACE))
    character = source.text[offset]
    if character == '"':
        return source.error(offset, "a text literal that is never closed")
    return source.error(offset, f"the character {character!r} has no meaning here")


def _comment_end(source: Source, begun: int) -> int:
    """Return where the comment ends whose opening sign ends at ``begun``."""
    depth, offset = 1, begun
    while match := _COMMENT_EDGE.search(source.text, offset):
        depth += 1 if match.group() == "/*" else -1
        offset = match.end()
        if depth == 0:
            return offset
    raise source.error(begun - len("/*"), "a comment that is never closed")


def _unescape(source: Source, literal: str, start: int) -> bytes:
    try:
        if "\\" not in literal:
            return literal.encode()
        pieces, done = [], 0
        for match in _ESCAPE.finditer(literal):
            pieces.append(literal[done : match.start()].encode())
            pieces.append(_escaped(source, match, start))
            done = match.end()
        return b"".join((*pieces, literal[done:].encode()))
    except UnicodeEncodeError as error:
        raise source.error(start, "half of a surrogate pair is not text") from error


def _escaped(source: Source, match: re.Match[str], start: int) -> bytes:
    if match["bytes"]:
        return bytes.fromhex(match["bytes"].replace("\\", ""))
    if match["letter"] in _LETTERS:
        return _LETTERS[match["letter"]]
    offset = start + match.start()
    if match["letter"]:
        raise source.error(offset, f"`{match.group()}` is not an escape sequence")
    scalar = int(match["scalar"].replace("_", ""), 16)
    if scalar > 0x10FFFF or 0xD800 <= scalar <= 0xDFFF:
        raise source.error(offset, f"`{match.group()}` is not a Unicode scalar value")
    return chr(scalar).encode()
