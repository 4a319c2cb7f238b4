"""The host's side of the mailbox: fill it before a message, read it after.

The layout is ``system_api.mailbox``; nobody else packs or unpacks it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.messages import Answer, Closure, OutgoingCall, Reply, Task, reject
from sandbox.principal import Principal
from sandbox.system_api import mailbox
from sandbox.system_api.mailbox import AREAS, CALL, CALL_HEADER_BYTES, OUT, OUT_AT
from sandbox.system_api.violations import Kind, Report, resolve_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ZERO_OUT: Final = bytes(OUT.size)
_LOW: Final = (1 << 64) - 1
_LENGTH: Final = struct.Struct("<I")
_CALL_NAMES: Final = tuple(name for name, _ in mailbox.CALL_FIELDS)
_ENV_ROW: Final = struct.Struct("<IIII")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the system tells a canister besides the message itself.

    The numbers are those of ``mailbox.IN_FIELDS``; amounts are cycles.
    """

    status: int
    version: int
    time_ns: int
    timer_ns: int
    balance: int
    liquid: int
    stable_pages: int
    stable_max_pages: int
    stable_capacity_pages: int
    stable_budget: int
    max_reply: int
    max_payload: int
    max_calls: int
    call_fee: int = 0
    call_byte_fee: int = 0


@dataclass(frozen=True, slots=True)
class Effects:
    """What a message left in the mailbox.

    new_timer_ns, new_certified: None when untouched. window: stable bytes written.
    """

    answer: Answer | None
    new_timer_ns: int | None
    new_certified: bytes | None
    accepted: bool
    balance: int
    accepted_cycles: int
    burned_cycles: int
    calls: tuple[OutgoingCall, ...]
    stable_pages: int
    window: tuple[int, int]


def write_identity(
    mail: memoryview,
    *,
    canister: Principal,
    subnet: Principal,
    root_key: bytes,
    controllers: Sequence[Principal],
    environment: Mapping[str, str],
) -> None:
    """Tell an instance who it is; needed once, and after the settings changed."""
    listed = controllers[: mailbox.MAX_CONTROLLERS]
    mailbox.IDENTITY.pack_into(
        mail,
        mailbox.IDENTITY_AT,
        len(bytes(canister)),
        len(bytes(subnet)),
        len(root_key),
        len(listed),
        len(environment),
    )
    _put(mail, AREAS["self_at"], bytes(canister))
    _put(mail, AREAS["subnet_at"], bytes(subnet))
    _put(mail, AREAS["root_key_at"], root_key)
    for number, controller in enumerate(listed):
        raw = bytes(controller)
        _put(mail, AREAS["controllers_at"] + 32 * number, bytes([len(raw)]) + raw)
    _write_environment(mail, environment)


def _write_environment(mail: memoryview, environment: Mapping[str, str]) -> None:
    at = AREAS["env_text_at"]
    for number, (name, value) in enumerate(sorted(environment.items())):
        key, text = name.encode(), value.encode()
        row = (at, len(key), at + len(key), len(text))
        _ENV_ROW.pack_into(mail, AREAS["env_at"] + 16 * number, *row)
        _put(mail, at, key + text)
        at += len(key) + len(text)


def write_task(mail: memoryview, task: Task, around: Surroundings) -> None:
    """Fill the mailbox for one message.

    Requires: the argument fits (``mailbox.MAX_ARG_BYTES``), checked where it came in; a
        certificate has less than 64 KiB.
    """
    argument, caller = task.argument, bytes(task.caller)
    method = task.method.encode()
    is_reject = task.reject_code != 0
    mailbox.IN.pack_into(
        mail,
        mailbox.IN_AT,
        int(task.context),
        around.status,
        task.is_replicated,
        task.answered,
        around.version,
        around.time_ns,
        task.deadline_ns,
        around.timer_ns,
        around.balance & _LOW,
        around.balance >> 64,
        around.liquid & _LOW,
        around.liquid >> 64,
        task.available_cycles & _LOW,
        task.available_cycles >> 64,
        task.refunded_cycles & _LOW,
        task.refunded_cycles >> 64,
        around.stable_pages,
        around.stable_max_pages,
        around.stable_budget,
        task.counter_base,
        0 if is_reject else len(argument),
        around.call_fee & _LOW,
        around.call_fee >> 64,
        around.call_byte_fee,
        around.stable_capacity_pages,
        len(method),
        len(caller),
        task.reject_code,
        len(argument) if is_reject else 0,
        min(around.max_reply, mailbox.MAX_REPLY_BYTES),
        around.max_payload,
        around.max_calls,
        len(task.certificate),
        0,
        0,
    )
    _put(mail, OUT_AT, _ZERO_OUT)
    _put(mail, AREAS["caller_at"], caller)
    if argument:
        _put(mail, AREAS["arg_at"], argument)
    if method:
        _put(mail, AREAS["method_at"], method)
    if task.certificate:
        _put(mail, AREAS["certificate_at"], task.certificate)


def read_effects(mail: memoryview) -> Effects:
    """Return what a message that ended well did."""
    inbox = mailbox.IN.unpack_from(mail, mailbox.IN_AT)
    out = OUT.unpack_from(mail, OUT_AT)
    timer, balance, pages = inbox[7], inbox[8] | inbox[9] << 64, inbox[16]
    reply_state, reply_len, timer_set, certified_set, certified_len, accepted = out[5:11]
    calls_count, is_call_open = out[16:18]
    if is_call_open:  # never performed: its cycles come back
        balance += _call(mail, AREAS["calls_at"] + out[15])[0].cycles
    return Effects(
        answer=_answer(mail, reply_state, reply_len) if reply_state else None,
        new_timer_ns=timer if timer_set else None,
        new_certified=_get(mail, AREAS["certified_at"], certified_len) if certified_set else None,
        accepted=bool(accepted),
        balance=balance,
        accepted_cycles=out[11] | out[12] << 64,
        burned_cycles=out[13] | out[14] << 64,
        calls=_calls(mail, calls_count) if calls_count else (),
        stable_pages=pages,
        window=(out[19], out[20]),
    )


