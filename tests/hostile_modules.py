"""Mutated modules through the whole path: install, call everything, look at what is left.

``python hostile_modules.py COUNT SEED`` runs in a process of its own, so that a crash is
seen. It prints how many ended in which way, and fails on any exception that is not ours.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from pathlib import Path
from typing import Final

if not __package__:  # run as a script
    sys.path[0] = str(Path(__file__).resolve().parent)

from engine_room import WAT
from sandbox import CanisterRejected, Sandbox
from sandbox.engine import Compiler
from sandbox.engine.cache import CompileCache
from sandbox.engine.compiler import wat_to_wasm
from sandbox.limits import MAINNET

_LIMIT: Final = 200_000
_BASES: Final = (
    "counter", "all_globals", "data_drop", "zero_pages", "no_memory", "hooks_print",
    "imported_memory_and_table", "eop_keeps_heap",
)  # fmt: skip
# Bytes that mean something in many places: opcodes, types, limits, LEB128 extremes.
_TELLING: Final = bytes(
    (0x00, 0x01, 0x02, 0x03, 0x05, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x10, 0x11, 0x20, 0x21, 0x23, 0x24,
     0x28, 0x36, 0x3F, 0x40, 0x41, 0x42, 0x60, 0x6A, 0x6D, 0x70, 0x7B, 0x7C, 0x7D, 0x7E, 0x7F, 0x80,
     0xFC, 0xFD, 0xFF)
)  # fmt: skip


def mutate(module: bytes, source: random.Random) -> bytes:
    """Change, insert, remove or repeat some bytes, half the time only one in the second half."""
    data = bytearray(module)
    if source.random() < 0.5:  # code and data: what is changed there is often valid
        at = source.randrange(len(data) // 2, len(data))
        data[at] = source.choice((*_TELLING, (data[at] + 1) % 256, (data[at] - 1) % 256))
        return bytes(data)
    for _ in range(source.choice((1, 1, 1, 2, 3, 8))):
        at = source.randrange(8, len(data))
        match source.randrange(6):
            case 0:
                data[at] = source.randrange(256)
            case 1:
                data[at] = source.choice(_TELLING)
            case 2:
                data.insert(at, source.choice(_TELLING))
            case 3:
                del data[at]
            case 4:
                data[at] = (data[at] + source.choice((-1, 1))) % 256
            case _:
                length = source.randrange(1, 6)
                data[at:at] = data[at : at + length]
    return bytes(data)


def run(count: int, seed: int) -> Counter[str]:
    """Run that many mutations; return how they ended."""
    source = random.Random(seed)
    bases = [wat_to_wasm((WAT / f"{name}.wat").read_text("utf-8")) for name in _BASES]
    limits = MAINNET.relaxed(
        install_instructions=_LIMIT, update_instructions=_LIMIT, query_instructions=_LIMIT
    )
    ends: Counter[str] = Counter()
    with Sandbox(limits=limits, compiler=Compiler(CompileCache(None))) as ic:
        for _ in range(count):
            ends[try_module(ic, mutate(source.choice(bases), source))] += 1
    return ends


def try_module(ic: Sandbox, wasm: bytes) -> str:
    """Install a module, call all its methods, upgrade to it; say what the install came to."""
    try:
        canister = ic.install(wasm, b"")
    except CanisterRejected as refusal:
        return refusal.error_code
    for name in canister.methods:
        for call in (canister.update_raw, canister.query_raw):
            try:
                call(name)
            except CanisterRejected as refusal:
                _expect(refusal.error_code != "IC0505", refusal)
    try:
        canister.upgrade(wasm, b"", persistence="replace")
    except CanisterRejected as refusal:
        _expect(refusal.error_code != "IC0505", refusal)
    canister.stop()
    canister.delete()
    return "installed"


def _expect(is_true: bool, refusal: CanisterRejected) -> None:
    if not is_true:
        raise AssertionError(f"a module that was installed is refused now: {refusal}")


if __name__ == "__main__":
    for end, number in sorted(run(int(sys.argv[1]), int(sys.argv[2])).items()):
        print(end, number)
