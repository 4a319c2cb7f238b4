"""Progress bars, on terminals only, on standard error."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def progress_shown() -> Iterator[Callable[[str, int, int], None]]:
    """Show how far each file of a transfer is, one bar after the other.

    Yields what is to be told (file name, done, in all).
    """
    stream = sys.stderr
    with ExitStack() as bars:
        shown: dict[str, Callable[[int], None]] = {}

        def progress(name: str, done: int, total: int) -> None:
            if stream is None or not stream.isatty() or not total:
                return
            if name not in shown:
                bars.close()
                shown[name] = bars.enter_context(_bar(name, total, stream))
            shown[name](done)

        yield progress


@contextmanager
def _bar(name: str, total: int, stream: TextIO) -> Iterator[Callable[[int], None]]:
    with click.progressbar(length=total, label=f"{name:17}", file=stream) as bar:
        yield lambda done: bar.update(done - bar.pos)
