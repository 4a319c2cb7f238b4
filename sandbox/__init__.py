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
    from sandbox.cycles import FREE, Prices
    from sandbox.errors import (
        CanisterRejected,
        CanisterTrapped,
        ModuleRefused,
        OpenCallsWarning,
        RejectCode,
        SandboxError,
        UsageError,
    )
    from sandbox.execution.lifecycle import Persistence
    from sandbox.handle import Canister
    from sandbox.history import History, Point
    from sandbox.limits import Limits
    from sandbox.mocking import Mock
    from sandbox.pending import Pending
    from sandbox.principal import Principal
    from sandbox.sandbox import Sandbox
    from sandbox.state import LogRecord, Status
    from sandbox.world.outcalls import HttpRequest, HttpResponse
    from sandbox.world.tracing import Report, Trace
    from snapshot.record import Snapshot

_HOMES = {
    "Anchor": "sandbox.anchor",
    "Canister": "sandbox.handle",
    "CanisterRejected": "sandbox.errors",
    "CanisterTrapped": "sandbox.errors",
    "FREE": "sandbox.cycles",
    "History": "sandbox.history",
    "HttpRequest": "sandbox.world.outcalls",
    "HttpResponse": "sandbox.world.outcalls",
    "Limits": "sandbox.limits",
    "LogRecord": "sandbox.state",
    "Mock": "sandbox.mocking",
    "ModuleRefused": "sandbox.errors",
    "OpenCallsWarning": "sandbox.errors",
    "Pending": "sandbox.pending",
    "Persistence": "sandbox.execution.lifecycle",
    "Point": "sandbox.history",
    "Prices": "sandbox.cycles",
    "Principal": "sandbox.principal",
    "RejectCode": "sandbox.errors",
    "Report": "sandbox.world.tracing",
    "Sandbox": "sandbox.sandbox",
    "SandboxError": "sandbox.errors",
    "Snapshot": "snapshot.record",
    "Status": "sandbox.state",
    "Trace": "sandbox.world.tracing",
    "UsageError": "sandbox.errors",
}

__all__ = [
    "FREE",
    "Anchor",
    "Canister",
    "CanisterRejected",
    "CanisterTrapped",
    "History",
    "HttpRequest",
    "HttpResponse",
    "Limits",
    "LogRecord",
    "Mock",
    "ModuleRefused",
    "OpenCallsWarning",
    "Pending",
    "Persistence",
    "Point",
    "Prices",
    "Principal",
    "RejectCode",
    "Report",
    "Sandbox",
    "SandboxError",
    "Snapshot",
    "Status",
    "Trace",
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
