"""The pages of docs/ hold: what they write down is done, from an empty directory."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from canisters.build import CACHE
from canisters.rust_toolchain import cargo
from canisters.toolchains import ToolchainMissing, run_tool
from sandbox.demo.story import module
from told_story import Page

DOCS = Path(__file__).parents[3] / "docs"
MOTOKO = (
    "moc $(mops sources) --legacy-persistence {0}.mo -o {0}.wasm --public-metadata candid:service"
)


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


@pytest.mark.slow
def test_the_rust_tutorial_holds() -> None:
    try:
        rust = cargo(CACHE.toolchains)
    except ToolchainMissing as missing:
        pytest.skip(str(missing))

    def run_cargo(words: list[str]) -> str:
        run_tool((*rust.command, *words), folder=Path.cwd(), environment=rust.environment)
        return ""  # what it prints is for the terminal, not its output

    assert Page(DOCS / "tutorial-rust.md").tell(programs={"cargo": run_cargo}) > 20


@pytest.mark.slow
def test_the_how_to_for_pocket_ic_holds() -> None:
    _put("ledger.wasm.gz", module("ledger_v1.classical"))

    assert Page(DOCS / "how-to-move-from-pocket-ic.md").tell() == 2


@pytest.mark.slow
def test_the_how_to_for_profiles_holds() -> None:
    _put("ledger.wasm.gz", module("ledger_v1.classical"))
    _put("ledger_v2.wasm.gz", module("ledger_v2_good.classical"))

    assert Page(DOCS / "how-to-profile.md").tell({}) == 6
