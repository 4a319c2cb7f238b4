"""Canister Sandbox: run Internet Computer canisters in this process.

    from sandbox import Sandbox

    with Sandbox() as ic:
        counter = ic.install("counter.wasm")
        counter.update("inc")

Names are loaded on first use, so that ``from sandbox import candid`` does not load the
Wasm engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox import candid
    from sandbox.anchor import Anchor
    from sandbox.errors import (
        CanisterRejected,
        CanisterTrapped,
        ModuleRefused,
        RejectCode,
        SandboxError,
        UsageError,
    )
    from sandbox.handle import Canister
    from sandbox.lifecycle import Persistence
    from sandbox.limits import Limits
    from sandbox.principal import Principal
    from sandbox.sandbox import Sandbox
    from sandbox.state import LogRecord, Status
    from snapshot.record import Snapshot

_HOMES = {
    "Anchor": "sandbox.anchor",
    "Canister": "sandbox.handle",
    "CanisterRejected": "sandbox.errors",
    "CanisterTrapped": "sandbox.errors",
    "Limits": "sandbox.limits",
    "LogRecord": "sandbox.state",
    "ModuleRefused": "sandbox.errors",
    "Persistence": "sandbox.lifecycle",
    "Principal": "sandbox.principal",
    "RejectCode": "sandbox.errors",
    "Sandbox": "sandbox.sandbox",
    "SandboxError": "sandbox.errors",
    "Snapshot": "snapshot.record",
    "Status": "sandbox.state",
    "UsageError": "sandbox.errors",
}

__all__ = [
    "Anchor",
    "Canister",
    "CanisterRejected",
    "CanisterTrapped",
    "Limits",
    "LogRecord",
    "ModuleRefused",
    "Persistence",
    "Principal",
    "RejectCode",
    "Sandbox",
    "SandboxError",
    "Snapshot",
    "Status",
    "UsageError",
    "candid",
]


def __getattr__(name: str) -> object:
    if name == "candid":
        return import_module("sandbox.candid")
    if name not in _HOMES:
        raise AttributeError(f"module 'sandbox' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
