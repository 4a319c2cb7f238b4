"""Every method of ``ic.did``: it works, refuses strangers and nonsense, and changes what it says.

The cases are in ``management_cases``; a method without one fails the first test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from calling_room import ALICE, MANAGEMENT, ask_management, caller
from management_cases import CASES, REFUSED, Fields, Room
from sandbox import CanisterRejected
from sandbox.management import interface
from sandbox.management.methods import METHODS, Who

if TYPE_CHECKING:
    from sandbox import Sandbox

USER, CANISTER = "user", "canister"
_NOT_FOR = {Who.CANISTERS: USER, Who.QUERIES: CANISTER}
# Who could call, but is refused by the method itself: on the IC these are for subnet admins.
_REFUSES = {("list_canisters", CANISTER)}
ALLOWED = [
    (name, who)
    for name in CASES
    for who in (USER, CANISTER)
    if _NOT_FOR.get(METHODS[name].who) != who and (name, who) not in _REFUSES
]
WRONG = [(name, number) for name, case in CASES.items() for number in range(len(case.wrong))]


def arguments(room: Room, name: str, changes: Fields) -> tuple[Fields, ...]:
    """Return a method's argument as its case says, with some fields changed."""
    case = CASES[name]
    if not interface.interface().functions[name].args:
        return ()
    about = {} if case.target is None else {case.target: room.subject.id}
    return (case.fields | changes | about,)


def test_every_method_of_the_interface_has_a_case_or_is_refused() -> None:
    assert set(interface.interface().functions) == set(CASES) | set(REFUSED)
    assert not set(CASES) & set(REFUSED)


@pytest.mark.parametrize(("name", "who"), ALLOWED)
def test_it_works_and_changes_what_it_says(ic: Sandbox, name: str, who: str) -> None:
    room, case = Room.of(ic), CASES[name]
    fields = case.prepare(room)
    before = room.runtime.state
    room.balance_before = before.cycles

    given = arguments(room, name, fields)
    if who == USER:
        result = ic.management.call(name, *given)
    else:
        result = ask_management(room.asking, name, *given, cycles=case.cycles)

    assert case.holds(room, result)
    if room.seen() is not None:
        state = room.runtime.state
        assert state.version - before.version == case.version
        assert state.status is case.status
        assert state.total_changes - before.total_changes == bool(case.history)
        if case.history:
            assert state.history[-1].details.tag == case.history
            caller_is = room.asking.id if who == CANISTER else room.ic.identity
            assert caller_is in state.history[-1].origin.value.values()
    assert ic.world.cycles.accounted == ic.world.cycles.minted


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_wrong_caller_is_refused_and_nothing_changes(ic: Sandbox, name: str) -> None:
    room = Room.of(ic)
    given = arguments(room, name, CASES[name].prepare(room))
    before = room.seen()

    refusal = _refusal_of_a_stranger(room, name, given)

    if refusal is None:
        assert name in ANYBODY
    else:
        assert refusal in ("IC0512", "IC0406", "IC0410")
        assert room.seen() == before


# Whoever asks is answered: the history by a query, provisional calls on the IC only where they
# are allowed.
ANYBODY = (
    "canister_info",
    "provisional_create_canister_with_cycles",
    "provisional_top_up_canister",
)


def _refusal_of_a_stranger(room: Room, name: str, given: tuple[Fields, ...]) -> str | None:
    """Return the code that somebody without rights hears, None when nobody needs any."""
    try:
        if name == "list_canisters":
            ask_management(room.asking, name)
        else:
            room.ic.management.call(name, *given, caller=ALICE)
    except CanisterRejected as error:
        return error.error_code or "IC0410"
    return None


@pytest.mark.parametrize(("name", "number"), WRONG)
def test_wrong_arguments_are_refused_and_nothing_changes(
    ic: Sandbox, name: str, number: int
) -> None:
    room, case = Room.of(ic), CASES[name]
    changes, code = case.wrong[number]
    fields = case.prepare(room)
    fields |= changes(room) if callable(changes) else changes
    before = room.seen()

    with ic.trace() as trace, pytest.raises(CanisterRejected):
        ask_management(room.asking, name, *arguments(room, name, fields), cycles=case.cycles)

    (refusal,) = [span.answer for span in trace.spans if span.canister == MANAGEMENT]
    assert getattr(refusal, "error_code", "") == code
    assert room.seen() == before
    assert ic.world.cycles.accounted == ic.world.cycles.minted


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_not_here_is_refused_with_the_way_out(ic: Sandbox, name: str) -> None:
    with pytest.raises(CanisterRejected, match=r"no Bitcoin network.*ic\.mock"):
        ask_management(caller(ic), name, REFUSED[name], cycles=10**11)
