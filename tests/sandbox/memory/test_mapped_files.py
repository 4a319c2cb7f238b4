"""A memory that begins as somebody's file: read where it lies, and never written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

import pytest

from memory_arena import COPY_ON_WRITE_WORKS, Arena

if not COPY_ON_WRITE_WORKS:
    pytest.skip("needs copy-on-write memories", allow_module_level=True)

from sandbox.memory import (
    OS_PAGE,
    WASM_PAGE,
    FilePart,
    OpenFile,
    Region,
    RegionRefused,
    layered_image,
    mapped_files,
    mapped_region,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    part = FilePart(0, SIZE, OpenFile(descriptor), 0)
    os.close(descriptor)
    with mapped_region([part], SIZE) as mapped:
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


def test_a_memory_that_became_shorter_than_its_file_commits(region: Region) -> None:
    region.resize(WASM_PAGE)
    with Arena(WASM_PAGE) as arena:
        region.attach(arena.address, WASM_PAGE)
        arena.write(0, b"FIRST")

        region.commit(WASM_PAGE)

        assert arena.read(0, 6) == region.read(0, 6) == b"FIRST\0"
        region.detach()


def test_forks_share_the_file_and_not_what_they_write(region: Region) -> None:
    with region.fork() as fork:
        fork.write(0, b"FORK")

        assert region.read(0, 5) == b"first"
        assert fork.read(2 * WASM_PAGE, 4) == b"last"
        assert fork.read(0, 5) == b"FORKt"


def test_nothing_of_it_counts_as_memory_held(region: Region) -> None:
    assert region.allocated_bytes == 0


def test_reading_between_parts_counts_until_it_is_given_back(file: Path) -> None:
    """Else a canister that reads holes takes the machine's memory, and nobody notices."""
    with file.open("rb") as opened:
        part = FilePart(2 * WASM_PAGE, WASM_PAGE, OpenFile(opened.fileno()), 2 * WASM_PAGE)
    with mapped_region([part], SIZE) as region, Arena(SIZE) as arena:
        region.attach(arena.address, SIZE)
        arena.read(0, SIZE)
        assert region.image_bytes == 2 * WASM_PAGE

        region.give_back_zeros()

        assert region.image_bytes == 0
        assert arena.read(2 * WASM_PAGE - 1, 5) == b"\0last"
        region.detach()


