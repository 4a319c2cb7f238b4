"""One canister's live Wasm world: a store with its memories, the canister, the system API.

An instance is a cache of state that is kept elsewhere (regions, globals): it can be thrown
away and made anew at any time. One store per instance, because wasmtime frees nothing
before its store goes.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import wasmtime

from sandbox.engine.binding import Function, Globals, memory_address
from sandbox.engine.interrupts import PostponedSignals
from sandbox.engine.meter import Meter
from sandbox.engine.probe import Probe
from sandbox.engine.signals import trapping_safely
from sandbox.engine.traps import OUT_OF_INSTRUCTIONS, TrapInfo, named_from, read_trap
from sandbox.errors import ModuleRefused
from sandbox.system_api import mailbox
from sandbox.system_api.assemble import CHARGE_TABLE, CHARGED
from sandbox.wasm.rewrite import HEAP_IMPORT, Rewritten

if TYPE_CHECKING:
    import weakref
    from collections.abc import Callable, Mapping

    from sandbox.engine.compiler import Compiled
    from sandbox.wasm.profiling import ProfileNames

PAGE_BYTES: Final = 65_536
_MAX_PAGES: Final[Mapping[bool, int]] = {False: 65_536, True: 98_304}  # 4 GiB, 6 GiB
# What the host does takes about as long as so many instructions (0.1 ms, 1 µs, 15 µs). They
# are none of the canister's, but when they would use up what is left the message ends, so
# that the instruction limit bounds the host's time, too.
_COUNTING_COST: Final = 500_000
_RECORD_COST: Final = 2_000
_PRICE_COST: Final = 20_000
# Asking for a function of the table takes 20 us, and most canisters have one or two callbacks.
_KNOWN_CALLBACKS: Final = 1_024
_I64: Final = wasmtime.ValType.i64()
_I32: Final = wasmtime.ValType.i32()


class HostSide(Protocol):
    """What the system API asks the host for while a message runs. None of it may raise."""

    def stable_budget(self, offset: int, size: int) -> int:
        """Return the stable bytes left to write after this write; -1 when it is too much."""

    def flush_log(self) -> int:
        """Take the log area's records, reset its length, return how many they were."""

    def cost(self, function: int, a: int, b: int) -> int:
        """Answer a cost function (import index, two numbers) in the mailbox; return its status."""


@dataclass(slots=True)
class Hooks:
    """The way from host functions to their owner.

    owner: weak, because wasmtime's table of host functions would keep the owner, and with
        it every memory of the canister, alive for ever.
    meter: of the message that runs; None before there is a canister.
    probe: of an instance that keeps a profile.
    signals: those that wait for its next pause.
    """

    owner: weakref.ref[HostSide]
    meter: Meter | None = None
    probe: Probe | None = None
    signals: PostponedSignals = field(default_factory=PostponedSignals)

    def running(self) -> Meter:
        """Return the meter of the message that runs."""
        assert self.meter is not None, "nothing runs before the canister is instantiated"
        return self.meter

    def host(self) -> HostSide:
        """Return the owner. Requires: it is running a message, so it exists."""
        owner = self.owner()
        assert owner is not None
        return owner


