"""Reading function bodies: where the notable instructions are and how big functions get.

Runs of plain instructions are skipped by a regular expression (see ``opcodes``): some
70 MB/s on CPython 3.11, 15 MB/s when instructions are counted as well. The one instruction
at which a run stops is decoded here by hand, exactly, whatever LEB128 form it uses.

This is no validator: types, indices and nesting are the engine's business. What it promises
is that instruction boundaries are right for every body the engine accepts, and that any
other bytes give ``ModuleRefused`` at worst.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.errors import ModuleRefused
from sandbox.wasm.module import ExternKind
from sandbox.wasm.opcodes import (
    BR_TABLE,
    CARRYING,
    FIRST_MEMARG,
    LAST_MEMARG,
    NOTABLE,
    NUMERIC_IMMEDIATES,
    NUMERIC_PREFIX,
    PLAIN,
    PLAIN_RUN,
    SELECT_TYPED,
    SWITCHED_OFF,
    TABLE_SET,
    VECTOR_IMMEDIATES,
    VECTOR_PREFIX,
    WEIGHTS,
)
from sandbox.wasm.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.wasm.module import Module

_MULTI_MEMORY = 0x40  # bit of a memory argument's alignment

# wasmparser's limits: a function's size in bytes, and how many locals it may have.
_MAX_LABELS = 7_654_321
_MAX_LOCALS = 50_000


@dataclass(frozen=True, slots=True)
class FunctionSize:
    """How big a function is by the replica's two measures."""

    instructions: int
    complexity: int


def notable_instructions(module: Module) -> Iterator[tuple[int, str]]:
    """Yield (function index, name) for each instruction in ``NOTABLE``, in code order.

    Raises: ModuleRefused at bytes that are no instruction the IC knows.
    """
    first = len(module.imported(ExternKind.FUNCTION))
    for index, (start, end) in enumerate(module.bodies, first):
        for key, _, _ in _stops(_code_reader(module.wasm, start, end)):
            if (name := NOTABLE.get(key)) is not None:
                yield index, name


def read_instructions(wasm: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (key, offset, offset behind) of every instruction of a body.

    Raises: ModuleRefused at bytes that are no instruction the IC knows.
    """
    reader = _code_reader(wasm, start, end)
    run_start = reader.position
    for key, stop, resume in _stops(reader):
        for found in PLAIN.finditer(wasm, run_start, stop):
            yield found[1], found.start(), found.end()
        yield key, stop, resume
        run_start = resume
    for found in PLAIN.finditer(wasm, run_start, end):
        yield found[1], found.start(), found.end()


def measure_function(module: Module, index: int) -> FunctionSize:
    """Count a defined function's instructions, final ``end`` included, and their weights.

    Raises: ModuleRefused at bytes that are no instruction the IC knows.
    """
    body = module.bodies[index - len(module.imported(ExternKind.FUNCTION))]
    reader = _code_reader(module.wasm, *body)
    keys: Counter[bytes] = Counter()
    run_start = reader.position
    for key, stop, resume in _stops(reader):
        keys.update(PLAIN.findall(module.wasm, run_start, stop))
        keys[key] += 1
        run_start = resume
    keys.update(PLAIN.findall(module.wasm, run_start, reader.end))
    return FunctionSize(
        instructions=keys.total(),
        complexity=sum(WEIGHTS.get(key, 1) * count for key, count in keys.items()),
    )


def _code_reader(wasm: bytes, start: int, end: int) -> Reader:
    """Return a reader that stands behind a body's declaration of locals."""
    reader = Reader(wasm, start, end)
    for _ in range(reader.count("locals", _MAX_LOCALS)):
        reader.u32()
        reader.byte()
    return reader


def _stops(reader: Reader) -> Iterator[tuple[bytes, int, int]]:
    """Yield (key, offset, offset behind) of every instruction that ends a plain run."""
    while True:
        run = PLAIN_RUN.match(reader.data, reader.position, reader.end)
        assert run is not None  # it matches the empty run
        reader.position = stop = run.end()
        if stop == reader.end:
            return
        yield _read_instruction(reader), stop, reader.position


def _read_instruction(reader: Reader) -> bytes:
    """Step over one instruction that is not plain and return its key."""
    offset = reader.position
    opcode = reader.byte()
    if opcode == BR_TABLE:
        _skip_labels(reader)
    elif opcode == TABLE_SET:
        reader.u32()
    elif opcode == NUMERIC_PREFIX:
        return _read_numeric(reader, offset)
    elif opcode == VECTOR_PREFIX:
        _skip_vector(reader, offset)
    elif opcode == SELECT_TYPED:
        reader.skip(reader.u32())
    elif FIRST_MEMARG <= opcode <= LAST_MEMARG:
        _skip_memarg(reader, offset)
    elif opcode in CARRYING:
        raise _invalid(f"malformed immediate of opcode 0x{opcode:02x}", offset)
    else:
        raise _invalid(SWITCHED_OFF.get(opcode, f"illegal opcode: 0x{opcode:02x}"), offset)
    return bytes((opcode,))


def _skip_labels(reader: Reader) -> None:
    count = reader.count("br_table labels", _MAX_LABELS) + 1
    labels = reader.data[reader.position : min(reader.position + count, reader.end)]
    if len(labels) == count and labels.isascii():  # one byte each, as nearly always
        reader.position += count
        return
    for _ in range(count):
        reader.u32()


def _read_numeric(reader: Reader, offset: int) -> bytes:
    number = reader.u32()
    if (immediates := NUMERIC_IMMEDIATES.get(number)) is None:
        raise _invalid(f"illegal opcode: 0xfc 0x{number:x}", offset)
    for _ in range(immediates):
        reader.u32()
    return bytes((NUMERIC_PREFIX, number))


def _skip_vector(reader: Reader, offset: int) -> None:
    number = reader.u32()
    if (immediates := VECTOR_IMMEDIATES.get(number)) is None:
        raise _invalid("relaxed SIMD support is not enabled", offset)
    has_memarg, size = immediates
    if has_memarg:
        _skip_memarg(reader, offset)
    reader.skip(size)


def _skip_memarg(reader: Reader, offset: int) -> None:
    if reader.u32() & _MULTI_MEMORY:
        raise _invalid("multi-memory support is not enabled", offset)
    reader.u64()


def _invalid(what: str, offset: int) -> ModuleRefused:
    return ModuleRefused(
        "Wasmtime failed to validate wasm module wasmtime::Module::validate() failed with "
        f"{what} (at offset 0x{offset:x})"
    )
