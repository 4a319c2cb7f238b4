"""The pages of docs/ hold: what they write down is done, from an empty directory."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from sandbox.demo.story import module
from told_story import Page

DOCS = Path(__file__).parents[3] / "docs"
MOTOKO = "moc $(mops sources) {0}.mo -o {0}.wasm --public-metadata candid:service"


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _put(path: str, data: bytes) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data)


@pytest.mark.slow
def test_the_motoko_tutorial_holds() -> None:
    names = ("ledger_v1", "ledger_v2_bad", "ledger_v2_good")
    builds = {
        MOTOKO.format(name): lambda name=name: _put(
            f"{name}.wasm", gzip.decompress(module(f"{name}.classical"))
        )
        for name in names
    }

    assert Page(DOCS / "tutorial-motoko.md").tell(builds) > 15
