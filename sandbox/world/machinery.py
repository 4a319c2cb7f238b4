"""What all canisters of a world share: system API, live instances, the memory budget."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from sandbox.cycles.costs import cost_of
from sandbox.cycles.prices import LONGEST_RESERVATION_S
from sandbox.engine.compiler import wat_to_wasm
from sandbox.execution.canister import CanisterRuntime, Growth, Machine
from sandbox.execution.hostmemory import MemoryBudget
from sandbox.execution.profiling import Profiling
from sandbox.keys.root import ROOT_KEY
from sandbox.principal import Principal
from sandbox.system_api.assemble import system_api_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.cycles import Bank
    from sandbox.engine import Compiled, Compiler
    from sandbox.limits import Limits
    from sandbox.memory import RegionKind

# A live instance takes some 40 GiB of the 128 TiB of address space, one with a large stable
# memory 0.5 TiB, so only so many are live; the others are made anew when needed (0.4 ms).
_MAX_LIVE: Final = 160


class Machinery:
    """Makes the ``Machine`` of a world and keeps what it hands out."""

    def __init__(
        self,
        compiler: Compiler,
        limits: Limits,
        canisters: Mapping[Principal, CanisterRuntime],
        bank: Bank,
        *,
        now_ns: Callable[[], int],
        memory_kind: RegionKind,
    ) -> None:
        self._compiler = compiler
        self._limits = limits
        self._bank = bank
        self._canisters = canisters
        self._system_api: dict[bool, tuple[Compiled, tuple[str, ...]]] = {}
        self._live: OrderedDict[int, CanisterRuntime] = OrderedDict()
        self._budget = MemoryBudget(limits.host_memory_bytes, self._allocated_bytes)
        byte_fee = bank.prices.call_byte
        fees = {
            is_64: (bank.prices.call_fee(limits.update_instructions, is_64=is_64), byte_fee)
            for is_64 in (False, True)
        }
        self.machine = Machine(
            compiler=compiler,
            system_api=self._compiled_system_api,
            limits=limits,
            subnet=Principal.self_authenticating(ROOT_KEY),
            root_key=ROOT_KEY,
            now_ns=now_ns,
            memory_kind=memory_kind,
            cost=cost_of(bank.prices, limits),
            liquid=bank.liquid,
            used_bytes=bank.used_bytes,
            growth=self._growth,
            call_fee=fees.__getitem__,
            has_room=self._budget.has_room,
            is_tight=lambda: self._budget.is_tight,
            on_live=self._note_live,
            profiling=Profiling(compiler),
        )

    def _compiled_system_api(self, is_64: bool) -> tuple[Compiled, tuple[str, ...]]:
        found = self._system_api.get(is_64)
        if found is None:
            source = system_api_source(is_64=is_64)
            # Compiling takes 70 ms, most of what a command would wait for: cached by its text.
            key = f"system api {sha256(source.wat.encode()).hexdigest()}"
            compiled = self._compiler.load(key)
            if compiled is None:
                compiled = self._compiler.compile(wat_to_wasm(source.wat))
                self._compiler.store(key, compiled)
            found = self._system_api[is_64] = (compiled, source.labels)
        return found

    def _growth(self, runtime: CanisterRuntime, grown_bytes: int, balance: int) -> Growth:
        return self._bank.growth(runtime, grown_bytes, balance, self._reserving_s(grown_bytes))

    def _reserving_s(self, grown_bytes: int) -> int:
        """Return for how long new memory is paid in advance: longer, the fuller the subnet is."""
        limits = self._limits
        used = grown_bytes + sum(map(self._bank.memory_bytes, self._canisters.values()))
        over = used - limits.reservation_threshold_bytes
        if over <= 0:
            return 0
        span = max(1, limits.subnet_memory_bytes - limits.reservation_threshold_bytes)
        return LONGEST_RESERVATION_S * min(over, span) // span

    def _note_live(self, runtime: CanisterRuntime) -> None:
        self._live[id(runtime)] = runtime
        self._live.move_to_end(id(runtime))
        if len(self._live) > _MAX_LIVE:
            self._live.popitem(last=False)[1].discard()

    def _allocated_bytes(self) -> int:
        return sum(
            runtime.heap.allocated_bytes + runtime.stable.allocated_bytes
            for runtime in self._canisters.values()
        )
