"""What a failing system call leaves in the mailbox, in the replica's words.

``Kind`` is shared with ``ic0/*.wat``; ``describe`` turns (kind, label, numbers) into an
error code, the replica's text and the help that belongs to it.
Source: replica ``HypervisorError`` (rs/interfaces/.../errors.rs) and system_api.rs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sandbox import texts
from sandbox.system_api.table import IMPORTS, MODE_NAMES, Context

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(IntEnum):
    """The ways a system call fails; the numbers are used in the WAT."""

    NONE = 0
    WRONG_CONTEXT = 1
    TOOLCHAIN = 2
    USER = 3
    TRAP = 4
    CALLED_TRAP = 5
    BAD_PRINCIPAL = 6
    BAD_ADDRESS = 7
    BAD_SLICE = 8
    BAD_CYCLES_SLICE = 9
    OUT_OF_CYCLES = 10
    STABLE_LIMIT = 11
    ENV_INDEX = 12
    ENV_MISSING = 13
    CALL_PAYLOAD = 14
    CALLS_FULL = 15
    BAD_KEY_NAME = 16
    NO_MINTING = 17
    STABLE_CAPACITY = 18  # not the canister's fault: run it again with more address space


@dataclass(frozen=True, slots=True)
class Violation:
    """One failure, ready for ``Error from Canister …``.

    message: without frame and help. help: the text after the message, may be empty.
    """

    error_code: str
    message: str
    help: str


@dataclass(frozen=True, slots=True)
class Report:
    """What the mailbox says about a failed call.

    label: the resolved text (or, for WRONG_CONTEXT, the import's name).
    text: bytes that belong to the failure: the trap message, a variable's name, …
    """

    kind: Kind
    label: str
    numbers: tuple[int, int, int]
    text: str


_HELP: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ic0.msg_reply_data_append: application": texts.suggestion(
            "Consider checking the response size and returning an error if it is too long.",
            "msg_reply_data_append-payload-too-large",
        ),
        "ic0.msg_reject: application": texts.suggestion(
            "Try truncating the error messages that are too long.", "msg_reject-payload-too-large"
        ),
        "ic0_certified_data_set failed because the passed": texts.suggestion(
            "Try certifying just the hash of your data instead of the full contents.",
            "certified_data_set-payload-too-large",
        ),
        "Size of method_name": texts.suggestion(
            "Size of method_name {} exceeds the allowed limit of {}.",
            "canister-made-a-call-with-too-large-method-name",
        ),
        **{
            f"ic0.{name}: Variable name is not": texts.suggestion(
                "Provide a valid UTF-8 string for the environment variable name.", ""
            )
            for name in ("env_var_name_exists", "env_var_value_size", "env_var_value_copy")
        },
    }
)


def describe(report: Report, context: Context, canister: str) -> Violation:
    """Return code, text and help of a failed system call.

    context: where the call was made; canister: the textual id, for the texts that name it.
    """
    a, b, c = report.numbers
    label = report.label
    contract = "Canister violated contract: "
    match report.kind:
        case Kind.WRONG_CONTEXT:
            message = f'"ic0_{label}" cannot be executed in {MODE_NAMES[context]} mode'
            return Violation("IC0504", contract + message, texts.WRONG_MODE)
        case Kind.TOOLCHAIN:
            message = label.format(a=a, b=b, c=c)
            return Violation("IC0504", contract + message, texts.TOOLCHAIN)
        case Kind.USER:
            return Violation("IC0504", contract + label.format(a=a, b=b, c=c), _help(label))
        case Kind.TRAP:
            return Violation("IC0502", f"Canister trapped: {label}", texts.TRAPPED)
        case Kind.CALLED_TRAP:
            message = f"Canister called `ic0.trap` with message: '{report.text}'"
            return Violation("IC0503", message, texts.TRAPPED_EXPLICITLY)
        case Kind.BAD_PRINCIPAL:
            return Violation("IC0504", "Canister provided invalid principal id", texts.TOOLCHAIN)
        case Kind.BAD_ADDRESS:
            message = f"{label}: src={a} + length={b} is an invalid address"
            return Violation("IC0504", contract + message, texts.TOOLCHAIN)
        case Kind.BAD_SLICE:
            message = f"{label}: src={a} + length={b} exceeds the slice size={c}"
            return Violation("IC0504", contract + message, texts.TOOLCHAIN)
        case _:
            return _rare(report, canister)


def _rare(report: Report, canister: str) -> Violation:
    a, b, c = report.numbers
    label = report.label
    contract = "Canister violated contract: "
    match report.kind:
        case Kind.BAD_CYCLES_SLICE:
            message = (
                f"{label} failed because dst + size is out of bounds."
                f"Found dst = {a} and size = {b} while must be <= {c}"
            )
            return Violation("IC0504", contract + message, texts.TOOLCHAIN)
        case Kind.OUT_OF_CYCLES:
            return Violation("IC0504", f"Canister {canister} is out of cycles", "")
        case Kind.STABLE_LIMIT:
            message = "Canister exceeded memory access limits: " + report.text
            return Violation("IC0524", message, texts.MEMORY_ACCESS)
        case Kind.ENV_INDEX:
            message = (
                f"Environment variable index {a} is out of bounds. "
                f"The number of environment variables is {b}."
            )
            return Violation("IC0504", message, "")
        case Kind.ENV_MISSING:
            return Violation("IC0504", f"Environment variable {report.text} not found.", "")
        case Kind.CALL_PAYLOAD:
            message = (
                f"Request to {report.text} has a payload size of {a}, "
                f"which exceeds the allowed limit of {b}."
            )
            return Violation("IC0504", contract + message, texts.CALL_PAYLOAD)
        case Kind.CALLS_FULL:
            message = "Canister cannot grow message memory: its outgoing calls fill 112 MiB."
            return Violation("IC0507", message, texts.OUT_OF_MEMORY)
        case Kind.BAD_KEY_NAME:
            message = f"Failed to decode key name {report.text}"
            return Violation("IC0504", contract + message, texts.TOOLCHAIN)
        case Kind.NO_MINTING:
            message = (
                f"ic0.mint_cycles128 cannot be executed on non Cycles Minting Canister: {canister}"
            )
            return Violation("IC0504", contract + message, texts.TOOLCHAIN)
        case _:
            raise AssertionError(f"the system API reported an unknown failure: {report}")


def _help(label: str) -> str:
    return next((text for start, text in _HELP.items() if label.startswith(start)), "")


def resolve_label(kind: Kind, label: int, labels: tuple[str, ...]) -> str:
    """Return the text behind a label number.

    For WRONG_CONTEXT it is an import's name; for CALL_PAYLOAD the number is no label but
    the place of a call record, so there is no text.
    """
    match kind:
        case Kind.WRONG_CONTEXT:
            return IMPORTS[label].name
        case Kind.CALL_PAYLOAD:
            return ""
        case _:
            return labels[label]
