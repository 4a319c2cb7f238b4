"""Every ``ic0`` import: name, type, where it may be called. The single source.

The WAT's context gates, link-time validation, the documentation and the error texts
all read this table. ``I`` is the heap's address type (i32 or i64).
Source: IC interface specification 0.66, "Overview of imports", and the replica's
``get_valid_system_apis_*`` (reference/system_api.md, section 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Context(IntFlag):
    """Where a function may be called; a running message is in exactly one."""

    INIT = 1 << 0  # canister_init and canister_post_upgrade
    PRE_UPGRADE = 1 << 1
    UPDATE = 1 << 2
    REPLICATED_QUERY = 1 << 3
    QUERY = 1 << 4  # non-replicated
    TRANSFORM = 1 << 5
    COMPOSITE_QUERY = 1 << 6
    REPLY = 1 << 7
    REJECT = 1 << 8
    COMPOSITE_REPLY = 1 << 9
    COMPOSITE_REJECT = 1 << 10
    CLEANUP = 1 << 11
    COMPOSITE_CLEANUP = 1 << 12
    START = 1 << 13
    INSPECT = 1 << 14
    HEARTBEAT = 1 << 15
    TIMER = 1 << 16
    LOW_MEMORY = 1 << 17


# The replica's words for a context (system_api.rs, ``ApiType::as_str``).
MODE_NAMES: Final[Mapping[Context, str]] = MappingProxyType(
    {
        Context.INIT: "init",
        Context.PRE_UPGRADE: "pre upgrade",
        Context.UPDATE: "update",
        Context.REPLICATED_QUERY: "replicated query",
        Context.QUERY: "non replicated query",
        Context.TRANSFORM: "non replicated query",
        Context.COMPOSITE_QUERY: "composite query",
        Context.REPLY: "reply callback",
        Context.REJECT: "reject callback",
        Context.COMPOSITE_REPLY: "composite reply callback",
        Context.COMPOSITE_REJECT: "composite reject callback",
        Context.CLEANUP: "cleanup",
        Context.COMPOSITE_CLEANUP: "composite cleanup",
        Context.START: "start",
        Context.INSPECT: "inspect message",
        Context.HEARTBEAT: "heartbeat",
        Context.TIMER: "global timer",
        Context.LOW_MEMORY: "on low Wasm memory",
    }
)

_LETTERS: Final[Mapping[str, Context]] = MappingProxyType(
    {
        "I": Context.INIT,
        "G": Context.PRE_UPGRADE,
        "U": Context.UPDATE,
        "RQ": Context.REPLICATED_QUERY,
        "NRQ": Context.QUERY,
        "TQ": Context.TRANSFORM,
        "CQ": Context.COMPOSITE_QUERY,
        "Ry": Context.REPLY,
        "Rt": Context.REJECT,
        "CRy": Context.COMPOSITE_REPLY,
        "CRt": Context.COMPOSITE_REJECT,
        "C": Context.CLEANUP,
        "CC": Context.COMPOSITE_CLEANUP,
        "s": Context.START,
        "F": Context.INSPECT,
        "T": Context.HEARTBEAT | Context.TIMER | Context.LOW_MEMORY,
        "*": Context((1 << 18) - 1) & ~Context.START,
    }
)


@dataclass(frozen=True, slots=True)
class Import:
    """One function of the system API.

    params, results: Wasm value types, ``I`` standing for the address type.
    contexts: where it may be called.
    wasm32_only: the deprecated 32-bit and 64-bit-amount variants.
    instructions: what a call costs, besides one for each byte it copies.
    """

    name: str
    params: tuple[str, ...]
    results: tuple[str, ...]
    contexts: Context
    wasm32_only: bool = False
    instructions: int = 500


FuncType = tuple[tuple[str, ...], tuple[str, ...]]


# The replica's ``overhead`` constants (system_api_complexity.rs) that are not 500.
_OVERHEADS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "call_new": 1_500,
        "call_perform": 5_000,
        "is_controller": 1_000,
        "performance_counter": 200,
        "debug_print": 100,
        **dict.fromkeys(("stable64_size", "stable64_read", "stable64_write"), 20),
        **dict.fromkeys(("stable_size", "stable_read", "stable_write"), 20),
    }
)


def _rows(text: str, *, wasm32_only: bool = False) -> tuple[Import, ...]:
    return tuple(_row(line, wasm32_only) for line in text.strip().splitlines())


def _row(line: str, wasm32_only: bool) -> Import:
    name, signature, letters = (part.strip() for part in line.split("|"))
    params, results = (tuple(side.split()) for side in signature.split("->"))
    contexts = Context(0)
    for letter in letters.split():
        contexts |= _LETTERS[letter]
    return Import(name, params, results, contexts, wasm32_only, _OVERHEADS.get(name, 500))


IMPORTS: Final[tuple[Import, ...]] = _rows(
    """
    msg_arg_data_size             |                   -> I   | I U RQ NRQ TQ CQ Ry CRy F
    msg_arg_data_copy             | I I I             ->     | I U RQ NRQ TQ CQ Ry CRy F
    msg_caller_size               |                   -> I   | *
    msg_caller_copy               | I I I             ->     | *
    msg_caller_info_data_size     |                   -> I   | U RQ NRQ CQ Ry Rt CRy CRt C CC F
    msg_caller_info_data_copy     | I I I             ->     | U RQ NRQ CQ Ry Rt CRy CRt C CC F
    msg_caller_info_signer_size   |                   -> I   | U RQ NRQ CQ Ry Rt CRy CRt C CC F
    msg_caller_info_signer_copy   | I I I             ->     | U RQ NRQ CQ Ry Rt CRy CRt C CC F
    msg_reject_code               |                   -> i32 | Ry Rt CRy CRt C
    msg_reject_msg_size           |                   -> I   | Rt CRt
    msg_reject_msg_copy           | I I I             ->     | Rt CRt
    msg_deadline                  |                   -> i64 | U RQ NRQ CQ Ry Rt CRy CRt
    msg_reply_data_append         | I I               ->     | U RQ NRQ TQ CQ Ry Rt CRy CRt
    msg_reply                     |                   ->     | U RQ NRQ TQ CQ Ry Rt CRy CRt
    msg_reject                    | I I               ->     | U RQ NRQ TQ CQ Ry Rt CRy CRt
    msg_method_name_size          |                   -> I   | F
    msg_method_name_copy          | I I I             ->     | F
    accept_message                |                   ->     | F
    canister_self_size            |                   -> I   | *
    canister_self_copy            | I I I             ->     | *
    canister_status               |                   -> i32 | *
    canister_version              |                   -> i64 | *
    subnet_self_size              |                   -> I   | *
    subnet_self_copy              | I I I             ->     | *
    env_var_count                 |                   -> I   | *
    env_var_name_size             | I                 -> I   | *
    env_var_name_copy             | I I I I           ->     | *
    env_var_name_exists           | I I               -> i32 | *
    env_var_value_size            | I I               -> I   | *
    env_var_value_copy            | I I I I I         ->     | *
    is_controller                 | I I               -> i32 | * s
    in_replicated_execution       |                   -> i32 | * s
    call_new                      | I I I I I I I I   ->     | U CQ Ry Rt CRy CRt T
    call_on_cleanup               | I I               ->     | U CQ Ry Rt CRy CRt T
    call_data_append              | I I               ->     | U CQ Ry Rt CRy CRt T
    call_with_best_effort_response| i32               ->     | U CQ Ry Rt CRy CRt T
    call_cycles_add128            | i64 i64           ->     | U Ry Rt T
    call_perform                  |                   -> i32 | U CQ Ry Rt CRy CRt T
    canister_cycle_balance128     | I                 ->     | *
    canister_liquid_cycle_balance128 | I              ->     | *
    msg_cycles_available128       | I                 ->     | U RQ Rt Ry
    msg_cycles_accept128          | i64 i64 I         ->     | U RQ Rt Ry
    msg_cycles_refunded128        | I                 ->     | Rt Ry
    cycles_burn128                | i64 i64 I         ->     | I G U RQ Ry Rt C T
    mint_cycles128                | i64 i64 I         ->     | U T Ry Rt
    stable64_size                 |                   -> i64 | * s
    stable64_grow                 | i64               -> i64 | * s
    stable64_read                 | i64 i64 i64       ->     | * s
    stable64_write                | i64 i64 i64       ->     | * s
    root_key_size                 |                   -> I   | I G U RQ Ry Rt C T
    root_key_copy                 | I I I             ->     | I G U RQ Ry Rt C T
    certified_data_set            | I I               ->     | I G U Ry Rt T
    data_certificate_present      |                   -> i32 | *
    data_certificate_size         |                   -> I   | NRQ CQ
    data_certificate_copy         | I I I             ->     | NRQ CQ
    time                          |                   -> i64 | *
    global_timer_set              | i64               -> i64 | I G U Ry Rt C T
    performance_counter           | i32               -> i64 | * s
    cost_call                     | i64 i64 I         ->     | * s
    cost_create_canister          | I                 ->     | * s
    cost_http_request             | i64 i64 I         ->     | * s
    cost_sign_with_ecdsa          | I I i32 I         -> i32 | * s
    cost_sign_with_schnorr        | I I i32 I         -> i32 | * s
    cost_vetkd_derive_key         | I I i32 I         -> i32 | * s
    debug_print                   | I I               ->     | * s
    trap                          | I I               ->     | * s
    """
) + _rows(
    """
    call_cycles_add               | i64               ->     | U Ry Rt T
    canister_cycle_balance        |                   -> i64 | *
    msg_cycles_available          |                   -> i64 | U RQ Rt Ry
    msg_cycles_accept             | i64               -> i64 | U RQ Rt Ry
    msg_cycles_refunded           |                   -> i64 | Rt Ry
    stable_size                   |                   -> i32 | * s
    stable_grow                   | i32               -> i32 | * s
    stable_read                   | i32 i32 i32       ->     | * s
    stable_write                  | i32 i32 i32       ->     | * s
    """,
    wasm32_only=True,
)

IMPORT_INDEX: Final[Mapping[str, int]] = MappingProxyType(
    {row.name: index for index, row in enumerate(IMPORTS)}
)


def signatures(*, is_64: bool) -> dict[str, FuncType]:
    """Return what a module with this heap width may import, with concrete types."""
    return {row.name: concrete(row, is_64=is_64) for row in available(is_64=is_64)}


def available(*, is_64: bool) -> tuple[Import, ...]:
    """Return the rows that exist for this heap width, in table order."""
    return tuple(row for row in IMPORTS if not (is_64 and row.wasm32_only))


def concrete(row: Import, *, is_64: bool) -> FuncType:
    """Return the row's type with ``I`` replaced by i32 or i64."""
    address = "i64" if is_64 else "i32"

    def fix(types: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(address if type_ == "I" else type_ for type_ in types)

    return fix(row.params), fix(row.results)
