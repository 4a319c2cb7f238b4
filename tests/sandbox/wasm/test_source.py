"""A module is loaded from wherever it is, and what is no module is named for what it is."""

from __future__ import annotations

import gzip
import zlib
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
import wasmtime

from sandbox.errors import ModuleRefused, UsageError
from sandbox.wasm.source import MAX_MODULE_BYTES, ModuleSource, load_source

if TYPE_CHECKING:
    from pathlib import Path

WAT = '(module (memory 1) (@custom "x" "y"))'
WASM = bytes(wasmtime.wat2wasm(WAT))
ZIPPED = gzip.compress(WASM, mtime=0)


def assemble(text: str) -> bytes:
    try:
        return bytes(wasmtime.wat2wasm(text))
    except wasmtime.WasmtimeError as error:
        raise ModuleRefused(str(error)) from error


def load(source: str | Path | bytes, *, max_bytes: int = MAX_MODULE_BYTES) -> ModuleSource:
    return load_source(source, wat_to_wasm=assemble, max_bytes=max_bytes)


@pytest.mark.parametrize("content", [WASM, ZIPPED, WAT.encode()], ids=["wasm", "gzip", "text"])
def test_bytes_and_file_of_each_form_give_the_same_module(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "module.bin"
    path.write_bytes(content)

    assert load(content).wasm == WASM
    assert load(path) == load(str(path)) == load(content)
    assert load_source(memoryview(content), wat_to_wasm=assemble) == load(content)


def test_the_hash_is_of_the_bytes_as_given() -> None:
    assert load(WASM).module_hash == sha256(WASM).digest()
    assert load(ZIPPED).module_hash == sha256(ZIPPED).digest()
    assert load(ZIPPED).raw == ZIPPED


def test_text_counts_as_the_module_assembled_from_it() -> None:
    assert load(WAT.encode()).raw == WASM
    assert load(WAT.encode()).module_hash == sha256(WASM).digest()


@pytest.mark.parametrize("start", ["", "\n  ", ";; a comment\n", "(; a comment ;)"])
def test_text_is_recognised_behind_blanks_and_comments(start: str) -> None:
    assert load((start + WAT).encode()).wasm == WASM


def test_a_file_named_wat_is_text_whatever_it_begins_with(tmp_path: Path) -> None:
    path = tmp_path / "broken.wat"
    path.write_text("modul")

    with pytest.raises(ModuleRefused, match="expected"):
        load(path)


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(ModuleRefused, match="not UTF-8 at byte 1"):
        load(b"(\xff")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"\x7fELF\2\1\1" + bytes(20), "it is an ELF executable"),
        (b"\xcf\xfa\xed\xfe" + bytes(20), "it is a Mach-O file"),
        (b"\xca\xfe\xba\xbe" + bytes(20), "it is a universal Mach-O file"),
        (b"MZ" + bytes(20), "it is a Windows executable"),
        (b"\n<!DOCTYPE html><html>", "it is an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1", "it is a Git LFS pointer"),
        (b"\x28\xb5\x2f\xfd" + bytes(20), "it is Zstandard-compressed"),
        (b"service : { get : () -> (nat) query }", "it is a Candid interface"),
        (gzip.compress(ZIPPED, mtime=0), "it is gzipped twice"),
        (gzip.compress(b"\x7fELF" + bytes(20), mtime=0), "it is an ELF executable"),
        (b"some other bytes", "unsupported canister module format"),
    ],
)
def test_what_is_no_module_is_named(content: bytes, reason: str) -> None:
    with pytest.raises(ModuleRefused) as refused:
        load(content)

    assert "Failed to decode wasm module: unsupported canister module format" in str(refused.value)
    assert reason in refused.value.reason


def test_a_component_is_refused_as_such() -> None:
    with pytest.raises(ModuleRefused, match="this is a component"):
        load(bytes(wasmtime.wat2wasm("(component)")))


@pytest.mark.parametrize(
    ("zipped", "reason"),
    [
        (ZIPPED[:12], "invalid Wasm module: gzip stream is too short"),
        (ZIPPED[:-9], "the gzip stream is cut short"),
        (ZIPPED[:-1], "the gzip stream is cut short"),
        (ZIPPED + b"more", "4 bytes follow the gzip stream"),
        (ZIPPED + ZIPPED, f"{len(ZIPPED)} bytes follow the gzip stream"),
        (ZIPPED[:-8] + b"\0\0\0\0" + ZIPPED[-4:], "incorrect data check"),
        (ZIPPED[:10] + b"\xff" * 30, "failed to decode compressed Wasm module"),
    ],
)
def test_damaged_gzip_is_refused_with_a_reason(zipped: bytes, reason: str) -> None:
    with pytest.raises(ModuleRefused) as refused:
        load(zipped)

    assert reason in refused.value.reason


def test_a_gzip_bomb_is_stopped_at_the_limit() -> None:
    within = WASM + b"\0\xa0\x8d\x06" + bytes(100_000)
    bomb = gzip.compress(bytes(50_000_000), 9)
    assert load(gzip.compress(within, mtime=0), max_bytes=1_000_000).wasm == within

    with pytest.raises(ModuleRefused) as refused:
        load(bomb, max_bytes=1_000_000)

    assert refused.value.reason == (
        "Wasm module size of 50000000 exceeds the maximum allowed size of 1000000."
    )


def test_a_plain_module_over_the_limit_is_refused() -> None:
    load(WASM, max_bytes=len(WASM))

    with pytest.raises(ModuleRefused, match="exceeds the maximum allowed size"):
        load(WASM + b"\0", max_bytes=len(WASM))


def test_a_bomb_whose_footer_lies_is_stopped_all_the_same() -> None:
    deflate = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    bomb = deflate.compress(bytes(10_000_000)) + deflate.flush()

    with pytest.raises(ModuleRefused, match="exceeds the maximum allowed size of 1000000"):
        load(bomb[:-4] + b"\1\0\0\0", max_bytes=1_000_000)


@pytest.mark.parametrize("path", ["missing.wasm", ".", "a\0b", "x" * 5_000])
def test_a_path_that_cannot_be_read_is_the_callers_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match="cannot read the module"):
        load(path)


def test_text_given_as_a_path_is_explained() -> None:
    with pytest.raises(UsageError, match=r"pass text\.encode\(\)"):
        load("(module)")
