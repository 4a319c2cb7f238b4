"""The demo's modules, which are committed: ``make demo`` needs no compiler.

``python tests/canisters/build.py 'demo/*' --publish`` renews them from their sources; a test
holds them against a fresh build.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from canisters.recipes import DEMO_SOURCES, Recipe

if TYPE_CHECKING:
    from pathlib import Path


def is_demo(recipe: Recipe) -> bool:
    """Say whether a recipe's module is committed."""
    return recipe.name.startswith("demo/")


def committed(recipe: Recipe) -> Path:
    """Return where it is committed: ``demo/eop/ledger_v1`` is ``ledger_v1.eop.wasm.gz``."""
    _demo, persistence, stem = recipe.name.split("/")
    return DEMO_SOURCES / f"{stem}.{persistence}.wasm.gz"


def publish(recipe: Recipe, wasm: Path) -> None:
    """Renew the committed module, unless it has the same content already."""
    target, module = committed(recipe), wasm.read_bytes()
    # Another zlib may pack the same module differently: no reason for a commit.
    if not (target.exists() and gzip.decompress(target.read_bytes()) == module):
        target.write_bytes(gzip.compress(module, 9, mtime=0))
