"""What outlives a message, apart from the two memories: immutable records.

A change makes a new record, so that keeping an old state (a snapshot, an anchor, the
state before an upgrade) is keeping a reference. The memories are regions
(``sandbox.memory``), kept beside these records.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.execution.modules import InstalledModule
    from sandbox.principal import Principal
    from sandbox.world.history import Change


class Status(IntEnum):
    """A canister's run state, numbered as in ``ic0.canister_status``."""

    RUNNING = 1
    STOPPING = 2
    STOPPED = 3


class LowMemoryHook(StrEnum):
    """Where the on_low_wasm_memory hook stands."""

    CONDITION_NOT_SATISFIED = "condition_not_satisfied"
    READY = "ready"
    EXECUTED = "executed"


class Visibility(StrEnum):
    """Who may read logs, snapshots, status."""

    CONTROLLERS = "controllers"
    PUBLIC = "public"


_NO_VARIABLES: Final[Mapping[str, str]] = MappingProxyType({})
_NO_CHUNKS: Final[Mapping[bytes, bytes]] = MappingProxyType({})
DEFAULT_FREEZING_THRESHOLD_S: Final = 2_592_000
DEFAULT_LOG_LIMIT_BYTES: Final = 4_096
DEFAULT_RESERVED_LIMIT_CYCLES: Final = 5_000_000_000_000


Viewers = Visibility | tuple["Principal", ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """The canister settings of the management canister, with its defaults.

    controllers: a set, kept in order as in the replica.
    minimum_incoming_cycles: other canisters' calls with fewer cycles attached are rejected.
    log_memory_limit_bytes: 0 turns the log off.
    """

    controllers: tuple[Principal, ...] = ()
    compute_allocation: int = 0
    memory_allocation_bytes: int = 0
    freezing_threshold_s: int = DEFAULT_FREEZING_THRESHOLD_S
    reserved_cycles_limit: int = DEFAULT_RESERVED_LIMIT_CYCLES
    minimum_incoming_cycles: int = 0
    log_visibility: Viewers = Visibility.CONTROLLERS
    snapshot_visibility: Viewers = Visibility.CONTROLLERS
    status_visibility: Viewers = Visibility.CONTROLLERS
    log_memory_limit_bytes: int = DEFAULT_LOG_LIMIT_BYTES
    wasm_memory_limit_bytes: int = 0
    wasm_memory_threshold_bytes: int = 0
    environment: Mapping[str, str] = field(default_factory=lambda: _NO_VARIABLES)

    def __post_init__(self) -> None:
        object.__setattr__(self, "controllers", tuple(sorted(set(self.controllers))))

    def lets_see(self, who: Principal, viewers: Viewers) -> bool:
        """Whether somebody may see what one of the visibilities guards."""
        return (
            viewers is Visibility.PUBLIC
            or who in self.controllers
            or (isinstance(viewers, tuple) and who in viewers)
        )


@dataclass(frozen=True)
class CanisterState:
    """One canister between two messages.

    module: None when the canister is empty.
    globals: bits of the module's mutable globals, in snapshot order.
    timer_ns: the global timer, 0 when inactive.
    chunks: the chunk store, by SHA-256.
    installed_at_ns: of the last install, upgrade or snapshot load; None when empty.
    reserved_cycles: set aside for memory, not spendable otherwise.
    install_debit_instructions, heap_delta_debit_bytes: see ``sandbox.execution.ratelimits``.
    history: the newest changes, oldest first; total_changes: all there ever were.
    """

    id: Principal
    settings: Settings
    cycles: int
    status: Status = Status.RUNNING
    version: int = 0
    module: InstalledModule | None = None
    globals: tuple[int, ...] = ()
    certified_data: bytes = b""
    timer_ns: int = 0
    low_memory_hook: LowMemoryHook = LowMemoryHook.CONDITION_NOT_SATISFIED
    chunks: Mapping[bytes, bytes] = field(default_factory=lambda: _NO_CHUNKS)
    installed_at_ns: int | None = None
    reserved_cycles: int = 0
    history: tuple[Change, ...] = ()
    total_changes: int = 0
    install_debit_instructions: int = 0
    heap_delta_debit_bytes: int = 0


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One line of a canister's log.

    index: counts all records since creation. is_query: written by a query, which the IC drops.
    """

    index: int
    time_ns: int
    text: str
    is_query: bool = False
