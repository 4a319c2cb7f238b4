"""Errors: whose fault it is stands in the type, what happened in the fields.

A canister's reject is a value inside the engine (``messages.Reject``); the friendly
calls raise it as ``CanisterRejected``. ``UsageError`` is the caller's own mistake:
nothing was executed and nothing changed.
"""

from __future__ import annotations

from enum import IntEnum


class RejectCode(IntEnum):
    """Reject codes of the IC interface specification."""

    SYS_FATAL = 1
    SYS_TRANSIENT = 2
    DESTINATION_INVALID = 3
    CANISTER_REJECT = 4
    CANISTER_ERROR = 5
    SYS_UNKNOWN = 6


class SandboxError(Exception):
    """Root of everything the sandbox raises on purpose."""


class UsageError(SandboxError):
    """The sandbox was asked for something that makes no sense; nothing changed."""


class OpenCallsWarning(UserWarning):
    """A snapshot is taken or loaded while its canister still awaits or owes answers.

    A snapshot holds no calls: after loading, callbacks run in a state that never made the call.
    """


class ModuleRefused(SandboxError):
    """A Wasm module breaks a rule of the IC; nothing was installed.

    reason: the replica's text (without the "Canister's Wasm module is not valid" frame).
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NoText(SandboxError):
    """A function that is to return the address of a text does not: its module is to blame.

    The message continues a sentence that begins with the function's name.
    """


class CanisterRejected(SandboxError):
    """A call was answered with a reject.

    reject_code: 1 to 6, as ``ic0.msg_reject_code`` would give it.
    error_code: the replica's code, for example ``"IC0503"``.
    message: the replica's text.
    backtrace: Wasm function names, innermost first; empty when there was no trap.
    """

    def __init__(
        self,
        reject_code: int,
        error_code: str,
        message: str,
        backtrace: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"{error_code}: {message}")
        self.reject_code = reject_code
        self.error_code = error_code
        self.message = message
        self.backtrace = backtrace

    def __reduce__(self) -> tuple[type[CanisterRejected], tuple[object, ...]]:
        return (type(self), (self.reject_code, self.error_code, self.message, self.backtrace))


class CanisterTrapped(CanisterRejected):
    """The reject is the canister's own failure (reject code 5, CANISTER_ERROR)."""
