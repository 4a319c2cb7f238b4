"""Errors of the Candid package: which input is wrong, and where in it.

All are ``CandidError``, a ``ValueError``: Candid stands alone and needs nothing of
the sandbox. The fields say where, so that callers can point at the place.
"""

from __future__ import annotations

from typing import Final

_SHOWN_VALUE_CHARS: Final = 80


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
        super().__init__(f"{path}: expected {expected}, got {_shown(given)}{hint}")
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


def _shown(value: object) -> str:
    """Return a repr short enough for one line; the value may be huge, deep or hostile."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a broken __repr__ must not hide the real error
        text = f"(no repr: {type(error).__name__})"
    if len(text) > _SHOWN_VALUE_CHARS:
        text = text[:_SHOWN_VALUE_CHARS] + "…"
    return f"{text} ({type(value).__name__})"
