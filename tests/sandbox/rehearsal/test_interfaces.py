"""Interfaces compared: those that the modules' functions tell, and those that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pointer_modules import SERVICE, pointer_module
from sandbox.rehearsal import FromCanister, Plan, Severity, rehearse

if TYPE_CHECKING:
    from sandbox import Sandbox
    from sandbox.rehearsal import Finding

_GONE = b"(module (memory 1))"
_TRAPS = pointer_module("(unreachable)")


def found(ic: Sandbox, old: bytes, new: bytes) -> Finding | None:
    canister = ic.install(old, b"DIDL\0\1\x7a\5\0", did=SERVICE)
    outcome = rehearse(FromCanister(ic, canister), new, Plan(argument=b"DIDL\0\0"))
    return next((item for item in outcome.findings if item.code == "S02"), None)


@pytest.mark.parametrize("is_metadata", [False, True])
def test_what_functions_return_is_compared_with_what_the_other_module_carries(
    ic: Sandbox, is_metadata: bool
) -> None:
    service = SERVICE.replace("(nat8) query", "(nat16) query")
    section = f'(@custom "icp:public candid:service" "{service}")'
    changed = (
        pointer_module("(unreachable)", section) if is_metadata else pointer_module(service=service)
    )

    breaking = found(ic, pointer_module(), changed)

    assert breaking is not None
    assert breaking.severity is Severity.FAILURE
    assert [fact.what for fact in breaking.evidence] == ["echo, result 0"]


def test_the_same_interface_is_no_finding(ic: Sandbox) -> None:
    assert found(ic, pointer_module(), pointer_module(extra="(global i32 (i32.const 1))")) is None


def test_an_interface_that_cannot_be_read_is_a_warning_with_the_reason(ic: Sandbox) -> None:
    unread = found(ic, pointer_module(), _TRAPS)

    assert unread is not None
    assert unread.severity is Severity.WARNING
    assert [fact.what for fact in unread.evidence] == ["new module"]
    assert "get_candid_pointer traps: unreachable" in unread.evidence[0].after


def test_a_method_that_is_gone_is_told_though_an_interface_cannot_be_read(ic: Sandbox) -> None:
    gone = found(ic, _TRAPS, _GONE)

    assert gone is not None
    assert gone.severity is Severity.FAILURE
    assert [fact.what for fact in gone.evidence] == ["echo", "old module"]
