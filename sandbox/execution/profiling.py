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
    from sandbox.engine import Compiled, Compiler, Instance
    from sandbox.engine.probe import CallTree
    from sandbox.execution.modules import InstalledModule
    from sandbox.principal import Principal
    from sandbox.wasm.profiling import ProfileNames

# Part of the cache key: raise it when the code that is put in changes.
_VERSION: Final = 1


class Listener(Protocol):
    """Somebody who wants to know where instructions go."""

    def collect(self, canister: Principal, module: InstalledModule, calls: CallTree) -> None:
        """Take notice of messages that ran, whether they were kept or not."""


class Profiled(NamedTuple):
    """A module's code with a tree of its calls."""

    compiled: Compiled
    names: ProfileNames


class Profiling:
    """The listeners, and the instances that serve them."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._known: WeakKeyDictionary[InstalledModule, Profiled] = WeakKeyDictionary()
        self._live: WeakKeyDictionary[Instance, tuple[Principal, InstalledModule]] = (
            WeakKeyDictionary()
        )
        self._listeners: tuple[Listener, ...] = ()

    @property
    def is_on(self) -> bool:
        """Whether instances are to keep trees."""
        return bool(self._listeners)

    def begin(self, listener: Listener) -> None:
        """Let a listener know of what runs from now on."""
        self.collect()
        self._listeners = (*self._listeners, listener)

    def end(self, listener: Listener) -> None:
        """Let a listener know of what ran until now, and then of nothing."""
        self.collect()
        self._listeners = tuple(item for item in self._listeners if item is not listener)

    def collect(self) -> None:
        """Let the listeners know of what ran until now."""
        for instance in tuple(self._live):
            self.collect_from(instance)

    def code_of(self, module: InstalledModule) -> Profiled:
        """Return a module's profiled code."""
        found = self._known.get(module)
        if found is None:
            found = self._known[module] = self._profiled(module)
        return found

    def began(self, instance: Instance, canister: Principal, module: InstalledModule) -> None:
        """Take notice of a new instance that keeps a tree."""
        self._live[instance] = canister, module

    def ends(self, instance: Instance) -> None:
        """Take notice of an instance that is about to be closed."""
        self.collect_from(instance)
        del self._live[instance]

    def collect_from(self, instance: Instance) -> None:
        """Let the listeners know of what ran in an instance that keeps a tree."""
        canister, module = self._live[instance]
        assert instance.probe is not None
        calls = instance.probe.take()
        if calls.entries:
            self.deliver(canister, module, calls)

    def take_back(self, instance: Instance) -> None:
        """Let the listeners take off what ran in an instance, and was delivered before."""
        canister, module = self._live[instance]
        assert instance.probe is not None
        self.deliver(canister, module, instance.probe.take().negated())

    def deliver(self, canister: Principal, module: InstalledModule, calls: CallTree) -> None:
        """Let the listeners know of calls."""
        for listener in self._listeners:
            listener.collect(canister, module, calls)

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
