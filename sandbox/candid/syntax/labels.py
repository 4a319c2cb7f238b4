"""Field labels: names, numbers and the numbering of what has neither.

Records and variants label their fields the same way in types and in values; a label
is its 32-bit id, and no id may stand twice between two braces.
Source: Candid specification, "Records" and "Shorthand: Tuple Fields".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sandbox.candid.syntax.lexer import Kind, Token
from sandbox.candid.types import field_hash

if TYPE_CHECKING:
    from sandbox.candid.syntax.cursor import Cursor

_MAX_ID: Final = 2**32 - 1


@dataclass(slots=True)
class Labels:
    """Reads the labels between one pair of braces and keeps them apart."""

    cursor: Cursor
    _taken: dict[int, str] = field(default_factory=dict)
    _last: int = -1

    def read(self) -> tuple[int, str | None]:
        """Read a label: its id, and its name where it has one.

        Raises: CandidSyntaxError, also when the id is taken or too large.
        """
        token = self.cursor.token
        if token.kind is Kind.NATURAL:
            return self._claim(token, self.cursor.natural(), token.text), None
        name = self.cursor.name("a field name or number")
        return self._claim(token, field_hash(name), name), name

    def number(self) -> int:
        """Return the id of a field without label: one more than the field before it."""
        return self._claim(self.cursor.token, self._last + 1, f"number {self._last + 1}")

    def _claim(self, token: Token, number: int, shown: str) -> int:
        if number > _MAX_ID:
            raise self.cursor.error(token, f"a field id is below 2^32, {number} is not")
        if number in self._taken:
            reason = f"`{self._taken[number]}` and `{shown}` are one field: both have id {number}"
            raise self.cursor.error(token, reason)
        self._taken[number] = shown
        self._last = number
        return number