def read_window(mail: memoryview) -> tuple[int, int]:
    """Return the stable bytes a message has written so far, failed or not."""
    out = OUT.unpack_from(mail, OUT_AT)
    return out[19], out[20]


def read_balance_and_stable_pages(mail: memoryview) -> tuple[int, int]:
    """Return a running message's balance and stable memory size as they are now."""
    inbox = mailbox.IN.unpack_from(mail, mailbox.IN_AT)
    return inbox[8] | inbox[9] << 64, inbox[16]


def read_callees(mail: memoryview) -> tuple[list[Principal], Principal]:
    """Return whom the message has called so far, and whom it is about to call."""
    count = OUT.unpack_from(mail, OUT_AT)[16]
    made, at = [], AREAS["calls_at"]
    for _ in range(count):
        callee_len, name_len, payload_len = CALL.unpack_from(mail, at)[:3]
        made.append(Principal(_get(mail, at + CALL.size, callee_len)))
        at += (CALL_HEADER_BYTES + name_len + payload_len + 7) & -8
    callee_len = CALL.unpack_from(mail, at)[0]
    return made, Principal(_get(mail, at + CALL.size, callee_len))


def wants_stable_capacity(mail: memoryview) -> bool:
    """Whether a message stopped because too little address space was reserved."""
    return bool(OUT.unpack_from(mail, OUT_AT)[0] == Kind.STABLE_CAPACITY)


def read_report(mail: memoryview, labels: tuple[str, ...]) -> Report | None:
    """Return why a system call failed; None when the trap was the canister's own."""
    kind, label, a, b, c = OUT.unpack_from(mail, OUT_AT)[:5]
    if kind == Kind.NONE:
        return None
    kind = Kind(kind)
    return Report(kind, resolve_label(kind, label, labels), (a, b, c), _text(mail, kind, label, a))


def read_log(mail: memoryview) -> tuple[str, ...]:
    """Take the records out of the log area and empty it."""
    length = OUT.unpack_from(mail, OUT_AT)[18]
    if not length:
        return ()
    data = _get(mail, AREAS["log_at"], length)
    _LENGTH.pack_into(mail, mailbox.OFFSETS["log_len"], 0)
    records, at = [], 0
    while at < length:
        (size,) = _LENGTH.unpack_from(data, at)
        records.append(data[at + 4 : at + 4 + size].decode("utf-8", "replace"))
        at += 4 + size
    return tuple(records)


def write_cost(mail: memoryview, amount: int) -> None:
    """Answer a cost function."""
    _put(mail, AREAS["cost_at"], amount.to_bytes(16, "little"))


def read_scratch(mail: memoryview, length: int) -> str:
    """Return a text the system API has put into the scratch area."""
    return _get(mail, AREAS["scratch_at"], length).decode("utf-8", "replace")


def _answer(mail: memoryview, state: int, length: int) -> Answer:
    data = _get(mail, AREAS["reply_at"], length)
    if state == 1:
        return Reply(data)
    return reject("IC0406", data.decode("utf-8", "replace"))


def _calls(mail: memoryview, count: int) -> tuple[OutgoingCall, ...]:
    calls, at = [], AREAS["calls_at"]
    for _ in range(count):
        call, size = _call(mail, at)
        calls.append(call)
        at += size
    return tuple(calls)


def _call(mail: memoryview, at: int) -> tuple[OutgoingCall, int]:
    fields = dict(zip(_CALL_NAMES, CALL.unpack_from(mail, at), strict=True))
    name_len, payload_len = fields["call_name_len"], fields["call_payload_len"]
    start = at + CALL_HEADER_BYTES

    def closure(which: str) -> Closure:
        return Closure(fields[f"call_{which}_fun"], fields[f"call_{which}_env"])

    call = OutgoingCall(
        callee=Principal(_get(mail, at + CALL.size, fields["call_callee_len"])),
        method=_get(mail, start, name_len).decode("utf-8", "replace"),
        argument=_get(mail, start + name_len, payload_len),
        cycles=fields["call_cycles_lo"] | fields["call_cycles_hi"] << 64,
        on_reply=closure("reply"),
        on_reject=closure("reject"),
        on_cleanup=closure("cleanup") if fields["call_has_cleanup"] else None,
        timeout_s=fields["call_timeout"] if fields["call_has_timeout"] else None,
    )
    return call, (CALL_HEADER_BYTES + name_len + payload_len + 7) & -8


def _text(mail: memoryview, kind: Kind, label: int, length: int) -> str:
    """Return the text that belongs to a failure; where it lies depends on the kind."""
    match kind:
        case Kind.CALLED_TRAP:
            return _get(mail, AREAS["reply_at"], length).decode("utf-8", "replace")
        case Kind.ENV_MISSING | Kind.BAD_KEY_NAME:
            return read_scratch(mail, length)
        case Kind.CALL_PAYLOAD:  # here the label is where the call's record stands
            call, _ = _call(mail, label)
            return f"{call.callee}:{call.method}"
        case _:
            return ""


def _put(mail: memoryview, at: int, data: bytes) -> None:
    mail[at : at + len(data)] = data


def _get(mail: memoryview, at: int, length: int) -> bytes:
    return bytes(mail[at : at + length])
