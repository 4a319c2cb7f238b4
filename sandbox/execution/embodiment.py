"""A canister between messages: its state, its memories and, as a cache, a live instance.

Rules kept here: invariant 2 (between messages the instance shows exactly the regions and
globals of the state), and that an interrupt finds each of these steps done or not begun.
"""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, Final

from sandbox.engine import Hooks, Instance
from sandbox.engine.interrupts import PostponedSignals
from sandbox.errors import ModuleRefused
from sandbox.execution import exchange
from sandbox.execution.capture import Capture, Held
from sandbox.records import renew

if TYPE_CHECKING:
    from sandbox.execution.log import CanisterLog
    from sandbox.execution.machine import Machine
    from sandbox.execution.modules import InstalledModule
    from sandbox.memory import Region
    from sandbox.state import CanisterState

PAGE_BYTES: Final = 65_536
FULL_STABLE_PAGES: Final = 500 << 14  # 500 GiB
# Few canisters outgrow 16 GiB, and with the heap's 8 GiB and the mailbox thousands of
# instances fit the 128 TiB of address space. A message that does is run again with all.
_FIRST_STABLE_PAGES: Final = 16 << 14


class Origin(Enum):
    """Where a new instance's heap and globals come from."""

    NEW = "the module: data segments and initialisers (install, reinstall, upgrade)"
    HEAP = "heap from the region, globals from the initialisers (upgrade that keeps memory)"
    STATE = "both from the state (the instance is merely made anew)"