class Instance:
    """A canister module instantiated over memories the host can reach.

    profile: what ``compiled`` exports its tree of calls as, if it keeps one.
    heap_pages: the heap starts with at least this many Wasm pages (and its own minimum).
    stable_capacity_pages: address space reserved for stable memory.

    Instantiation writes the module's active data segments to the heap; map the committed
    content over it afterwards unless this is an install. The start function does not run.

    Raises: ModuleRefused when instantiation fails (a data segment that does not fit, for
    example); nothing is left behind.
    """

    def __init__(
        self,
        engine: wasmtime.Engine,
        system_api: Compiled,
        compiled: Compiled,
        shape: Rewritten,
        hooks: Hooks,
        *,
        profile: ProfileNames | None = None,
        heap_pages: int,
        stable_capacity_pages: int,
    ) -> None:
        self.shape = shape
        self.hooks = hooks
        self._store = store = wasmtime.Store(engine)
        try:
            self._heap = _new_heap(store, shape, heap_pages)
            stable = _new_memory(store, stable_capacity_pages, stable_capacity_pages, is_64=True)
            mail_pages = mailbox.SIZE_BYTES // PAGE_BYTES
            mail = _new_memory(store, mail_pages, mail_pages, is_64=False)
            host = _host_functions(store, hooks)
            system = _instantiate(
                store,
                system_api,
                {
                    ("host", "heap"): self._heap,
                    ("host", "stable"): stable,
                    ("host", "mail"): mail,
                    **host,
                },
            )
            exports = system.exports(store)
            offered: dict[tuple[str, str], object] = {
                ("ic0", name): item for name, item in exports.items()
            }
            offered[HEAP_IMPORT] = self._heap
            self._canister = _instantiate(store, compiled, offered)
            self._exports = self._canister.exports(store)
            hooks.meter = self._meter = self._new_meter(exports)
            self._profile = profile
            self.probe = Probe(store, self._exports, profile) if profile else None
            hooks.probe = self.probe
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            store.close()
            reason = str(error).strip().splitlines()[-1].strip()
            raise ModuleRefused(f"Wasm module could not be instantiated: {reason}") from error
        except BaseException:
            store.close()
            raise
        self._stable, self._mail = stable, mail
        self._functions: dict[str, Function] = {}
        # By place in the table, which never changes: what could change it is refused, as on the IC.
        self._callbacks: dict[int, Function | str] = {}
        self._address_type = "i64" if shape.heap is not None and shape.heap.is_64 else "i32"
        self.entry = ""  # what the message that runs is called in a profile
        self.stable_capacity_bytes = stable_capacity_pages * PAGE_BYTES
        self.stable_address = memory_address(store, stable)
        self.mail_address = memory_address(store, mail)
        view = (ctypes.c_ubyte * mailbox.SIZE_BYTES).from_address(self.mail_address)
        self.mail = memoryview(view).cast("B")
        slots = [slot for slot in shape.globals if slot.mutable]
        self._mutable = Globals(
            store, [self._global(slot.export_name) for slot in slots], [slot.type for slot in slots]
        )

    @property
    def heap_address(self) -> int:
        """Where the heap's first byte is; 0 for a heap of no pages."""
        return memory_address(self._store, self._heap)

    @property
    def heap_bytes(self) -> int:
        """The heap's size now, growth in the running message included."""
        return int(self._heap.data_len(self._store))

    def read_mutable_globals(self) -> tuple[int, ...]:
        """Return the bits of the mutable globals, in snapshot order."""
        return self._mutable.read()

    def write_mutable_globals(self, bits: tuple[int, ...]) -> None:
        """Set the mutable globals, in snapshot order."""
        self._mutable.write(bits)

    def run(self, export: str, limit: int) -> TrapInfo | None:
        """Call an exported function without parameters; None when it returned."""
        function = self._functions.get(export)
        if function is None:
            function = Function(self._store, self._func(export))
            self._functions[export] = function
        return self._call(function, limit)

    def run_table(self, index: int, env: int, limit: int) -> TrapInfo | str | None:
        """Call a callback, ``table[index](env)``; a text when there is no such function.

        The text is ``"missing"`` for a null or absent entry, ``"signature"`` for a
        function of another type.
        """
        found = self._callbacks.get(index)
        if found is None:
            if len(self._callbacks) >= _KNOWN_CALLBACKS:
                self._callbacks.clear()
            found = self._callbacks[index] = self._callback(index)
        if isinstance(found, str):
            return found
        address = self._address_type
        bits = env if address == "i64" else env & 0xFFFF_FFFF
        return self._call(found, limit, (address, bits))

    def instructions_used(self) -> int:
        """Return the instructions of the last run, as the IC counts them."""
        return self._meter.used

    def close(self) -> None:
        """Free the store with all its memories. The addresses are gone afterwards."""
        self._functions.clear()
        self._callbacks.clear()
        self.mail.release()
        self._store.close()

    def _call(self, function: Function, limit: int, *arguments: tuple[str, int]) -> TrapInfo | None:
        counter = self._meter.start(limit)
        if self.probe is not None:
            self.probe.start(self.entry, counter)
        with self.hooks.signals:
            trap = function.call(*arguments)
        unnamed_from = self._profile.first_moved if self._profile else None
        found = None if trap is None else read_trap(trap, unnamed_from)
        is_over = self._meter.stop()
        if self.probe is not None:
            self.probe.stop(self._meter.used)
        if not is_over:
            return found
        # Perhaps it was noticed at the end only; else the meter's own functions come first.
        frames = () if found is None else found.backtrace
        is_cut_short = found is not None and found.is_cut_short
        names = named_from(frames)
        return TrapInfo(OUT_OF_INSTRUCTIONS, names, has_names=False, is_cut_short=is_cut_short)

    def _new_meter(self, system: Mapping[str, object]) -> Meter:
        """Let the system API charge the canister's own counter."""
        names = self.shape.meter
        charge, charged = system[CHARGE_TABLE], system[CHARGED]
        assert isinstance(charge, wasmtime.Table)
        assert isinstance(charged, wasmtime.Global)
        charge.set(self._store, 0, self._func(names.charge))
        pause = self._exports[names.pause]
        assert isinstance(pause, wasmtime.Table)
        pause.set(self._store, 0, _pause(self._store, self.hooks))
        return Meter(self._store, self._global(names.counter), charged)

    def _func(self, export: str) -> wasmtime.Func:
        item = self._exports[export]
        assert isinstance(item, wasmtime.Func), f"{export} was validated to be a function"
        return item

    def _global(self, export: str) -> wasmtime.Global:
        item = self._exports[export]
        assert isinstance(item, wasmtime.Global), f"{export} is a global"
        return item

    def _callback(self, index: int) -> Function | str:
        found = self._table_function(index)
        if found is None:
            return "missing"
        type_ = found.type(self._store)
        if [str(item) for item in type_.params] != [self._address_type] or type_.results:
            return "signature"
        return Function(self._store, found)

    def _table_function(self, index: int) -> wasmtime.Func | None:
        if self.shape.table_export is None:
            return None
        table = self._exports[self.shape.table_export]
        assert isinstance(table, wasmtime.Table)
        if index >= table.size(self._store):
            return None
        found = table.get(self._store, index)
        return found if isinstance(found, wasmtime.Func) else None


