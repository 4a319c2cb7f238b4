"""When the operating system refuses: the content is old or new, or nobody can read it.

Refusals are real where the system can be made to refuse (a file size limit, locked memory,
no descriptors left); a full machine is played by replacing one system call.
"""

from __future__ import annotations

import ctypes
import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from memory_arena import COPY_ON_WRITE_WORKS, Arena, attached
from sandbox.memory import OS_PAGE, WASM_PAGE, RegionPoisoned, RegionRefused, new_region
from sandbox.memory.copying import CopyingRegion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(not COPY_ON_WRITE_WORKS, reason="needs copy-on-write regions")
resource = pytest.importorskip("resource")


@contextmanager
def limited(what: int, limit: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(what)
    resource.setrlimit(what, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(what, (soft, hard))


def fail_from(
    call: Callable[..., object], number: int, failure: BaseException
) -> Callable[..., object]:
    """Return the system call, failing from its ``number``-th use on."""
    uses = 0

    def sometimes(*arguments: object) -> object:
        nonlocal uses
        uses += 1
        if uses >= number:
            raise failure
        return call(*arguments)

    return sometimes


NO_SPACE = OSError(errno.ENOSPC, "No space left on device")


def test_a_full_machine_is_noticed_before_anything_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with attached("copy-on-write", WASM_PAGE) as (region, arena):
        mark = region.mark()
        arena.write(0, b"new")
        arena.write(5 * OS_PAGE, b"new")
        with monkeypatch.context() as full:
            full.setattr(os, "posix_fallocate", fail_from(os.posix_fallocate, 2, NO_SPACE))

            with pytest.raises(RegionRefused, match="No space"):
                region.commit(WASM_PAGE)

        assert region.read(0, WASM_PAGE) == region.read(0, WASM_PAGE, at=mark) == bytes(WASM_PAGE)
        assert arena.read(5 * OS_PAGE, 3) == b"new"
        assert region.commit(WASM_PAGE) == 2
        assert region.read(5 * OS_PAGE, 3) == b"new"


def test_a_rewind_on_a_full_machine_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with attached("copy-on-write", WASM_PAGE) as (region, arena):
        region.write(0, b"then")
        mark = region.mark()
        region.write(0, b"now!")
        with monkeypatch.context() as full:
            full.setattr(os, "posix_fallocate", fail_from(os.posix_fallocate, 1, NO_SPACE))

            with pytest.raises(RegionRefused):
                region.rewind(mark)

        assert region.read(0, 4) == arena.read(0, 4) == b"now!"
        region.rewind(mark)
        assert region.read(0, 4) == arena.read(0, 4) == b"then"


def test_growth_past_the_file_size_limit_changes_nothing() -> None:
    with attached("copy-on-write", WASM_PAGE, reserve=2 * WASM_PAGE) as (region, arena):
        arena.write(0, b"new")
        arena.write(WASM_PAGE, b"grown")
        with (
            limited(resource.RLIMIT_FSIZE, WASM_PAGE),
            pytest.raises(RegionRefused, match="too large"),
        ):
            region.commit(2 * WASM_PAGE)

        assert region.size_bytes == WASM_PAGE
        assert region.read(0, 3) == bytes(3)
        region.roll_back(grown_to=2 * WASM_PAGE)
        assert arena.read(0, 2 * WASM_PAGE) == bytes(2 * WASM_PAGE)


def test_a_commit_that_fails_half_way_poisons_the_region() -> None:
    with attached("copy-on-write", WASM_PAGE) as (region, arena):
        arena.write(0, b"stored")
        arena.write(9 * OS_PAGE, b"not stored")
        with limited(resource.RLIMIT_FSIZE, 5 * OS_PAGE), pytest.raises(RegionPoisoned):
            region.commit(WASM_PAGE)

        for use in (lambda: region.read(0, 1), region.roll_back, region.mark, region.fork):
            with pytest.raises(RegionPoisoned, match="File too large"):
                use()


def test_what_the_kernel_writes_and_reads_in_parts_is_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As it does with more than 2 GiB.
    write, read = os.pwrite, os.pread
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: write(file, data[:5_000], at))
    monkeypatch.setattr(os, "pread", lambda file, length, at: read(file, min(length, 7_000), at))
    with attached("copy-on-write", WASM_PAGE) as (region, arena):
        content = bytes(range(1, 256)) * 200
        arena.write(100, content)

        region.commit(WASM_PAGE)

        assert region.read(100, len(content)) == arena.read(100, len(content)) == content


def test_an_interrupt_in_the_middle_of_storing_poisons_the_region(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with attached("copy-on-write", WASM_PAGE) as (region, arena):
        arena.write(0, b"stored")
        arena.write(9 * OS_PAGE, b"not stored")
        monkeypatch.setattr(os, "pwrite", fail_from(os.pwrite, 2, KeyboardInterrupt()))

        with pytest.raises(KeyboardInterrupt):
            region.commit(WASM_PAGE)

        with pytest.raises(RegionPoisoned, match="KeyboardInterrupt"):
            region.read(0, 1)


def test_an_interrupt_before_storing_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with attached("copy-on-write", WASM_PAGE) as (region, arena):
        arena.write(0, b"new")
        with monkeypatch.context() as interrupted:
            failing = fail_from(os.posix_fallocate, 1, KeyboardInterrupt())
            interrupted.setattr(os, "posix_fallocate", failing)
            with pytest.raises(KeyboardInterrupt):
                region.commit(WASM_PAGE)

        region.roll_back()

        assert region.read(0, 3) == arena.read(0, 3) == bytes(3)


def test_a_view_that_cannot_be_rolled_back_is_dropped_and_the_content_kept() -> None:
    libc = ctypes.CDLL(None)
    libc.mlock.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    size_bytes = 12 * WASM_PAGE
    with attached("copy-on-write", size_bytes) as (region, arena):
        arena.write(0, b"kept")
        region.commit(size_bytes)
        for far_apart in (0, 4 * WASM_PAGE, 8 * WASM_PAGE):
            arena.write(far_apart, b"lost")
            if libc.mlock(arena.address + far_apart, OS_PAGE):
                pytest.skip("memory cannot be locked here")

        with pytest.raises(RegionRefused, match="discard"):
            region.roll_back()

        assert not region.is_attached
        with Arena(size_bytes) as fresh:
            region.attach(fresh.address, size_bytes)
            assert fresh.read(0, 4) == region.read(0, 4) == b"kept"
            region.detach()


def test_a_missing_mapping_is_refused_and_the_content_kept() -> None:
    with new_region(WASM_PAGE, kind="copy-on-write") as region:
        region.write(0, b"kept")

        with pytest.raises(RegionRefused, match="map"):
            region.attach(1 << 63, WASM_PAGE)

        assert not region.is_attached
        assert region.read(0, 4) == b"kept"


def test_without_a_free_descriptor_auto_copies_and_copy_on_write_is_refused() -> None:
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    with limited(resource.RLIMIT_NOFILE, free):
        with pytest.raises(RegionRefused, match="Too many open files"):
            new_region(WASM_PAGE, kind="copy-on-write")
        with new_region(WASM_PAGE) as region:
            assert isinstance(region, CopyingRegion)
