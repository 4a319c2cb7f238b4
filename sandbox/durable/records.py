"""What ``world.json`` holds, and every class that may occur in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sandbox.cycles import SavedBank, Use
from sandbox.durable.plain import known_classes
from sandbox.errors import RejectCode
from sandbox.messages import Closure, OutgoingCall, Reject, Reply
from sandbox.state import (
    CanisterState,
    LogRecord,
    LowMemoryHook,
    Settings,
    Status,
    Visibility,
)
from sandbox.system_api.table import Context
from sandbox.world.history import Change
from sandbox.world.traffic import (
    Callback,
    CallContext,
    Delayed,
    ReplyFault,
    Request,
    Response,
    StopRequest,
    SystemTask,
    Traffic,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.principal import Principal


@dataclass(frozen=True, slots=True)
class StoredCanister:
    """One canister: its small state, its log, and where the store has the rest.

    state: without module, globals and chunk store. stored: None for an empty canister.
    """

    state: CanisterState
    log: tuple[tuple[LogRecord, ...], int]
    stored: str | None


@dataclass(frozen=True, slots=True)
class WorldRecord:
    """A world without its memories.

    snapshots: stored ids. rest: the other fields of ``SavedWorld``.
    extra: what the command line keeps, for example names of canisters.
    limits: the profile with all its numbers; empty in worlds from before it was recorded.
    """

    canisters: tuple[StoredCanister, ...]
    snapshots: tuple[str, ...]
    next_snapshots: Mapping[Principal, int]
    rest: Mapping[str, Any]
    extra: Mapping[str, Any]
    limits: Mapping[str, str | int | None] = field(default_factory=dict)


KNOWN: Final = known_classes(
    Callback,
    CallContext,
    CanisterState,
    Change,
    Closure,
    Context,
    Delayed,
    LogRecord,
    LowMemoryHook,
    OutgoingCall,
    Reject,
    RejectCode,
    Reply,
    ReplyFault,
    Request,
    Response,
    SavedBank,
    Settings,
    Status,
    StopRequest,
    StoredCanister,
    SystemTask,
    Traffic,
    Use,
    Visibility,
    WorldRecord,
)