def _new_heap(store: wasmtime.Store, shape: Rewritten, pages: int) -> wasmtime.Memory:
    if shape.heap is None:
        return _new_memory(store, 0, 0, is_64=False)
    most = _MAX_PAGES[shape.heap.is_64]
    if shape.heap.max_pages is not None:
        most = min(most, shape.heap.max_pages)
    return _new_memory(store, max(pages, shape.heap.min_pages), most, is_64=shape.heap.is_64)


def _new_memory(
    store: wasmtime.Store, min_pages: int, max_pages: int, *, is_64: bool
) -> wasmtime.Memory:
    limits = wasmtime.Limits(min_pages, max_pages)
    return wasmtime.Memory(store, wasmtime.MemoryType(limits, is_64))


def _instantiate(
    store: wasmtime.Store, compiled: Compiled, offered: Mapping[tuple[str, str], object]
) -> wasmtime.Instance:
    imports = []
    for needed in compiled.module.imports:
        item = offered.get((needed.module, needed.name or ""))
        if item is None:
            assert isinstance(needed.type, wasmtime.TableType), f"{needed.name} was validated"
            item = wasmtime.Table(store, needed.type, None)
        imports.append(item)
    with trapping_safely():  # data segments are written by code that may trap
        return wasmtime.Instance(store, compiled.module, imports)  # type: ignore[arg-type]  # externs


def _pause(store: wasmtime.Store, hooks: Hooks) -> wasmtime.Func:
    def pause() -> None:
        hooks.signals.handle()
        rise = hooks.running().go_on()
        if hooks.probe is not None:
            hooks.probe.counter_rose(rise)

    return wasmtime.Func(store, wasmtime.FuncType([], []), pause)


def _host_functions(store: wasmtime.Store, hooks: Hooks) -> dict[tuple[str, str], object]:
    def instructions() -> int:
        return hooks.running().used_so_far()

    def stable_budget(offset: int, size: int) -> int:
        hooks.running().take(_COUNTING_COST)
        return hooks.host().stable_budget(offset, size)

    def flush_log() -> None:
        hooks.running().take(_RECORD_COST * hooks.host().flush_log())

    def cost(function: int, a: int, b: int) -> int:
        hooks.running().take(_PRICE_COST)
        return hooks.host().cost(function, a, b)

    def function(params: list[Any], results: list[Any], code: Callable[..., Any]) -> wasmtime.Func:
        type_ = wasmtime.FuncType(params, results)
        return wasmtime.Func(store, type_, code)

    return {
        ("host", "instructions"): function([], [_I64], instructions),
        ("host", "stable_budget"): function([_I64, _I64], [_I64], stable_budget),
        ("host", "flush_log"): function([], [], flush_log),
        ("host", "cost"): function([_I32, _I64, _I64], [_I32], cost),
    }
