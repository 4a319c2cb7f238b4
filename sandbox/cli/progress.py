"""Progress bars, on terminals only, on standard error."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final, TextIO

import click

from sandbox.cli.output import columns, shows_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WIDEST: Final = 36
_BESIDE: Final = 38  # the label, the percentage and the time left


@contextmanager
def progress_shown() -> Iterator[Callable[[str, int, int], None]]:
    """Show how far each file of a transfer is, one bar after the other.

    Yields what is to be told (file name, done, in all).
    """
    stream = sys.stderr
    with ExitStack() as bars:
        shown: dict[str, Callable[[int], None]] = {}

        def progress(name: str, done: int, total: int) -> None:
            if stream is None or not shows_progress(stream) or not total:
                return
            if name not in shown:
                bars.close()
                shown[name] = bars.enter_context(_bar(name, total, stream))
            shown[name](done)

        yield progress


@contextmanager
def _bar(name: str, total: int, stream: TextIO) -> Iterator[Callable[[int], None]]:
    width = max(1, min(_WIDEST, columns() - _BESIDE))
    with click.progressbar(length=total, label=f"{name:17}", file=stream, width=width) as bar:
        yield lambda done: bar.update(done - bar.pos)
