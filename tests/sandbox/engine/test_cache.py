"""The compile cache: a hit is exactly what was stored, everything else is a miss."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final

import pytest

from engine_room import WAT
from sandbox import Sandbox
from sandbox.engine import Compiler
from sandbox.engine.cache import CompileCache, default_directory
from sandbox.engine.compiler import wat_to_wasm

if TYPE_CHECKING:
    from pathlib import Path

CODE: Final = bytes(range(256)) * 20
COUNTER: Final = WAT / "counter.wat"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "compiled"


def only_entry(directory: Path) -> Path:
    (entry,) = directory.glob("*.compiled")
    return entry


def test_what_was_stored_is_found_again(directory: Path) -> None:
    CompileCache(directory).store("key", CODE)

    assert CompileCache(directory).load("key") == CODE
    assert CompileCache(directory).load("another key") is None


def test_the_directory_is_made_for_its_owner_alone(directory: Path) -> None:
    CompileCache(directory).store("key", CODE)

    assert directory.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in directory.iterdir()] == ["key.compiled"]


def test_a_module_is_compiled_once_for_all_stack_sizes(directory: Path) -> None:
    """The main thread's differs from start to start, by the environment it was given."""
    wasm = wat_to_wasm(COUNTER.read_text("utf-8"))
    cache = CompileCache(directory)
    found: list[object] = []

    def look() -> None:
        found.append(Compiler(cache).load("key"))

    here = Compiler(cache)
    here.store("key", here.compile(wasm))
    before = threading.stack_size(here.stack_bytes // 2)
    try:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)

    assert found != [None]


def test_without_a_directory_nothing_is_kept() -> None:
    cache = CompileCache(None)

    cache.store("key", CODE)

    assert cache.load("key") is None


@pytest.mark.parametrize("at", [0, 5, 27, 28, 40, 59, 60, 66, 68, 100, -1])
def test_a_damaged_entry_is_a_miss(directory: Path, at: int) -> None:
    CompileCache(directory).store("key", CODE)
    entry = only_entry(directory)
    data = bytearray(entry.read_bytes())
    data[at] ^= 0x40
    entry.write_bytes(data)

    assert CompileCache(directory).load("key") is None


@pytest.mark.parametrize("length", [0, 1, 28, 67, 68, 69, -1])
def test_a_truncated_entry_is_a_miss(directory: Path, length: int) -> None:
    CompileCache(directory).store("key", CODE)
    entry = only_entry(directory)
    entry.write_bytes(entry.read_bytes()[:length])

    assert CompileCache(directory).load("key") is None


def test_a_longer_entry_is_a_miss(directory: Path) -> None:
    CompileCache(directory).store("key", CODE)
    entry = only_entry(directory)
    entry.write_bytes(entry.read_bytes() + b"x")

    assert CompileCache(directory).load("key") is None


def test_another_keys_entry_under_this_name_is_a_miss(directory: Path) -> None:
    CompileCache(directory).store("key", CODE)
    only_entry(directory).rename(directory / "other.compiled")

    assert CompileCache(directory).load("other") is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to chown")
@pytest.mark.parametrize("whose", ["entry", "directory"])
def test_another_users_entry_is_a_miss(directory: Path, whose: str) -> None:
    CompileCache(directory).store("key", CODE)
    os.chown(only_entry(directory) if whose == "entry" else directory, 12345, 12345)

    assert CompileCache(directory).load("key") is None


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    cache = CompileCache(tmp_path / "file" / "compiled")

    cache.store("key", CODE)

    assert cache.load("key") is None


def test_a_read_only_directory_is_no_error(directory: Path) -> None:
    cache = CompileCache(directory)
    cache.store("key", CODE)
    directory.chmod(0o500)
    try:
        cache.store("other", CODE)

        assert cache.load("key") == CODE
    finally:
        directory.chmod(0o700)


def test_the_environment_says_where_the_cache_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CANISTER_SANDBOX_CACHE", str(tmp_path))
    assert default_directory() == tmp_path / "compiled"

    monkeypatch.setenv("CANISTER_SANDBOX_CACHE", "")
    assert default_directory() is None

    monkeypatch.delenv("CANISTER_SANDBOX_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_directory() == tmp_path / "xdg" / "canister-sandbox" / "compiled"


# --- through the compiler


def count_to_one(compiler: Compiler) -> None:
    with Sandbox(compiler=compiler) as ic:
        counter = ic.install(COUNTER)
        assert counter.update_raw("inc")[0] == 1


def test_a_second_process_compiles_nothing(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_to_one(Compiler(CompileCache(directory)))
    stored = sorted(path.name for path in directory.iterdir())
    again = Compiler(CompileCache(directory))
    monkeypatch.setattr(again, "compile", lambda _wasm: pytest.fail("compiled again"))

    count_to_one(again)

    assert sorted(path.name for path in directory.iterdir()) == stored


@pytest.mark.parametrize("damage", [b"", b"garbage", CODE])
def test_a_damaged_entry_is_compiled_anew_and_replaced(directory: Path, damage: bytes) -> None:
    count_to_one(Compiler(CompileCache(directory)))
    entries = {path: path.read_bytes() for path in directory.iterdir()}
    for path in entries:
        path.write_bytes(damage)

    count_to_one(Compiler(CompileCache(directory)))

    assert all(path.read_bytes()[:28] == data[:28] for path, data in entries.items())
    assert set(directory.iterdir()) == set(entries)


def test_bytes_that_are_no_compiled_code_are_a_miss(directory: Path) -> None:
    compiler = Compiler(CompileCache(directory))
    compiled = compiler.compile(wat_to_wasm("(module)"))
    compiler.store("module", compiled)
    name = only_entry(directory).stem
    CompileCache(directory).store(name, CODE)  # well-formed as an entry, but not as code

    assert compiler.load("module") is None


def test_another_stack_size_is_another_entry(directory: Path) -> None:
    compiler = Compiler(CompileCache(directory))
    compiler.store("module", compiler.compile(wat_to_wasm("(module)")))
    other = Compiler(CompileCache(directory))
    other._fingerprint += " and another version"

    assert other.load("module") is None
    assert compiler.load("module") is not None


@pytest.mark.slow
def test_two_processes_share_the_cache(directory: Path) -> None:
    script = (
        "import sys; from sandbox import Sandbox\n"
        "for _ in range(3):\n"
        "    with Sandbox() as ic: print(ic.install(sys.argv[1]).update_raw('inc')[0])\n"
    )
    environment = os.environ | {"CANISTER_SANDBOX_CACHE": str(directory.parent)}
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(COUNTER)],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for _ in range(2)
    ]

    assert [run.communicate(timeout=60)[0] for run in runs] == ["1\n1\n1\n"] * 2
    assert all(path.suffix == ".compiled" for path in directory.iterdir())
    count_to_one(Compiler(CompileCache(directory)))
