"""The story that ``make demo`` tells: it runs, holds, and leaves nothing behind."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from sandbox.cli.root import cli
from sandbox.demo import tell
from sandbox.demo.story import Kind, module


@pytest.mark.slow
def test_the_story_holds_from_the_rehearsal_to_the_proof(tmp_path: Path) -> None:
    lines = list(tell(tmp_path))

    titles = [line.text for line in lines if line.kind is Kind.TITLE]
    assert [title[:1] for title in titles] == ["1", "2", "3", "4", "5", "6", "W"]
    verdict, loss = (line.text for line in lines if line.kind is Kind.BAD)
    assert verdict.startswith("UPGRADE WOULD SUCCEED, AND DO HARM - 3 failures (S04, L01, A03)")
    assert "nobody has any points" in loss
    good = [line.text for line in lines if line.kind is Kind.GOOD]
    assert "balances: ada 1,000, grace 500" in good
    assert "UPGRADE WOULD SUCCEED" in good


def test_its_canisters_are_written_as_files_and_over_nothing(tmp_path: Path) -> None:
    words = ["demo", "--files", str(tmp_path / "new" / "ledger")]

    written = CliRunner().invoke(cli, words)
    again = CliRunner().invoke(cli, words)

    assert (written.exit_code, again.exit_code) == (0, 2)
    assert "ledger_v1.mo is there already" in again.output
    folder = tmp_path / "new" / "ledger"
    assert written.output.split() == [
        str(folder / name)
        for name in (
            "ledger_v1.mo", "ledger_v1.wasm", "ledger_v2_bad.mo", "ledger_v2_bad.wasm",
            "ledger_v2_good.mo", "ledger_v2_good.wasm", "ledger.wasm.gz", "ledger_v2.wasm.gz",
        )
    ]  # fmt: skip
    assert "persistent actor" in (folder / "ledger_v1.mo").read_text()
    assert (
        gzip.decompress((folder / "ledger.wasm.gz").read_bytes())
        == (folder / "ledger_v1.wasm").read_bytes()
    )


@pytest.mark.slow
def test_the_command_tells_it_and_keeps_nothing_but_the_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(cli, ["demo", "--reports", "reports"])

    assert result.exit_code == 0, result.output
    assert "✓ heap, stable memory and globals are the bytes they were" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["reports"]
    for name in ("ledger_v2_bad", "ledger_v2_good"):
        file = Path("reports") / f"{name}.html"
        assert str(file) in result.output
        assert f"<h1>ledger_v1 to {name}</h1>" in file.read_text("utf-8")


@pytest.mark.slow
def test_without_a_directory_the_reports_are_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    result = CliRunner().invoke(cli, ["demo"])

    assert result.exit_code == 0, result.output
    reports = sorted(tmp_path.glob("canister-sandbox-demo-*/*.html"))
    assert [path.stem for path in reports] == ["ledger_v2_bad", "ledger_v2_good"]
    assert all(str(path) in result.output for path in reports)


@pytest.mark.parametrize("name", ["ledger_v1", "ledger_v2_bad", "ledger_v2_good"])
@pytest.mark.parametrize("persistence", ["classical", "eop"])
def test_every_module_of_the_story_is_shipped(name: str, persistence: str) -> None:
    assert gzip.decompress(module(f"{name}.{persistence}")).startswith(b"\0asm")
