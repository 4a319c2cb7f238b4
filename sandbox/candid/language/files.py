"""Interfaces from ``.did`` files: the one place of the language side that reads the disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.candid.errors import CandidSyntaxError
from sandbox.candid.language.grammar import parse_interface

if TYPE_CHECKING:
    from os import PathLike

    from sandbox.candid.types import Interface


def load_interface(path: str | PathLike[str]) -> Interface:
    """Read a ``.did`` file; imports are found relative to the file that names them.

    Raises: CandidSyntaxError, also for what is not UTF-8; OSError when the file itself cannot
        be read.
    """
    main = Path(path)

    def resolve(name: str) -> str:
        try:
            return _text(main.parent / name)
        except CandidSyntaxError as error:  # reported at the import
            raise LookupError(str(error)) from error

    return parse_interface(_text(main), resolve=resolve)


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode().rpartition("\n")
        line, column = before[0].count("\n") + bool(before[1]) + 1, len(before[2]) + 1
        raise CandidSyntaxError(line, column, "the file is not UTF-8 from here on") from None
