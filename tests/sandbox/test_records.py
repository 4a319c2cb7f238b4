"""The fast copy of records against the one of the standard library."""

from __future__ import annotations

import dataclasses

import pytest

from sandbox.principal import Principal
from sandbox.records import renew
from sandbox.state import CanisterState, Settings, Status
from sandbox.world.traffic import CallContext

STATE = CanisterState(Principal(b"canister"), Settings(), 5, globals=(1, 2), version=7)


def test_a_copy_has_the_changes_and_all_else_as_before() -> None:
    copy = renew(STATE, cycles=6, status=Status.STOPPED)

    assert copy == dataclasses.replace(STATE, cycles=6, status=Status.STOPPED)
    assert (copy.cycles, copy.version, STATE.cycles) == (6, 7, 5)


def test_what_is_not_changed_is_not_copied() -> None:
    assert renew(STATE, cycles=6).settings is STATE.settings


def test_each_class_has_its_own_fields() -> None:
    context = CallContext(STATE.id, None, STATE.id, 3)

    assert renew(STATE, version=1).version == 1
    assert renew(context, outstanding=2) == dataclasses.replace(context, outstanding=2)


def test_a_field_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError, match="colour"):
        renew(STATE, colour="red")  # type: ignore[call-arg]  # what the test is about
