"""What all canisters of a sandbox share: services and rules, handed to each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.memory import FilePart, Region, RegionKind, mapped_region, new_region

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sandbox.engine import Compiled, Compiler
    from sandbox.execution.canister import CanisterRuntime
    from sandbox.execution.profiling import Profiling
    from sandbox.limits import Limits
    from sandbox.principal import Principal
    from sandbox.system_api.violations import Violation


@dataclass(frozen=True, slots=True)
class Machine:
    """What all canisters of a sandbox share.

    system_api: by heap width, the compiled system API and its label texts.
    memory_kind: ``auto``, ``copy-on-write`` or ``copying`` (``sandbox.memory``).
    cost: (import name, a, b, key name, is_64) -> cycles, or None for an unknown curve or key.
    liquid: what a canister may spend. call_fee: of every call, by heap width; and per byte.
    used_bytes: all the memory a canister holds, its snapshots and history included.
    growth: what growing by some bytes costs a canister that has so many cycles left.
    has_room: whether the process may keep this many more bytes.
    is_tight: whether so little is left that a message is measured before it is kept.
    on_live: told about each new instance, so that the owner can bound their number.
    profiling: whether messages are profiled, and by whom.
    """

    compiler: Compiler
    system_api: Callable[[bool], tuple[Compiled, tuple[str, ...]]]
    limits: Limits
    subnet: Principal
    root_key: bytes
    now_ns: Callable[[], int]
    memory_kind: RegionKind
    cost: Callable[[str, int, int, str, bool], int | None]
    liquid: Callable[[CanisterRuntime], int]
    call_fee: Callable[[bool], tuple[int, int]]
    used_bytes: Callable[[CanisterRuntime], int]
    growth: Callable[[CanisterRuntime, int, int], Growth]
    has_room: Callable[[int], bool]
    is_tight: Callable[[], bool]
    on_live: Callable[[CanisterRuntime], None]
    profiling: Profiling

    def new_region(self, size_bytes: int = 0) -> Region:
        """Return a fresh region of this machine's kind."""
        return new_region(size_bytes, kind=self.memory_kind)

    def mapped_region(self, parts: Sequence[FilePart], size_bytes: int) -> Region:
        """Return a region that begins as parts of files. Raises: RegionRefused."""
        return mapped_region(parts, size_bytes, kind=self.memory_kind)


@dataclass(frozen=True, slots=True)
class Growth:
    """What becomes of a message that made memory grow.

    violation: why it may not; else the cycles to be set aside for the memory.
    """

    violation: Violation | None = None
    reserved_cycles: int = 0
