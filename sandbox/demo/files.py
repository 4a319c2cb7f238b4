"""The demo's canisters as files, for who follows a page of the documentation."""

from __future__ import annotations

import gzip
from importlib import resources
from typing import TYPE_CHECKING, Final

from sandbox.demo.story import module
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_VERSIONS: Final = ("ledger_v1", "ledger_v2_bad", "ledger_v2_good")
# What the pages call them that do not compile them.
_ALIASES: Final = {"ledger.wasm.gz": "ledger_v1", "ledger_v2.wasm.gz": "ledger_v2_good"}


def write_canisters(folder: Path) -> list[Path]:
    """Write sources and modules into a folder; return the files.

    Raises: UsageError when one is there already; OSError.
    """
    contents: dict[str, bytes] = {}
    for version in _VERSIONS:
        source = resources.files("sandbox.demo") / "canisters" / f"{version}.mo"
        contents[f"{version}.mo"] = source.read_bytes()
        contents[f"{version}.wasm"] = gzip.decompress(module(f"{version}.classical"))
    contents |= {name: module(f"{version}.classical") for name, version in _ALIASES.items()}
    for name in contents:
        if (folder / name).exists():
            raise UsageError(f"{folder / name} is there already; choose another directory")
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in contents]
