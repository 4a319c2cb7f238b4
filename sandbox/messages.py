"""What travels: replies, rejects, outgoing calls, and what one execution did.

All plain values. A canister's answer is ``Reply | Reject``; only the friendly calls turn
a reject into an exception.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from sandbox.errors import CanisterRejected, CanisterTrapped, RejectCode
from sandbox.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.system_api.table import Context

_NONE: Final[Mapping[Principal, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Reply:
    """The bytes a canister answered with."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Reject:
    """A refusal: by the canister, by the system, or because the canister failed.

    backtrace: Wasm function names, innermost first, when a trap was the cause.
    told: what a calling canister hears where that is not the message itself.
    cause: of an execution, what went wrong, without the replica's frame and help.
    """

    code: RejectCode
    error_code: str
    message: str
    backtrace: tuple[str, ...] = ()
    told: str = field(default="", compare=False)
    cause: str = field(default="", compare=False)

    @property
    def message_to_canisters(self) -> str:
        """What ``msg_reject_msg`` of a calling canister gives."""
        return self.told or self.message

    @property
    def with_code(self) -> Reject:
        """The same reject, told to canisters with its error code in front.

        So the replica does when an execution fails (``UserError`` as text), but neither for
        a canister's own reject nor for what queues and the management canister refuse.
        """
        return replace(self, told=f"{self.error_code}: {self.message}")

    def to_exception(self) -> CanisterRejected:
        """Return the exception of the friendly calls."""
        kind = CanisterTrapped if self.code == RejectCode.CANISTER_ERROR else CanisterRejected
        return kind(int(self.code), self.error_code, self.message, self.backtrace)


Answer: TypeAlias = Reply | Reject


def reject(error_code: str, message: str, backtrace: tuple[str, ...] = ()) -> Reject:
    """Return a reject; the reject code is the first digit of the error code."""
    return Reject(RejectCode(int(error_code[2:4])), error_code, message, backtrace)


@dataclass(frozen=True, slots=True)
class Closure:
    """A callback: table index and environment."""

    function: int
    env: int


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """A call as a message made it, not yet routed.

    timeout_s: seconds for a bounded-wait call, None for a guaranteed response.
    """

    callee: Principal
    method: str
    argument: bytes
    cycles: int
    on_reply: Closure
    on_reject: Closure
    on_cleanup: Closure | None
    timeout_s: int | None


@dataclass(frozen=True, slots=True)
class Task:
    """One entry into a canister: what to run and what it is told.

    run: the export's name, or the callback.
    keeps: whether a successful run's changes are committed (queries: never).
    answered: the call context has been responded to before.
    available_cycles: attached and not yet accepted; refunded_cycles: came back with a response.
    counter_base: instructions of earlier messages of the same call context.
    outstanding: answers the canister awaits, by callee; they fill its queues.
    certificate: of the certified data, for a query; empty where there is none.
    """

    run: str | Closure
    context: Context
    instruction_limit: int
    argument: bytes = b""
    caller: Principal = field(default_factory=Principal.management)
    method: str = ""
    keeps: bool = True
    answered: bool = False
    is_replicated: bool = True
    available_cycles: int = 0
    refunded_cycles: int = 0
    reject_code: int = 0
    deadline_ns: int = 0
    counter_base: int = 0
    outstanding: Mapping[Principal, int] = field(default_factory=lambda: _NONE)
    certificate: bytes = b""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one execution did.

    failure: why it was rolled back; None for a success.
    answer: what the message replied or rejected with, if it did.
    accepted: inspect_message let the message in.
    dirty_pages: OS pages of heap and stable memory that were committed.
    burned_cycles: taken out of the balance by cycles_burn128.
    """

    failure: Reject | None
    answer: Answer | None = None
    instructions: int = 0
    calls: tuple[OutgoingCall, ...] = ()
    accepted: bool = False
    accepted_cycles: int = 0
    heap_dirty_pages: int = 0
    stable_dirty_pages: int = 0
    burned_cycles: int = 0
