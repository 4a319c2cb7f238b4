"""Errors of the Candid package: which input is wrong, and where in it.

All are ``CandidError``, a ``ValueError``: Candid stands alone and needs nothing of
the sandbox. The fields say where, so that callers can point at the place.
"""

from __future__ import annotations

import reprlib
from typing import Final

_SHOWN_CHARS: Final = 80


class CandidError(ValueError):
    """Root of everything this package raises on purpose."""


class CandidDecodeError(CandidError):
    """Bytes that are no Candid message, or not one of the expected types.

    offset: bytes from the start of the message to the place that is wrong.
    reason: what is wrong there.
    """

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"at byte {offset}: {reason}")
        self.offset = offset
        self.reason = reason

    def __reduce__(self) -> tuple[type[CandidDecodeError], tuple[int, str]]:
        return (type(self), (self.offset, self.reason))


class CandidEncodeError(CandidError):
    """A Python value that does not fit the Candid type it is to be written at.

    path: from the argument list to the value, for example ``argument 0, field owner``.
    expected: the Candid type as text.
    given: the value itself.
    reason: what else helps, for example the nearest field name; may be empty.
    """

    def __init__(self, path: str, expected: str, given: object, reason: str = "") -> None:
        hint = f": {reason}" if reason else ""
        shown = f"{_ShortRepr().repr(given)} ({type(given).__name__})"
        super().__init__(f"{path}: expected {expected}, got {shown}{hint}")
        self.path = path
        self.expected = expected
        self.given = given
        self.reason = reason

    def __reduce__(self) -> tuple[type[CandidEncodeError], tuple[str, str, object, str]]:
        return (type(self), (self.path, self.expected, self.given, self.reason))


class CandidTypeError(CandidError):
    """A type that cannot exist: an unknown name, a cycle of names only, equal field ids."""


class CandidSyntaxError(CandidError):
    """Text that is no Candid type, interface or value.

    line, column: of the first character that is wrong, both from 1.
    """

    def __init__(self, line: int, column: int, reason: str) -> None:
        super().__init__(f"line {line}, column {column}: {reason}")
        self.line = line
        self.column = column
        self.reason = reason

    def __reduce__(self) -> tuple[type[CandidSyntaxError], tuple[int, int, str]]:
        return (type(self), (self.line, self.column, self.reason))


class _ShortRepr(reprlib.Repr):
    """A repr for one line of an error: the value may be huge, deep or hostile."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = _SHOWN_CHARS

    def repr_int(self, x: int, level: int) -> str:  # noqa: ARG002 - reprlib passes it
        # Python refuses to write out integers of some thousand digits.
        bits = x.bit_length()
        return repr(x) if bits < 4 * _SHOWN_CHARS else f"<{bits} bits>"
