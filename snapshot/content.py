"""What a snapshot keeps, in neutral form: the part of a canister that moves and is compared.

No compiled code, no settings, no cycles. The memories stay where they are: regions read at
a mark. Source: reference/management_canister.md section 3.4.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from sandbox.wasm import parse_module
from sandbox.wasm.source import load_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox.execution.canister import Capture, Held
    from sandbox.execution.modules import InstalledModule
    from sandbox.wasm.module import ConstExpr, Global

# 64 KiB: an entry costs 32 bytes, so a 4 GiB memory has 2 MiB of them at most
# (design section 7); at 4 KiB it would be 32 MiB.
CHUNK_BYTES: Final = 65_536
_ZERO_CHUNK: Final = bytes(CHUNK_BYTES)
_READ_BYTES: Final = 16 * CHUNK_BYTES  # read at once: large enough to hide the calls
_WIDTH: Final = {"i32": 32, "i64": 64, "f32": 32, "f64": 64, "v128": 128}


class GlobalValue(NamedTuple):
    """One global: its type (``i32``, ``f64``, ``v128``, …) and its bits as a number."""

    type: str
    bits: int

    @property
    def is_in_range(self) -> bool:
        """Whether the bits fit the type."""
        return 0 <= self.bits < 1 << _WIDTH.get(self.type, 0)

    @property
    def number(self) -> int | float:
        """The value as Python sees it: unsigned integers, floats (a NaN loses its payload)."""
        if self.type == "f32":
            return float(struct.unpack("<f", struct.pack("<I", self.bits))[0])
        if self.type == "f64":
            return float(struct.unpack("<d", struct.pack("<Q", self.bits))[0])
        return self.bits


@dataclass(frozen=True, slots=True)
class Content:
    """A canister's module, memories and small parts at one moment.

    module: the bytes as installed (gzip stays gzip).
    globals: in snapshot order, constants included; the replica's instruction counter is not.
    timer_ns: 0 when inactive, None when not recorded. low_memory_hook: likewise None.
    chunks: the chunk store by SHA-256.
    """

    module: bytes
    globals: tuple[GlobalValue, ...]
    heap: Held
    stable: Held
    certified_data: bytes = b""
    timer_ns: int | None = 0
    low_memory_hook: str | None = None
    chunks: Mapping[bytes, bytes] = field(default_factory=dict)

    @property
    def module_hash(self) -> bytes:
        """SHA-256 of the module as installed; empty when there is no module."""
        return hashlib.sha256(self.module).digest() if self.module else b""


def content_of(capture: Capture) -> Content:
    """Return what a snapshot keeps of a captured canister."""
    state = capture.state
    return Content(
        module=b"" if state.module is None else state.module.raw,
        globals=() if state.module is None else _all_globals(state.module, state.globals),
        heap=capture.heap,
        stable=capture.stable,
        certified_data=state.certified_data,
        timer_ns=state.timer_ns,
        low_memory_hook=str(state.low_memory_hook),
        chunks=state.chunks,
    )


def mutable_bits(module: InstalledModule, values: tuple[GlobalValue, ...]) -> tuple[int, ...]:
    """Return the bits a canister's state keeps, out of the full list.

    Requires: ``fits(module, values)``.
    """
    slots = module.shape.globals
    return tuple(value.bits for slot, value in zip(slots, values, strict=True) if slot.mutable)


def fits(module: InstalledModule, values: tuple[GlobalValue, ...]) -> bool:
    """Whether number and types of the globals are the module's."""
    return [slot.type for slot in module.shape.globals] == [value.type for value in values]


def chunks_of(memory: Held) -> Iterator[tuple[int, bytes | memoryview]]:
    """Yield (index, bytes) of a memory's 64 KiB chunks that are not all zero, ascending."""
    done = 0
    for offset, length in memory.region.extents(at=memory.mark):
        first = max(done, offset // CHUNK_BYTES)
        done = max(done, -(-(offset + length) // CHUNK_BYTES))
        yield from read_chunks(memory, first, done)


def read_chunks(memory: Held, first: int, end: int) -> Iterator[tuple[int, bytes | memoryview]]:
    """Yield (index, bytes) of the chunks in ``[first, end)`` that are not all zero."""
    step = _READ_BYTES // CHUNK_BYTES
    for start in range(first, end, step):
        stop = min(start + step, end)
        data = memory.region.read(start * CHUNK_BYTES, (stop - start) * CHUNK_BYTES, at=memory.mark)
        whole = memoryview(data)
        for index in range(start, stop):
            at = (index - start) * CHUNK_BYTES
            chunk = whole[at : at + CHUNK_BYTES]
            if not is_zero(chunk):
                yield index, chunk


def is_zero(chunk: bytes | memoryview) -> bool:
    """Whether a chunk has no byte set."""
    # The first bytes decide nearly always; comparing bytes is what memoryview is slow at.
    if any(chunk[:16]):
        return False
    return bytes(chunk) == _ZERO_CHUNK[: len(chunk)]


def _all_globals(module: InstalledModule, bits: tuple[int, ...]) -> tuple[GlobalValue, ...]:
    mutable = iter(bits)
    slots = module.shape.globals
    if all(slot.mutable for slot in slots):
        return tuple(GlobalValue(slot.type, value) for slot, value in zip(slots, bits, strict=True))
    declared = _declared_globals(module.raw)
    return tuple(
        GlobalValue(slot.type, next(mutable) if slot.mutable else _constant(slot.index, declared))
        for slot in slots
    )


@lru_cache(maxsize=16)
def _declared_globals(raw: bytes) -> tuple[Global, ...]:
    source = load_source(raw, wat_to_wasm=str.encode)
    return parse_module(source.wasm).globals


def _constant(index: int, declared: tuple[Global, ...]) -> int:
    """Return the bits of a global that never changes, from its initialiser."""
    init = declared[index].init
    assert init is not None, "canisters import no globals"
    if init.operator == "global.get":
        assert init.operand is not None
        return _constant(init.operand, declared)
    return _bits(init, declared[index].type.value)


def _bits(init: ConstExpr, type_: str) -> int:
    if init.operand is not None:
        return init.operand % (1 << _WIDTH[type_])
    # Floats and vectors stand before the final ``end`` as little-endian bytes; a reference
    # can only be null here, and has no bits.
    width = _WIDTH.get(type_, 0) // 8
    return int.from_bytes(init.encoded[-1 - width : -1], "little")
