"""Installed modules: loaded, checked as the IC does, rewritten, compiled, remembered.

A module is compiled once per sandbox and, through the compile cache, once per machine.
On a cache hit the checks are not repeated: the key covers bytes, rules and versions.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Final

from sandbox.engine.compiler import Compiled, Compiler, wat_to_wasm
from sandbox.engine.pointer import text_at
from sandbox.errors import ModuleRefused
from sandbox.system_api.table import signatures
from sandbox.wasm.describe import ModuleFacts, describe
from sandbox.wasm.metering import metered
from sandbox.wasm.module import FuncType
from sandbox.wasm.parse import parse_module
from sandbox.wasm.rewrite import Rewritten, rewrite_module
from sandbox.wasm.source import ModuleSource, load_source
from sandbox.wasm.validate import validate_module

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.wasm.metadata import Metadata
    from sandbox.wasm.methods import Method

# A module: the path of a .wasm, .wasm.gz or .wat file, or the bytes of one.
Source = str | PathLike[str] | bytes | bytearray | memoryview

# Part of the cache key: raise it when a check or the rewriting changes.
_RULES_VERSION: Final = 3
_KEPT_MODULES: Final = 64
_SYSTEM_API: Final = {
    is_64: {name: FuncType(*type_) for name, type_ in signatures(is_64=is_64).items()}
    for is_64 in (False, True)
}


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class InstalledModule:
    """A module that passed all checks, ready to run; shared by all that use it.

    raw: the bytes as given (gzip stays gzip); module_hash: their SHA-256.
    compiler: what compiled it.
    """

    raw: bytes
    module_hash: bytes
    facts: ModuleFacts
    shape: Rewritten
    compiled: Compiled
    compiler: Compiler

    @property
    def methods(self) -> Mapping[str, Method]:
        """The public methods by name."""
        return self.facts.methods

    @property
    def hooks(self) -> frozenset[str]:
        """The system entry points it exports."""
        return self.facts.hooks

    @property
    def metadata(self) -> Mapping[str, Metadata]:
        """The ``icp:`` custom sections."""
        return self.facts.metadata

    @property
    def is_64(self) -> bool:
        """Whether the heap is a 64-bit memory."""
        return self.facts.is_64

    @property
    def is_eop(self) -> bool:
        """Whether it supports enhanced orthogonal persistence."""
        return self.facts.is_eop

    @property
    def drops_segments(self) -> bool:
        """Whether a live instance can lose a data segment."""
        return self.facts.drops_segments

    @property
    def instructions(self) -> int:
        """How many Wasm instructions it has, to be charged for when it is compiled."""
        return self.compiled.instructions

    @property
    def has_names(self) -> bool:
        """Whether a backtrace can show function names."""
        return self.facts.has_names

    def text_at(self, export: str) -> str:
        """Return the text whose address a function returns; no canister is touched.

        Requires, raises: as ``engine.pointer.text_at``.
        """
        return text_at(self.compiler, self.compiled, self.shape, export)


class ModuleLoader:
    """Turns what users hand in into installed modules.

    progress: told what is going on when it takes long (``"checking"``, ``"compiling"``).
    """

    def __init__(
        self, compiler: Compiler, progress: Callable[[str], None] = lambda _stage: None
    ) -> None:
        self._compiler = compiler
        self._progress = progress
        self._known: OrderedDict[bytes, InstalledModule] = OrderedDict()

    def load(self, source: Source) -> InstalledModule:
        """Return the module behind a path or bytes (.wasm, .wasm.gz, .wat).

        Raises: ModuleRefused with the replica's reason; UsageError for an unreadable path.
        """
        loaded = load_source(source, wat_to_wasm=wat_to_wasm)
        known = self._known.get(loaded.module_hash)
        if known is None:
            known = self._known[loaded.module_hash] = self._build(loaded)
            if len(self._known) > _KEPT_MODULES:
                self._known.popitem(last=False)
        self._known.move_to_end(loaded.module_hash)
        return known

    def peek(self, source: Source) -> InstalledModule | None:
        """Return the module as ``load`` does, None where that refuses it."""
        try:
            return self.load(source)
        except ModuleRefused:
            return None

    def _build(self, source: ModuleSource) -> InstalledModule:
        module = parse_module(source.wasm)
        key = f"{hashlib.sha256(source.wasm).hexdigest()} rules {_RULES_VERSION}"
        compiled = self._compiler.load(key)
        shape = rewrite_module(module)
        if compiled is None:
            self._progress("checking")
            self._compiler.check(source.wasm)
            validate_module(module, system_api=_SYSTEM_API[module.is_64])
            self._progress("compiling")
            counting, instructions = metered(parse_module(shape.wasm), shape.meter)
            # What the IC charges for compiling: all instructions, and two for each global.
            instructions += 2 * len(module.globals)
            compiled = self._compiler.compile(counting, instructions)
            self._compiler.store(key, compiled)
        facts = describe(module)
        return InstalledModule(
            source.raw, source.module_hash, facts, shape, compiled, self._compiler
        )
