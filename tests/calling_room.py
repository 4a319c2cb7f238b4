"""Canisters that do nothing, and canisters that call whom they are told to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from canisters import universal as u
from canisters.build import built
from sandbox import CanisterRejected, Principal
from sandbox.management import interface

if TYPE_CHECKING:
    from sandbox import Canister, Sandbox

MANAGEMENT: Final = Principal.management()
ALICE: Final = Principal.self_authenticating(b"alice")
IDLE: Final = b"""(module
  (import "ic0" "msg_reply" (func $reply))
  (memory 1)
  (func (export "canister_update go") (call $reply))
  (func (export "canister_query look") (call $reply)))"""


@dataclass(frozen=True)
class Rejected:
    """What a reject callback was told."""

    code: int
    message: str


def caller(ic: Sandbox, **options: Any) -> Canister:
    """Install a universal canister."""
    return ic.install(built("c/wasm32/universal"), b"", **options)


def relay(
    callee: Principal,
    method: str,
    payload: bytes = b"",
    *,
    cycles: int = 0,
    timeout_s: int | None = None,
) -> u.Script:
    """Return a script that makes a call and replies with what came back."""
    return u.perform(
        u.call(
            bytes(callee),
            method,
            payload,
            on_reply=u.reply(b"A", u.argument()),
            on_reject=u.reply(b"R", u.get("msg_reject_code"), u.fetch("msg_reject_msg")),
            cycles=cycles,
            timeout_s=timeout_s,
        )
    )


def came_back(data: bytes) -> bytes | Rejected:
    """Read what a relay replied."""
    if data[:1] == b"A":
        return data[1:]
    return Rejected(int.from_bytes(data[1:9], "little"), data[9:].decode())


def ask(
    canister: Canister, callee: Principal, method: str, payload: bytes = b"", cycles: int = 0
) -> bytes | Rejected:
    """Have a canister call another; return the reply or the reject it got."""
    script = relay(callee, method, payload, cycles=cycles)
    return came_back(canister.update_raw("update", script))


def ask_management(canister: Canister, method: str, *arguments: Any, cycles: int = 0) -> Any:
    """Have a canister call the management canister, typed. Raises: CanisterRejected."""
    payload = interface.arguments(method).encode(arguments)
    answer = ask(canister, MANAGEMENT, method, payload, cycles)
    if isinstance(answer, Rejected):
        raise CanisterRejected(answer.code, "", answer.message)
    values = interface.results(method).decode(answer)
    return values[0] if values else None
