"""Snapshots while calls are open: allowed, and warned about."""

from __future__ import annotations

import pytest

from calling_room import IDLE, caller, relay
from sandbox import Canister, OpenCallsWarning, Sandbox


@pytest.fixture
def waiting(ic: Sandbox) -> tuple[Canister, Canister]:
    """Return a canister that waits for an answer, and one that does not."""
    asking, silent = caller(ic), ic.install(IDLE)
    ic.mock(silent).delays("go", minutes=2)
    ic.world.submit(asking.id, "update", relay(silent.id, "go"), ic.identity)
    ic.world.settle()
    return asking, silent


def test_taking_and_loading_warn_of_open_calls(
    ic: Sandbox, waiting: tuple[Canister, Canister]
) -> None:
    asking, _ = waiting

    with pytest.warns(OpenCallsWarning, match=f"{asking.id} has open calls"):
        taken = asking.take_snapshot()
    with pytest.warns(OpenCallsWarning, match="let the calls end"):
        asking.load_snapshot(taken)
    ic.advance(minutes=2)
    asking.load_snapshot(taken)  # a warning would be an error here


def test_a_canister_without_open_calls_is_not_warned_of(
    waiting: tuple[Canister, Canister],
) -> None:
    _, silent = waiting

    silent.load_snapshot(silent.take_snapshot())


def test_a_warning_that_is_an_error_changes_nothing(waiting: tuple[Canister, Canister]) -> None:
    asking, _ = waiting

    with pytest.raises(OpenCallsWarning):
        asking.take_snapshot()

    assert asking.list_snapshots() == ()
