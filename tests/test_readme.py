"""README.md holds: what it shows is done, on the ledger that the demo carries."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

import pytest

from command_line import CommandLine
from sandbox import Sandbox
from suite_room import run_suite

pytest_plugins = ["pytester"]

CHECKOUT: Final = Path(__file__).parents[1]
README: Final = (CHECKOUT / "README.md").read_text("utf-8")
BLOCKS: Final = re.findall(r"```python\n(.+?)```", README, re.DOTALL)
DEMO: Final = CHECKOUT / "sandbox" / "demo" / "canisters"


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(DEMO / "ledger_v1.classical.wasm.gz", "ledger.wasm.gz")
    shutil.copy(DEMO / "ledger_v2_good.classical.wasm.gz", "ledger_v2.wasm.gz")


def test_what_it_looks_like() -> None:
    exec(compile(BLOCKS[0], "README.md", "exec"), {})


def test_one_test(pytester: pytest.Pytester) -> None:
    shutil.copy(DEMO / "ledger_v1.eop.wasm.gz", pytester.path / "ledger.wasm.gz")

    run_suite(pytester, BLOCKS[1]).assert_outcomes(passed=2)


@pytest.mark.slow
def test_one_rehearsal(tmp_path: Path) -> None:
    with Sandbox() as ic:
        ledger = ic.install("ledger.wasm.gz")
        ledger.award("ada", 1200, "")
        ic.snapshots.download(ledger.take_snapshot(), "backup")
    (words,) = re.findall(r"^    canister-sandbox (rehearse .+)$", README, re.MULTILINE)
    places = {"DIR": "backup", "new.wasm": "ledger_v2.wasm.gz", "'()'": "()"}

    answer = CommandLine(tmp_path / "world")(*(places.get(word, word) for word in words.split()))

    assert "UPGRADE WOULD SUCCEED" in answer.stdout
    assert "<html" in Path("report.html").read_text("utf-8")


def test_every_example_is_run_here() -> None:
    assert len(BLOCKS) == README.count("```python") == 2
