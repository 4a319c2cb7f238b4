"""The mailbox: one memory through which the host and the system API module talk.

Before a message the host fills the *in* header and the argument; while it runs, the
module fills the *out* header, the reply, the log and the calls; afterwards the host
reads them. Both sides take every offset from here. All numbers are little-endian.

The memory is 256 MiB of address space of which only touched pages exist.
"""

from __future__ import annotations

import struct
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SIZE_BYTES: Final = 0x1000_0000

# (name, struct code): written by the host before each message, at offset 0.
IN_FIELDS: Final = (
    ("ctx", "I"),  # exactly one bit of table.Context
    ("status", "I"),
    ("replicated", "I"),
    ("answered", "I"),  # the call context has been responded to already
    ("version", "Q"),
    ("time", "Q"),
    ("deadline", "Q"),
    ("timer", "Q"),  # both ways: global_timer_set exchanges it
    ("balance_lo", "Q"),
    ("balance_hi", "Q"),
    ("liquid_lo", "Q"),
    ("liquid_hi", "Q"),
    ("available_lo", "Q"),
    ("available_hi", "Q"),
    ("refunded_lo", "Q"),
    ("refunded_hi", "Q"),
    ("stable_pages", "Q"),  # both ways: stable64_grow counts it up
    ("stable_max", "Q"),
    ("stable_budget", "q"),  # bytes that may be written before the host is asked again
    ("counter_base", "Q"),  # instructions of earlier messages of this call context
    ("arg_len", "Q"),
    ("call_fee_lo", "Q"),  # what every call_perform costs and prepays
    ("call_fee_hi", "Q"),
    ("call_byte_fee", "Q"),
    ("stable_capacity", "Q"),  # pages of address space; past it the message is run again
    ("method_len", "I"),
    ("caller_len", "I"),
    ("reject_code", "I"),
    ("reject_len", "I"),
    ("max_reply", "I"),
    ("max_payload", "I"),
    ("max_calls", "I"),
    ("certificate_len", "I"),
    ("info_len", "I"),
    ("signer_len", "I"),
)
# Zeroed by the host before each message, written by the module, at offset 512.
OUT_FIELDS: Final = (
    ("error_kind", "I"),
    ("error_label", "I"),
    ("error_a", "Q"),
    ("error_b", "Q"),
    ("error_c", "Q"),
    ("reply_state", "I"),  # 0 none, 1 replied, 2 rejected
    ("reply_len", "I"),
    ("timer_set", "I"),
    ("certified_set", "I"),
    ("certified_len", "I"),
    ("accepted", "I"),  # accept_message was called
    ("accepted_lo", "Q"),
    ("accepted_hi", "Q"),
    ("burned_lo", "Q"),
    ("burned_hi", "Q"),
    ("calls_len", "I"),  # bytes of finished call records
    ("calls_count", "I"),
    ("call_open", "I"),
    ("log_len", "I"),
    ("window_lo", "Q"),  # stable bytes written in this message: [lo, hi)
    ("window_hi", "Q"),
    ("stable_grown", "Q"),
)
# Set when an instance is made or the canister's settings change, at offset 1024.
IDENTITY_FIELDS: Final = (
    ("self_len", "I"),
    ("subnet_len", "I"),
    ("root_key_len", "I"),
    ("controllers_count", "I"),
    ("env_count", "I"),
)
# One outgoing call: this header, then callee (32 bytes), method name, payload.
CALL_FIELDS: Final = (
    ("call_callee_len", "I"),
    ("call_name_len", "I"),
    ("call_payload_len", "I"),
    ("call_has_cleanup", "I"),
    ("call_reply_fun", "Q"),
    ("call_reply_env", "Q"),
    ("call_reject_fun", "Q"),
    ("call_reject_env", "Q"),
    ("call_cleanup_fun", "Q"),
    ("call_cleanup_env", "Q"),
    ("call_cycles_lo", "Q"),
    ("call_cycles_hi", "Q"),
    ("call_has_timeout", "I"),
    ("call_timeout", "I"),
)

IN_AT: Final = 0
OUT_AT: Final = 512
IDENTITY_AT: Final = 1024
AREAS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "self_at": 1088,
        "caller_at": 1120,
        "subnet_at": 1152,
        "signer_at": 1184,
        "certified_at": 1216,
        "cost_at": 1248,  # 16 bytes: what a cost_* call answers
        "root_key_at": 1280,  # up to 256 bytes
        "controllers_at": 2048,  # 32 bytes each: length, then the principal
        "method_at": 0x2000,  # 20,000 bytes are the most a method name has
        "env_at": 0xA000,  # 16 bytes each: name offset, length, value offset, length
        "env_text_at": 0xB000,
        "certificate_at": 0x20000,
        "info_at": 0x30000,
        "scratch_at": 0x40000,
        "log_at": 0x50000,
        "log_end": 0x15_0000,
        "reply_at": 0x20_0000,
        "reply_end": 0xA0_0000,
        "calls_at": 0x100_0000,
        "calls_end": 0x800_0000,
        "arg_at": 0x800_0000,  # the argument; in a reject callback, the reject message
    }
)
MAX_ARG_BYTES: Final = SIZE_BYTES - AREAS["arg_at"]
MAX_REPLY_BYTES: Final = AREAS["reply_end"] - AREAS["reply_at"]
MAX_CONTROLLERS: Final = (AREAS["method_at"] - AREAS["controllers_at"]) // 32
SCRATCH_BYTES: Final = AREAS["log_at"] - AREAS["scratch_at"]


def _struct(fields: tuple[tuple[str, str], ...]) -> struct.Struct:
    return struct.Struct("<" + "".join(code for _, code in fields))


IN: Final = _struct(IN_FIELDS)
OUT: Final = _struct(OUT_FIELDS)
IDENTITY: Final = _struct(IDENTITY_FIELDS)
CALL: Final = _struct(CALL_FIELDS)
CALL_HEADER_BYTES: Final = CALL.size + 32


def _offsets(fields: tuple[tuple[str, str], ...], start: int) -> dict[str, int]:
    result, at = {}, start
    for name, code in fields:
        size = struct.calcsize("<" + code)
        assert (at - start) % size == 0, f"{name} is not aligned"
        result[name], at = at, at + size
    return result


OFFSETS: Final[Mapping[str, int]] = MappingProxyType(
    {
        **_offsets(IN_FIELDS, IN_AT),
        **_offsets(OUT_FIELDS, OUT_AT),
        **_offsets(IDENTITY_FIELDS, IDENTITY_AT),
        **_offsets(CALL_FIELDS, 0),
        **AREAS,
        "call_header": CALL_HEADER_BYTES,
        "call_callee": CALL.size,
    }
)
assert IN.size <= OUT_AT
assert OUT_AT + OUT.size <= IDENTITY_AT
assert IDENTITY_AT + IDENTITY.size <= AREAS["self_at"]
