"""Why a message failed, in the replica's words: the reject and the line in the log.

Source: replica ``HypervisorError::into_user_error`` and ``add_canister_log_for_trap``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sandbox import texts
from sandbox.engine.traps import BAD_SIGNATURE, OUT_OF_INSTRUCTIONS, TrapInfo
from sandbox.messages import Closure, Reject, reject
from sandbox.system_api.violations import Violation

if TYPE_CHECKING:
    from sandbox.principal import Principal

_TRAPPED: Final = "Canister trapped: "
_CALLED_TRAP: Final = "Canister called `ic0.trap` with message: "


@dataclass(frozen=True, slots=True)
class Failure:
    """What the caller gets to see, and the lines the log gets."""

    reject: Reject
    log_lines: tuple[str, ...]


def failed(
    canister: Principal,
    violation: Violation,
    trap: TrapInfo | None = None,
    *,
    is_trace_told: bool = True,
) -> Failure:
    """Put a failure into words.

    trap: gives the functions that were running; they are named where names are known.
    is_trace_told: whether the message names them too. The log does in any case, and so does
        the reject's ``backtrace``, which no canister can read.
    """
    message, lines = violation.message, _log_lines(violation)
    backtrace = () if trap is None else trap.backtrace
    if lines and trap is not None and trap.has_names:
        listed = "\nCanister Backtrace:\n" + "".join(f"{name}\n" for name in backtrace)
        lines = (lines[0] + listed,)
        message += listed if is_trace_told else ""
    text = texts.error_from(str(canister), message, violation.help)
    failure = reject(violation.error_code, text, backtrace)
    return Failure(replace(failure, cause=message), lines)


def with_cleanup(canister: Principal, failure: Reject, cleanup: Reject) -> Reject:
    """Return the failure of a callback whose cleanup failed as well: two causes, no help."""
    causes = (failure.cause or failure.message, cleanup.cause or cleanup.message)
    message = "\n\ncall_on_cleanup also failed:\n\n".join(causes)
    return replace(failure, message=texts.error_from(str(canister), message, ""), cause=message)


def trap_violation(trap: TrapInfo, instruction_limit: int) -> Violation:
    """Return what a trap of the canister's own code means."""
    if trap.text == OUT_OF_INSTRUCTIONS:
        return over_instruction_limit(instruction_limit)
    if trap.text == BAD_SIGNATURE:
        message = "Canister violated contract: function invocation does not match its signature"
        return Violation("IC0504", message, texts.TOOLCHAIN)
    return Violation("IC0502", _TRAPPED + trap.text, texts.TRAPPED)


def over_instruction_limit(limit: int) -> Violation:
    """Return the failure of a message that used up its instructions."""
    message = f"Canister exceeded the limit of {limit} instructions for single message execution."
    return Violation("IC0522", message, texts.INSTRUCTION_LIMIT)


def no_function(closure: Closure) -> Violation:
    """Return the failure of a callback that is not in the table."""
    message = (
        f"Canister requested to invoke a non-existent Wasm function {closure.function} from table 0"
    )
    return Violation("IC0513", message, texts.TOOLCHAIN)


def out_of_host_memory(why: str) -> Violation:
    """Return the failure of a message whose changes this machine cannot keep."""
    message = f"Canister cannot grow its memory usage on this machine: {why}"
    return Violation("IC0507", message, texts.OUT_OF_MEMORY)


def _log_lines(violation: Violation) -> tuple[str, ...]:
    """Return the line the replica adds to the log of a canister that trapped."""
    if violation.message.startswith(_TRAPPED):
        return ("[TRAP]: " + violation.message.removeprefix(_TRAPPED),)
    if violation.message.startswith(_CALLED_TRAP):
        reason = violation.message.removeprefix(_CALLED_TRAP)[1:-1]  # it stands in quotes
        return (f"[TRAP]: {reason or '(no message)'}",)
    return ()
