"""Interfaces from ``.did`` files: the one place of the language side that reads the disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.candid.language.grammar import parse_interface

if TYPE_CHECKING:
    from os import PathLike

    from sandbox.candid.types import Interface


def load_interface(path: str | PathLike[str]) -> Interface:
    """Read a ``.did`` file; imports are found relative to the file that names them.

    Raises: CandidSyntaxError; OSError when the file itself cannot be read.
    """
    main = Path(path)

    def resolve(name: str) -> str:
        return (main.parent / name).read_text(encoding="utf-8")

    return parse_interface(main.read_text(encoding="utf-8"), resolve=resolve)
