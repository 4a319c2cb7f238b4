"""The universal canister in a sandbox: any script, at any width, in any context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from canisters.build import built
from canisters.universal import Hook, on
from engine_room import execute
from sandbox.system_api.table import Context

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Canister, Sandbox
    from sandbox.messages import Outcome

WIDTHS: Final = ("wasm32", "wasm64")


def universal(width: str) -> Path:
    return built(f"c/{width}/universal")


def install(ic: Sandbox, width: str, script: bytes = b"") -> Canister:
    return ic.install(universal(width), script)


def keep(canister: Canister, script: bytes) -> None:
    """Give the canister a script for ``run_kept``."""
    outcome = execute(canister, "update", argument=on(Hook.HEARTBEAT, script))
    assert outcome.failure is None, outcome.failure


def run_kept(canister: Canister, context: Context = Context.UPDATE, **task: Any) -> Outcome:
    """Run the kept script; works in any context, also where there is no argument."""
    return execute(canister, "canister_heartbeat", context, **task)


def run(
    canister: Canister, script: bytes, context: Context = Context.UPDATE, **task: Any
) -> Outcome:
    """Keep a script and run it."""
    keep(canister, script)
    return run_kept(canister, context, **task)
