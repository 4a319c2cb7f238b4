"""From whatever the user points at to the bytes of a module.

Takes a path or bytes, in any of three forms told apart by their contents: Wasm, gzipped
Wasm (the IC takes both), and WebAssembly text, which an assembler given by the caller turns
into Wasm. What is none of these is named for what it is, when it can be recognised.

A path that cannot be read is the caller's mistake (``UsageError``), contents that are no
module are the module's (``ModuleRefused``).
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sandbox.errors import ModuleRefused, UsageError
from sandbox.wasm.parse import check_header
from sandbox.wasm.reader import malformed

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

# The IC's limit on a module, compressed or not (replica, ``WASM_MAX_SIZE``).
MAX_MODULE_BYTES: Final = 100 * 1024 * 1024

_GZIP_MAGIC = b"\x1f\x8b\x08"
_WASM_MAGIC = b"\0asm"
# Text begins with a parenthesis or a comment; so, alas, does Zstandard's magic number.
_TEXT_START = re.compile(rb"\s*(?:\((?!\xb5\x2f\xfd)|;;)")
_GZIP_MIN_BYTES = 16  # header and footer, as the replica counts them

# What people hand in by mistake, by first bytes.
_OTHER_FORMATS: tuple[tuple[bytes, str], ...] = (
    (b"\x7fELF", "an ELF executable or object file (built for the machine, not for wasm32)"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O file (built for macOS, not for wasm32)"),
    (b"\xce\xfa\xed\xfe", "a Mach-O file (built for macOS, not for wasm32)"),
    (b"\xca\xfe\xba\xbe", "a universal Mach-O file (built for macOS, not for wasm32)"),
    (b"MZ", "a Windows executable"),
    (b"!<arch>\n", "a static library"),
    (b"BC\xc0\xde", "LLVM bitcode"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x28\xb5\x2f\xfd", "Zstandard-compressed (the IC takes gzip only)"),
    (b"\xfd7zXZ", "xz-compressed (the IC takes gzip only)"),
    (b"BZh", "bzip2-compressed (the IC takes gzip only)"),
    (b"DIDL", "a Candid message"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file with `git lfs pull`"),
    (b"<!doctype html", "an HTML page (a failed download?)"),
    (b"<html", "an HTML page (a failed download?)"),
    (b"<?xml", "an XML document (a failed download?)"),
    (b"service", "a Candid interface, not the module"),
)


@dataclass(frozen=True, slots=True)
class ModuleSource:
    """A module as it came and as it runs.

    raw: what the IC would store: the bytes as given, or assembled from text.
    wasm: decompressed.
    module_hash: SHA-256 of ``raw``, as ``canister_status`` reports it.
    """

    raw: bytes
    wasm: bytes
    module_hash: bytes


def load_source(
    source: str | os.PathLike[str] | bytes | bytearray | memoryview,
    *,
    wat_to_wasm: Callable[[str], bytes],
    max_bytes: int = MAX_MODULE_BYTES,
) -> ModuleSource:
    """Load a module from a path or from bytes.

    source: a file named ``.wat``, or anything in one of the three forms; a ``str`` is a path.
    wat_to_wasm: the assembler; raises ModuleRefused for text it does not like.

    Raises: UsageError when the path cannot be read, ModuleRefused when the contents are not
        a core module of at most ``max_bytes``, compressed or not.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        given, is_text, place = bytes(source), False, ""
    else:
        given, is_text = _read_file(source, max_bytes), Path(source).suffix == ".wat"
        place = f"{source}: "
    if is_text or _TEXT_START.match(given):
        given = _assembled(given, place, wat_to_wasm)
    wasm = _decompress(given, max_bytes)
    check_header(wasm)
    return ModuleSource(given, wasm, sha256(given).digest())


def _read_file(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise UsageError(_path_problem(str(path), error)) from error


def _path_problem(path: str, error: OSError | ValueError) -> str:
    if path.lstrip().startswith(("(", ";;")):
        return "WebAssembly text is taken from a file or as bytes: pass text.encode()"
    reason = error.strerror if isinstance(error, OSError) else error
    return f"cannot read the module {path!r}: {reason}"


def _assembled(text: bytes, place: str, wat_to_wasm: Callable[[str], bytes]) -> bytes:
    try:
        return wat_to_wasm(_decode_text(text))
    except UsageError as error:
        raise UsageError(f"{place}{error}") from error


def _decode_text(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ModuleRefused(f"WebAssembly text is not UTF-8 at byte {error.start}") from None


def _decompress(given: bytes, max_bytes: int) -> bytes:
    wasm = _gunzip(given, max_bytes) if given.startswith(_GZIP_MAGIC) else given
    if len(wasm) > max_bytes:
        raise _too_large(len(wasm), max_bytes)
    if not wasm.startswith(_WASM_MAGIC):
        raise malformed(f"unsupported canister module format{_recognise(wasm)}")
    return wasm


def _gunzip(given: bytes, max_bytes: int) -> bytes:
    if len(given) < _GZIP_MIN_BYTES:
        raise malformed("invalid Wasm module: gzip stream is too short")
    # One byte more than allowed is all that a bomb gets to produce.
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        wasm = stream.decompress(given, max_bytes + 1)
    except zlib.error as error:
        raise malformed(f"failed to decode compressed Wasm module: {error}") from None
    if len(wasm) > max_bytes:
        raise _too_large(max(len(wasm), int.from_bytes(given[-4:], "little")), max_bytes)
    if not stream.eof:
        raise malformed("failed to decode compressed Wasm module: the gzip stream is cut short")
    if stream.unused_data:
        raise malformed(
            "failed to decode compressed Wasm module: "
            f"{len(stream.unused_data)} bytes follow the gzip stream"
        )
    return wasm


def _recognise(contents: bytes) -> str:
    if not contents:
        return ": it is empty"
    if contents.startswith(_GZIP_MAGIC):
        return ": it is gzipped twice; the IC unpacks once"
    start = contents[:64].lstrip().lower()
    for magic, what in _OTHER_FORMATS:
        if start.startswith(magic.lower()):
            return f": it is {what}"
    return ""


def _too_large(size: int, max_bytes: int) -> ModuleRefused:
    return ModuleRefused(
        f"Wasm module size of {size} exceeds the maximum allowed size of {max_bytes}."
    )
