"""Arguments of calls and installations: Candid text, or bytes from a file.

Rules: what is not understood is refused before anything is sent, with what is expected; a file is
read before the world is opened, so nobody waits for somebody who types.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sandbox.candid import format_type
from sandbox.candid.errors import CandidError
from sandbox.candid.types import Prim, unfold
from sandbox.errors import UsageError
from sandbox.interface import argument_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.candid.types import Env, Func, Type
    from sandbox.interface import MethodCodec

_SHOWN_CHARS: Final = 150
_BLANK: Final = str.maketrans("\t\r\n", "   ")


@dataclass(frozen=True, slots=True)
class Argument:
    """What was given: text on the command line, or a file's contents, or nothing."""

    text: str | None
    data: bytes | None
    file: str = ""

    @property
    def is_given(self) -> bool:
        """Whether anything was given."""
        return self.text is not None or self.data is not None


argument_file_option: Callable[[Any], Any] = click.option(
    "--argument-file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="The argument's bytes, or Candid text; - reads standard input.",
)


def given_argument(text: str | None, file: Path | None) -> Argument:
    """Read what was given. Raises: UsageError, OSError."""
    if text is not None and file is not None:
        raise UsageError("give the argument or --argument-file, not both")
    if file is None:
        return Argument(text, None)
    if file != Path("-"):
        return Argument(None, file.read_bytes(), str(file))
    if sys.stdin is None:
        raise UsageError("standard input is closed; there is no argument to read")
    return Argument(None, sys.stdin.buffer.read(), "standard input")


def encoded(codec: MethodCodec, given: Argument) -> bytes:
    """Return the message for a method. Raises: CandidError, UsageError."""
    if given.data is not None:
        return _of_file(codec, given.data, f"the argument in {given.file}")
    if given.text is not None:
        return _of_text(codec, given.text)
    try:
        return codec.encode_text("()")
    except CandidError:
        assert codec.func is not None
        raise UsageError(
            f"{codec.name} takes an argument; give '{expected(codec.func, codec.env)}'"
        ) from None


def _of_file(codec: MethodCodec, data: bytes, what: str) -> bytes:
    found = argument_in(data, what)
    if isinstance(found, str):
        return codec.encode_text(found)
    if found.startswith(b"DIDL") or not found.strip() or codec.func is None:
        return found
    try:
        is_text = found.decode().translate(_BLANK).isprintable()
    except UnicodeDecodeError:
        return found
    if not is_text:
        return found
    raise UsageError(
        f"{what} is neither bytes that begin with DIDL nor Candid text in parentheses, "
        f"'{expected(codec.func, codec.env)}'"
    )


def _of_text(codec: MethodCodec, text: str) -> bytes:
    found = argument_in(text.encode("utf-8", "surrogateescape"), "the argument")
    if isinstance(found, str) or not text.strip():
        return codec.encode_text(text)
    if found.startswith(b"DIDL"):
        return found
    if codec.func is None:
        raise UsageError(
            f"the types of {codec.name!r} are not known; "
            f"give Candid text in parentheses such as '(5 : nat)', not {text!r}"
        )
    if len(codec.func.args) != 1:
        raise UsageError(
            f"give Candid text in parentheses, '{expected(codec.func, codec.env)}', not {text!r}"
        )
    return _of_value(codec, text)


def _of_value(codec: MethodCodec, text: str) -> bytes:
    """Return the message of a single value without its parentheses; dfx takes it, too."""
    assert codec.func is not None
    try:
        return codec.encode_text(f"({text}\n)")  # behind a comment, too
    except CandidError:
        # As in dfx: a word needs no quotes where a text is expected.
        if unfold(codec.func.args[0], codec.env) is Prim.TEXT and '"' not in text:
            return codec.encode((text,))
        raise


def expected(func: Func, env: Env) -> str:
    """Return the types of an argument; a name alone tells little, so what it means if short."""
    return f"({', '.join(_shown(item, env) for item in func.args)})"


def _shown(of: Type, env: Env) -> str:
    meant = " ".join(format_type(unfold(of, env) or of).split())
    return meant if len(meant) <= _SHOWN_CHARS else format_type(of)
