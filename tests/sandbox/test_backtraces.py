"""Who is told where a canister trapped: those who may read its log, and the tester in any case.

Source: replica hypervisor.rs, ``remove_backtrace``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from calling_room import ALICE, ask, caller
from engine_room import wat
from sandbox import Canister, CanisterTrapped, Principal

if TYPE_CHECKING:
    from sandbox import Sandbox

NAMED: Final = wat(
    '(module (memory 1) (func $run (export "canister_update run") unreachable) '
    '(func $look (export "canister_query look") unreachable) '
    '(func $beat (export "canister_heartbeat") unreachable))'
)
BOB: Final = Principal.self_authenticating(b"bob")


@pytest.mark.parametrize("viewers", ["controllers", {"allowed_viewers": [BOB]}])
@pytest.mark.parametrize("call", [Canister.update_raw, Canister.query_raw])
def test_who_may_not_read_the_log_is_told_no_backtrace(
    ic: Sandbox, call: Any, viewers: Any
) -> None:
    canister = ic.install(NAMED)
    method = "look" if call is Canister.query_raw else "run"
    ic.management.update_settings(canister_id=canister.id, settings={"log_visibility": viewers})

    with pytest.raises(CanisterTrapped) as caught:
        call(canister, method, caller=ALICE)

    assert caught.value.message.startswith(
        f"Error from Canister {canister.id}: Canister trapped: unreachable.\nConsider"
    )
    assert caught.value.backtrace == (method,)
    assert canister.logs[-1].text == f"[TRAP]: unreachable\nCanister Backtrace:\n{method}\n"


@pytest.mark.parametrize("viewers", ["public", {"allowed_viewers": [ALICE]}])
def test_who_may_read_the_log_is_told_the_backtrace(ic: Sandbox, viewers: Any) -> None:
    canister = ic.install(NAMED)
    ic.management.update_settings(canister_id=canister.id, settings={"log_visibility": viewers})

    with pytest.raises(CanisterTrapped, match="Canister Backtrace:\nrun\n"):
        canister.update_raw("run", caller=ALICE)


def test_a_calling_canister_is_told_no_backtrace_unless_it_controls_the_other(
    ic: Sandbox,
) -> None:
    canister, asking = ic.install(NAMED), caller(ic)

    told = ask(asking, canister.id, "run")
    ic.management.update_settings(
        canister_id=canister.id, settings={"controllers": [ic.identity, asking.id]}
    )
    trusted = ask(asking, canister.id, "run")

    assert not isinstance(told, bytes)
    assert not isinstance(trusted, bytes)
    assert "Backtrace" not in told.message
    assert "Canister Backtrace:\nrun\n" in trusted.message


def test_the_trap_of_a_heartbeat_is_traced_with_its_backtrace(ic: Sandbox) -> None:
    ic.install(NAMED)

    (span,) = ic.tick().trace.roots

    assert "Canister Backtrace:\nbeat\n" in getattr(span.executions[0].failure, "message", "")
