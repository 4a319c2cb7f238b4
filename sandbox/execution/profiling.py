"""Whether messages are profiled, and by whom: shared by all canisters of a world.

Profiled code is compiled for it, once per module and, through the compile cache, once per
machine. Nothing of this is done, or asked for, as long as nobody listens.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol
from weakref import WeakKeyDictionary

from sandbox.engine.compiler import wat_to_wasm
from sandbox.wasm.metering import metered
from sandbox.wasm.parse import parse_module
from sandbox.wasm.profiling import profiled

if TYPE_CHECKING:
    from sandbox.engine import Compiled, Compiler
    from sandbox.engine.probe import CallTree
    from sandbox.execution.modules import InstalledModule
    from sandbox.messages import Outcome, Task
    from sandbox.principal import Principal
    from sandbox.wasm.profiling import ProfileNames

# Part of the cache key: raise it when the code that is put in changes.
_VERSION: Final = 1


class Listener(Protocol):
    """Somebody who wants to know where instructions go."""

    def ran(
        self, canister: Principal, module: InstalledModule, task: Task, outcome: Outcome,
        calls: CallTree,
    ) -> None:  # fmt: skip
        """Take notice of a message that ran, whether it was kept or not."""


class Profiled(NamedTuple):
    """A module's code with a tree of its calls."""

    compiled: Compiled
    names: ProfileNames


class Profiling:
    """The listeners, and the code that serves them."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._known: WeakKeyDictionary[InstalledModule, Profiled] = WeakKeyDictionary()
        self.listeners: tuple[Listener, ...] = ()

    @property
    def is_on(self) -> bool:
        """Whether instances are to keep trees."""
        return bool(self.listeners)

    def code_of(self, module: InstalledModule) -> Profiled:
        """Return a module's profiled code."""
        found = self._known.get(module)
        if found is None:
            found = self._known[module] = self._profiled(module)
        return found

    def _profiled(self, module: InstalledModule) -> Profiled:
        shape = module.shape
        original = parse_module(shape.wasm)
        counting, _ = metered(original, shape.meter)
        functions = len(original.functions)
        wasm, names = profiled(parse_module(counting), shape.meter.counter, functions, wat_to_wasm)
        key = f"{hashlib.sha256(wasm).hexdigest()} profiled {_VERSION}"
        compiled = self._compiler.load(key)
        if compiled is None:
            compiled = self._compiler.compile(wasm)
            self._compiler.store(key, compiled)
        return Profiled(compiled, names)
