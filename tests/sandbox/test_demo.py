"""The story that ``make demo`` tells: it runs, holds, and leaves nothing behind."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from sandbox.cli.root import cli
from sandbox.demo import tell
from sandbox.demo.story import Kind, module

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_the_story_holds_from_the_loss_to_the_proof() -> None:
    lines = list(tell())

    titles = [line.text for line in lines if line.kind is Kind.TITLE]
    assert [title[:1] for title in titles] == ["1", "2", "3", "4", "5", "W"]
    bad = [line.text for line in lines if line.kind is Kind.BAD]
    assert [text for text in bad if "nobody has any points" in text] == bad
    good = [line.text for line in lines if line.kind is Kind.GOOD]
    assert "balances: ada 1,000, grace 500" in good


@pytest.mark.slow
def test_the_command_tells_it_and_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(cli, ["demo"])

    assert result.exit_code == 0, result.output
    assert "✓ heap, stable memory and globals are the bytes they were" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["ledger_v1", "ledger_v2_bad", "ledger_v2_good"])
@pytest.mark.parametrize("persistence", ["classical", "eop"])
def test_every_module_of_the_story_is_shipped(name: str, persistence: str) -> None:
    assert gzip.decompress(module(f"{name}.{persistence}")).startswith(b"\0asm")