def test_giving_back_zeros_of_a_file_tears_nothing(tmp_path: Path) -> None:
    """A mapping for every page of zeros would be too many for the process."""
    file = tmp_path / "pages"
    file.write_bytes((b"x" * OS_PAGE + bytes(OS_PAGE)) * (SIZE // OS_PAGE // 2))
    with file.open("rb") as opened:
        part = FilePart(0, SIZE, OpenFile(opened.fileno()), 0)
    with mapped_region([part], SIZE) as region, Arena(SIZE) as arena:
        region.attach(arena.address, SIZE)
        region.write(OS_PAGE, bytes(OS_PAGE))
        arena.write(0, b"y")
        region.commit(SIZE)
        before = region.allocated_bytes

        region.give_back_zeros()

        image = region._image
        assert isinstance(image, layered_image.LayeredImage)
        assert image.mappings == 3 + 2
        assert region.allocated_bytes < before
        assert region.read(0, SIZE) == arena.read(0, SIZE) == b"y" + file.read_bytes()[1:]
        region.detach()


def test_what_cannot_be_mapped_is_refused_at_once() -> None:
    part = FilePart(0, OS_PAGE, OpenFile.at(Path("/dev/null")), 0)

    with pytest.raises(RegionRefused, match="does not map"):
        mapped_region([part], SIZE)


def test_a_shortened_file_is_an_error_and_no_zeros(region: Region, file: Path) -> None:
    file.chmod(0o600)
    os.truncate(file, 2 * WASM_PAGE)

    assert region.read(0, 5) == b"first"
    with pytest.raises(RegionRefused, match="shortened"):
        region.read(0, SIZE)
    with pytest.raises(RegionRefused, match="shortened"):
        list(region.extents())


def test_a_file_system_may_have_blocks_smaller_than_pages(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = [(1_024, 1_024), (3_072, 2_048), (9_216, 1_024)]
    monkeypatch.setattr(mapped_files, "data_runs", lambda *_: iter(blocks))
    with file.open("rb") as opened:
        part = FilePart(0, SIZE, OpenFile(opened.fileno()), 0)

    with mapped_region([part], SIZE) as region:
        assert list(region.extents()) == [(0, 3 * OS_PAGE)]
        region.resize(0)  # what is dropped is mapped anew, by pages


def test_a_copying_memory_cannot_map(file: Path) -> None:
    with file.open("rb") as opened, pytest.raises(RegionRefused):
        mapped_region([FilePart(0, SIZE, OpenFile(opened.fileno()), 0)], SIZE, kind="copying")


def test_parts_of_files_stand_where_they_are_put(tmp_path: Path) -> None:
    file = tmp_path / "pack"
    file.write_bytes(b"".join(bytes([number]) * OS_PAGE for number in range(1, 9)))
    with file.open("rb") as opened:
        source = OpenFile(opened.fileno())
    parts = [
        FilePart(OS_PAGE, 2 * OS_PAGE, source, 5 * OS_PAGE),
        FilePart(3 * OS_PAGE, OS_PAGE, source, 0),
        FilePart(WASM_PAGE, OS_PAGE, source, 3 * OS_PAGE),
    ]
    expected = bytearray(SIZE)
    for start, number in ((1, 6), (2, 7), (3, 1), (WASM_PAGE // OS_PAGE, 4)):
        expected[start * OS_PAGE : (start + 1) * OS_PAGE] = bytes([number]) * OS_PAGE

    with mapped_region(parts, SIZE) as region, Arena(SIZE) as arena:
        del source, parts
        file.unlink()
        region.attach(arena.address, SIZE)

        assert arena.read(0, SIZE) == region.read(0, SIZE) == expected
        assert region.read(OS_PAGE + 5, 2 * OS_PAGE) == expected[OS_PAGE + 5 : 3 * OS_PAGE + 5]
        runs = [(OS_PAGE, 3 * OS_PAGE), (WASM_PAGE, OS_PAGE)]
        assert list(region.extents()) == runs
        region.detach()


def test_many_mapped_memories_are_refused_and_few_are_not(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process has 65,530 mappings; what is refused is read instead."""
    monkeypatch.setattr(mapped_files, "_open", WeakSet())  # without those of other tests
    with file.open("rb") as opened:
        part = FilePart(0, SIZE, OpenFile(opened.fileno()), 0)

    kept = [mapped_region([part], SIZE) for _ in range(mapped_files.MAX_OPEN)]
    with pytest.raises(RegionRefused, match="mapped from files already"):
        mapped_region([part], SIZE)

    kept.pop().close()
    mapped_region([part], SIZE).close()


def test_of_many_files_no_more_are_mapped(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process has 1,024 descriptors; the memory is read then."""
    monkeypatch.setattr(mapped_files, "_open", WeakSet())
    monkeypatch.setattr(mapped_files, "_files", WeakSet())
    monkeypatch.setattr(mapped_files, "MAX_FILES", 3)

    def parts(count: int) -> list[FilePart]:
        files = [OpenFile.at(file) for _ in range(count)]
        return [FilePart(n * OS_PAGE, OS_PAGE, it, 0) for n, it in enumerate(files)]

    two = parts(2)
    with mapped_region(two, SIZE), mapped_region(two, SIZE):
        with pytest.raises(RegionRefused, match="3 files"):
            mapped_region(parts(2), SIZE)
        mapped_region(parts(1), SIZE).close()


def test_forks_of_a_torn_memory_are_not_all_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layered_image, "_torn", WeakSet())
    file = tmp_path / "memory.bin"
    file.write_bytes(os.urandom(16 * WASM_PAGE))
    part = FilePart(0, 16 * WASM_PAGE, OpenFile.at(file), 0)
    with mapped_region([part], 16 * WASM_PAGE) as region:
        for page in range(0, 256, 2):
            region.write(page * OS_PAGE, b"own")

        forks = [region.fork() for _ in range(8)]

        images = [it._image for it in (region, *forks)]
        held = [it.mappings for it in images if isinstance(it, layered_image.LayeredImage)]
        assert held[:4] == [3 + 2 * 128] * 4
        assert all(it < 2 * 96 for it in held[4:])
        contents = {it.read(0, it.size_bytes) for it in (region, *forks)}
        assert len(contents) == 1
        for fork in forks:
            fork.close()
        assert len(layered_image._torn) == 1


def test_a_memory_written_in_many_places_is_joined_when_that_pays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layered_image, "_WORTH_JOINING", 3_000)
    pages = 1_024
    file = tmp_path / "memory.bin"
    file.write_bytes(os.urandom(pages * OS_PAGE))
    expected = bytearray(file.read_bytes())
    with file.open("rb") as opened:
        part = FilePart(0, pages * OS_PAGE, OpenFile(opened.fileno()), 0)

    with mapped_region([part], pages * OS_PAGE) as region, Arena(pages * OS_PAGE) as arena:
        for page in range(0, pages, 4):
            region.write(page * OS_PAGE, b"own")
            expected[page * OS_PAGE : page * OS_PAGE + 3] = b"own"
        region.attach(arena.address, region.size_bytes)
        held = [region.allocated_bytes]
        for number in range(40):
            arena.write(number, b"x")
            expected[number : number + 1] = b"x"
            region.commit(region.size_bytes)
            held.append(region.allocated_bytes)
            assert arena.read(0, region.size_bytes) == expected
        region.detach()

        assert held[0] == held[5] == pages // 4 * OS_PAGE
        assert held[-1] > held[0]
        assert region.read(0, region.size_bytes) == expected
