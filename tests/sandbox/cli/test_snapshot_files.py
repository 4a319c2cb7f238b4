"""``snapshot download`` and ``upload``: there and back, resumed, refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from command_line import CommandLine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def directory(counter: CommandLine, tmp_path: Path) -> Path:
    """A counter at 6, and a directory with its snapshot `before` at 5."""
    counter("snapshot", "take", "counter", "--label", "before")
    counter("call", "counter", "inc")
    path = tmp_path / "down"
    counter("snapshot", "download", "counter", "before", "--dir", str(path))
    return path


@pytest.mark.parametrize("dialect", ["dfx", "icp-cli"])
def test_what_was_downloaded_can_be_uploaded_and_loaded(
    counter: CommandLine, tmp_path: Path, dialect: str
) -> None:
    checksum = counter.json("status", "counter")["checksum"]
    counter("snapshot", "take", "counter", "--label", "before")
    path = str(tmp_path / "down")

    counter("snapshot", "download", "counter", "before", "--dir", path, "--dialect", dialect)
    counter("call", "counter", "inc")
    made = counter.json(
        "snapshot", "upload", "counter", "--dir", path, "--label", "back", "--dialect", dialect
    )
    counter("snapshot", "load", "counter", "back")

    assert made["label"] == "back"
    assert counter.json("call", "counter", "get") == 5
    assert counter.json("snapshot", "show", "counter", "before")["checksum"] == checksum
    assert counter.json("snapshot", "show", "counter", "back")["source"] == "metadata_upload"


def test_a_directory_becomes_a_canister(directory: Path, tmp_path: Path) -> None:
    other = CommandLine(tmp_path / "other world")
    wanted = "ryjl3-tyaaa-aaaaa-aaaba-cai"

    said = other("snapshot", "import", "copy", "--dir", str(directory), "--id", wanted).stdout
    made = other.json("snapshot", "import", "again", "--dir", str(directory))

    assert said.startswith(f"copy is {wanted}, as on 2025-01-01 00:00:00 UTC")
    assert made["snapshot"]["label"] == "imported"
    assert other.json("call", "copy", "inc") == 6
    assert other.json("call", "again", "get") == 5


def test_a_snapshot_moves_to_another_world(
    directory: Path, counter_wat: str, tmp_path: Path
) -> None:
    other = CommandLine(tmp_path / "other world")
    other("install", "copy", counter_wat, "--argument", "(0)")

    other("snapshot", "upload", "copy", "--dir", str(directory), "--label", "moved")
    other("snapshot", "load", "copy", "moved")

    assert other.json("call", "copy", "get") == 5


def test_a_download_says_where_it_is(counter: CommandLine, tmp_path: Path) -> None:
    counter("snapshot", "take", "counter")

    told = counter.json("snapshot", "download", "counter", "0", "--dir", str(tmp_path / "down"))

    assert told["directory"] == str(tmp_path / "down")
    assert {path.name for path in (tmp_path / "down").iterdir()} >= {
        "metadata.json", "wasm_module.bin", "wasm_memory.bin",
    }  # fmt: skip


def test_no_bar_is_drawn_where_no_terminal_is(counter: CommandLine, tmp_path: Path) -> None:
    counter("snapshot", "take", "counter")

    result = counter("snapshot", "download", "counter", "0", "--dir", str(tmp_path / "down"))

    assert result.stderr == ""


def test_a_directory_in_use_is_refused(counter: CommandLine, directory: Path) -> None:
    result = counter("snapshot", "download", "counter", "before", "--dir", str(directory), code=2)

    assert "--resume" in result.stderr


def test_an_interrupted_download_goes_on(counter: CommandLine, directory: Path) -> None:
    heap = (directory / "wasm_memory.bin").read_bytes()
    (directory / "wasm_memory.bin").write_bytes(heap[:1000])

    counter("snapshot", "download", "counter", "before", "--dir", str(directory), "--resume")

    assert (directory / "wasm_memory.bin").read_bytes() == heap


def test_a_malformed_directory_is_refused_and_nothing_changes(
    counter: CommandLine, directory: Path
) -> None:
    (directory / "wasm_memory.bin").write_bytes(b"short")
    before = counter.files()

    result = counter("snapshot", "upload", "counter", "--dir", str(directory), code=2)

    assert "wasm_memory.bin" in result.stderr
    assert counter.files() == before


def test_an_upload_by_a_stranger_is_refused(counter: CommandLine, directory: Path) -> None:
    words = ("snapshot", "upload", "counter", "--dir", str(directory))

    assert "IC0512" in counter(*words, "--as", "eve", code=1).stderr
    assert len(counter.json("snapshot", "list", "counter")) == 1


def test_an_upload_takes_anothers_place(counter: CommandLine, directory: Path) -> None:
    counter(
        "snapshot", "upload", "counter", "--dir", str(directory),
        "--label", "new", "--replace", "before",
    )  # fmt: skip

    labels = [row["label"] for row in counter.json("snapshot", "list", "counter")]
    assert labels == ["new"]


def test_an_upload_goes_on_in_the_next_command(counter: CommandLine, directory: Path) -> None:
    """As after a kill between two commands: the snapshot is begun, its bytes are not all there."""
    made = counter.json("snapshot", "upload", "counter", "--dir", str(directory))["id"]
    progress = directory / f"{made}.json"
    done = json.loads(progress.read_text())
    progress.write_text(json.dumps(done | {"wasm_memory_progress": 0}))

    counter("snapshot", "upload", "counter", "--dir", str(directory), "--resume", made)

    counter("snapshot", "load", "counter", made)
    assert counter.json("call", "counter", "get") == 5
