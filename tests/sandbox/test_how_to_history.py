"""The examples of docs/how-to-history.md, run one after the other as they stand there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[2]
PAGE = (CHECKOUT / "docs" / "how-to-history.md").read_text("utf-8")
DEMO = CHECKOUT / "sandbox" / "demo" / "canisters"


@pytest.mark.slow
def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(DEMO / "ledger_v1.classical.wasm.gz", tmp_path / "ledger.wasm.gz")
    shutil.copy(DEMO / "ledger_v2_bad.classical.wasm.gz", tmp_path / "ledger_v2.wasm.gz")
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}

    for number, example in enumerate(examples):
        exec(compile(example, f"example {number}", "exec"), names)
        if number == 0:
            assert _messages(str(names["ic"].history)) == _messages(_printed())

    assert len(examples) == PAGE.count("```python") >= 6
    names["ic"].close()


def _printed() -> str:
    (table,) = re.findall(r"```text\n(.+?)```", PAGE, re.DOTALL)
    return str(table)


def _messages(table: str) -> list[list[str]]:
    """Return a table's rows without the instructions, which change with the compiler."""
    return [re.sub(r"[\d,]+ +\d+$|[\d,]+$", "", line).split() for line in table.splitlines()]