class Embodiment(ABC):
    """What a canister is made of, and the life of its instance.

    The abstract methods are what an instance asks while a message runs (``engine.HostSide``).
    """

    def __init__(
        self, machine: Machine, state: CanisterState, heap: Region, stable: Region, log: CanisterLog
    ) -> None:
        self.machine = machine
        self.state = state
        self.heap = heap
        self.stable = stable
        self.log = log
        self._instance: Instance | None = None
        self._labels: tuple[str, ...] = ()
        self._origin = Origin.STATE
        self._needs_all_stable = False
        self._is_profiled = True  # False for a message that is run again without a profile

    @property
    def module(self) -> InstalledModule:
        """The installed module. Requires: there is one."""
        assert self.state.module is not None, "the canister is empty"
        return self.state.module

    def live(self) -> Instance:
        """Return the live instance, making it from regions and globals when needed."""
        if (
            self._instance is not None
            and (self._instance.probe is not None) is not self._keeps_profile()
        ):
            self.discard()
        if self._instance is None:
            self.start_instance(self._origin)
        assert self._instance is not None
        return self._instance

    def start_instance(self, origin: Origin) -> None:
        """Instantiate the module over the regions; no code of the canister runs.

        Raises: ModuleRefused when a data segment does not fit and such; nothing changed.
        """
        with PostponedSignals():
            self._start_instance(origin)

    def _start_instance(self, origin: Origin) -> None:
        module, machine = self.module, self.machine
        system_api, self._labels = machine.system_api(module.is_64)
        profiled = machine.profiling.code_of(module) if self._keeps_profile() else None
        instance = Instance(
            machine.compiler.engine,
            system_api,
            profiled.compiled if profiled else module.compiled,
            module.shape,
            Hooks(weakref.ref(self)),
            profile=profiled.names if profiled else None,
            heap_pages=self.heap.size_bytes // PAGE_BYTES,
            stable_capacity_pages=self._stable_capacity_pages(),
        )
        self._instance = instance
        if profiled:
            machine.profiling.began(instance, self.state.id, module)
        try:
            self._attach(instance, origin)
            self.write_identity()
        except BaseException:
            self.discard()  # what it shows is not the canister's state
            raise
        self._origin = origin
        self.went_live()

    def _keeps_profile(self) -> bool:
        return self._is_profiled and self.machine.profiling.is_on

    def _stable_capacity_pages(self) -> int:
        fits = self.stable.size_bytes <= _FIRST_STABLE_PAGES * PAGE_BYTES
        return _FIRST_STABLE_PAGES if fits and not self._needs_all_stable else FULL_STABLE_PAGES

    def _attach(self, instance: Instance, origin: Origin) -> None:
        if origin is Origin.NEW:
            # An empty view that has grown: what the data segments wrote gets committed.
            self.heap.attach(instance.heap_address, 0, fresh=True, is_rewritten=True)
        else:
            if instance.heap_bytes > self.heap.size_bytes:
                self.heap.resize(instance.heap_bytes)
            elif instance.heap_bytes < self.heap.size_bytes:
                raise ModuleRefused("Wasm module has no memory to keep the heap in")
            self.heap.attach(instance.heap_address, instance.heap_bytes, is_rewritten=True)
        if origin is Origin.STATE:
            instance.write_mutable_globals(self.state.globals)
        else:
            # Known from the start: the first message may have to be rolled back.
            self.state = renew(self.state, globals=instance.read_mutable_globals())
        self.stable.attach(instance.stable_address, instance.stable_capacity_bytes, fresh=True)

    def write_identity(self) -> None:
        """Tell the live instance about changed settings; free when there is none."""
        if self._instance is None:
            return
        exchange.write_identity(
            self._instance.mail,
            canister=self.state.id,
            subnet=self.machine.subnet,
            root_key=self.machine.root_key,
            controllers=self.state.settings.controllers,
            environment=self.state.settings.environment,
        )

    def discard(self) -> None:
        """Throw the live instance away, with whatever it had not committed."""
        with PostponedSignals():
            if self._instance is None:
                return
            instance, self._instance = self._instance, None
            if instance.probe is not None:
                self.machine.profiling.ends(instance)
            self.heap.detach()
            self.stable.detach()
            instance.close()

    def settle(self) -> None:
        """Commit what instantiation alone has written, when no code of the canister runs."""
        instance = self.live()
        with PostponedSignals():
            self.heap.commit(instance.heap_bytes)
            self._origin = Origin.STATE

    def capture(self) -> Capture:
        """Remember state and memories; costs the same for every size."""
        return Capture(self.state, Held(self.heap), Held(self.stable))

    def restore(self, capture: Capture) -> None:
        """Become what was captured, byte for byte; costs the pages changed since.

        The capture stays valid. The live instance is kept when it can show the old content.
        """
        heap, stable = capture.heap, capture.stable
        with PostponedSignals():
            if not self._can_show(capture):
                self.discard()
            self.heap, self.stable, self.state = heap.region, stable.region, capture.state
            heap.region.rewind(heap.mark)
            stable.region.rewind(stable.mark)
            if self._instance is not None:
                self._instance.write_mutable_globals(self.state.globals)
                self.write_identity()

    def _can_show(self, capture: Capture) -> bool:
        return (
            self._instance is not None
            and self.heap is capture.heap.region
            and self.stable is capture.stable.region
            and self.state.module is capture.state.module
            and self._instance.heap_bytes == capture.heap.mark.size_bytes
            and self._instance.stable_capacity_bytes >= capture.stable.mark.size_bytes
        )

    def adopt(self, other: Embodiment) -> None:
        """Take over another runtime's state, memories and instance; it is used up by that.

        Regions that nobody else holds (``Held``) are freed.
        """
        with PostponedSignals():
            if self._instance is not other._instance:
                self.discard()
            self.state, self.heap, self.stable = other.state, other.heap, other.stable
            self._instance, other._instance = other._instance, None
            self._labels = other._labels
            # Somebody may remember ``other`` (``Machine.on_live``); the regions must not live on.
            del other.heap, other.stable
            if self._instance is not None:
                self._instance.hooks.owner = weakref.ref(self)
                self.went_live()

    def close(self) -> None:
        """Free everything the canister holds."""
        self.discard()
        self.heap.close()
        self.stable.close()

    # --- what only the one who runs messages can do

    @abstractmethod
    def went_live(self) -> None:
        """Tell the machine about a new instance."""

    @abstractmethod
    def stable_budget(self, offset: int, size: int) -> int:
        """See ``engine.HostSide``."""

    @abstractmethod
    def flush_log(self) -> int:
        """See ``engine.HostSide``."""

    @abstractmethod
    def cost(self, function: int, a: int, b: int) -> int:
        """See ``engine.HostSide``."""
