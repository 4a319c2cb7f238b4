"""What the command line writes: the only module that prints.

Rules: what comes from canisters, files and arguments cannot steer a terminal, its control
characters are shown as escapes; a stream that lacks a character gets another way to write it, so
an answer never ends in an error of the encoding; standard error may be closed or full, the
answer counts.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
from contextlib import suppress
from typing import Any, Final, TextIO

import click

from sandbox.cli.json_text import json_text

# All that moves the cursor, colours, rings or turns the direction of writing, but for line
# ends and tabs; and halves of surrogate pairs, which no encoding can write.
_STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
# Our own ornaments, for streams that have none of them.
_PLAIN: Final = str.maketrans({"…": "...", "–": "-", "→": "->", "✓": "+", "✗": "x", "≥": ">="})


def say(
    text: str = "", *, err: bool = False, nl: bool = True, fg: str | None = None, bold: bool = False
) -> None:
    """Print a text, coloured on terminals. nl: with a line end.

    Raises: OSError when standard output takes no more.
    """
    shown = _fitting(printable(text), sys.stderr if err else sys.stdout)
    if (fg or bold) and not (os.environ.get("NO_COLOR") or _is_dumb()):
        shown = click.style(shown, fg=fg, bold=bold or None)
    try:
        click.echo(shown, err=err, nl=nl)
    except OSError:
        if not err:
            raise


def say_progress(text: str) -> None:
    """Show a line in the place of the one before, on terminals only; an empty one clears it."""
    if shows_progress(sys.stderr):
        # One that is longer than a line could not be taken back.
        shown = _fitting(printable(text), sys.stderr)[: max(0, columns() - 1)]
        with suppress(OSError):
            click.echo(f"\r\x1b[K{shown}", err=True, nl=False)


def shows_progress(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal on which the cursor can go back."""
    return stream is not None and stream.isatty() and not _is_dumb()


def columns() -> int:
    """Return how wide the terminal is."""
    return shutil.get_terminal_size().columns


def print_json(value: Any) -> None:
    """Print a value for machines, in ASCII. Raises: OSError as ``say`` does."""
    click.echo(json_text(value))


def print_document(text: str) -> None:
    """Print a file's text as it is, in UTF-8 whatever the terminal takes."""
    click.echo(text.encode("utf-8"), nl=False)


def printable(text: str) -> str:
    """Return a text that cannot steer a terminal: ``\\x1b`` for the escape character."""
    return _STEERING.sub(lambda found: ascii(found.group())[1:-1], text)


def bear_every_terminal() -> None:
    """Let both streams write what their encoding lacks as escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def drop_unwritten() -> None:
    """Forget what standard output could not take: Python would try again at the end, and fail."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _is_dumb() -> bool:
    return os.environ.get("TERM") == "dumb"


def _fitting(text: str, stream: TextIO | None) -> str:
    try:
        text.encode((stream and stream.encoding) or "utf-8")
    except UnicodeEncodeError:
        return text.translate(_PLAIN)
    return text
