"""A memory that begins as somebody's file: read where it lies, and never written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from memory_arena import COPY_ON_WRITE_WORKS, Arena

if not COPY_ON_WRITE_WORKS:
    pytest.skip("needs copy-on-write memories", allow_module_level=True)

from sandbox.memory import OS_PAGE, WASM_PAGE, Region, RegionRefused, mapped_region

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 3 * WASM_PAGE


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "memory.bin"
    with path.open("wb") as opened:
        opened.truncate(SIZE)
        opened.write(b"first")
        opened.seek(2 * WASM_PAGE)
        opened.write(b"last")
    path.chmod(0o400)  # somebody's only backup
    return path


@pytest.fixture
def region(file: Path) -> Iterator[Region]:
    descriptor = os.open(file, os.O_RDONLY)
    with mapped_region(descriptor, SIZE) as mapped:
        os.close(descriptor)
        yield mapped


def test_it_begins_as_the_file(region: Region, file: Path) -> None:
    assert region.read(0, SIZE) == file.read_bytes()
    assert list(region.extents()) == [(0, OS_PAGE), (2 * WASM_PAGE, OS_PAGE)]


def test_what_is_written_never_reaches_the_file(region: Region, file: Path) -> None:
    before = file.read_bytes()

    mark = region.mark()
    region.write(2, b"RST")
    region.resize(WASM_PAGE)
    region.resize(SIZE)

    assert region.read(0, 5) == b"fiRST"
    assert region.read(2 * WASM_PAGE, 4) == bytes(4)
    assert file.read_bytes() == before
    region.rewind(mark)
    assert region.read(0, SIZE) == before


def test_a_view_shows_it_and_grows_behind_its_end(region: Region, file: Path) -> None:
    before = file.read_bytes()
    with Arena(5 * WASM_PAGE) as arena:
        region.attach(arena.address, SIZE)
        assert arena.read(0, 5) == b"first"
        arena.write(4 * WASM_PAGE, b"behind")
        arena.write(7, b"more")
        region.commit(5 * WASM_PAGE)
        assert arena.read(3 * WASM_PAGE, 5) == bytes(5)
        arena.write(4 * WASM_PAGE, b"given up")
        region.roll_back()
        assert arena.read(4 * WASM_PAGE, 8) == b"behind\0\0"
        region.detach()

    assert region.read(4 * WASM_PAGE, 6) == b"behind"
    assert region.read(0, 11) == b"first\0\0more"
    assert file.read_bytes() == before


def test_forks_share_the_file_and_not_what_they_write(region: Region) -> None:
    with region.fork() as fork:
        fork.write(0, b"FORK")

        assert region.read(0, 5) == b"first"
        assert fork.read(2 * WASM_PAGE, 4) == b"last"
        assert fork.read(0, 5) == b"FORKt"


def test_nothing_of_it_counts_as_memory_held(region: Region) -> None:
    assert region.allocated_bytes == 0


def test_a_copying_memory_cannot_map(file: Path) -> None:
    with file.open("rb") as opened, pytest.raises(RegionRefused):
        mapped_region(opened.fileno(), SIZE, kind="copying")
