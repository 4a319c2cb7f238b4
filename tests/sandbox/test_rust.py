"""Canisters compiled from Rust: panics and where they were, the allocator, upgrades, values.

Their crates are our own (tests/canisters/README.md); compiled with the real ones they pass too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import CanisterTrapped, Principal
from sandbox.candid import decode, encode, parse_types
from sandbox.candid.strategies import arguments

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Canister, Sandbox

    Built = Callable[[str], Path]

pytestmark = pytest.mark.slow

MIB = 1 << 20


@pytest.fixture
def notes(ic: Sandbox, built: Built) -> Canister:
    return ic.install(built("rust/notes"))


@pytest.fixture
def values(ic: Sandbox, built: Built) -> Canister:
    return ic.install(built("rust/values"))


def texts(notes: Canister) -> list[str]:
    return [note.text for note in notes.all()]


# Panics.


@pytest.mark.parametrize(
    ("method", "argument", "words", "function"),
    [
        ("note", 7, "the len is 0 but the index is 7", "core::panicking::panic_bounds_check"),
        ("clear_then_look", None, "there is a note", "core::option::expect_failed"),
        ("borrow_twice", None, "already borrowed", "core::panicking::panic_fmt"),
    ],
)
def test_a_panic_traps_with_its_words_its_place_and_names_as_in_the_source(
    notes: Canister, method: str, argument: object, words: str, function: str
) -> None:
    given = () if argument is None else (argument,)

    with pytest.raises(
        CanisterTrapped, match=rf"Panicked at '.*{words}.*', src/lib\.rs:"
    ) as caught:
        notes.update(method, *given)

    backtrace = caught.value.backtrace
    assert backtrace[0].startswith("ic_cdk")
    assert function in backtrace
    assert backtrace[-1].startswith("canister_")


def test_what_was_done_before_a_panic_is_undone(notes: Canister) -> None:
    notes.add("milk", [])
    before = notes.checksum

    with pytest.raises(CanisterTrapped):
        notes.clear_then_look()

    assert (texts(notes), notes.checksum) == (["milk"], before)


def test_a_borrow_that_a_panic_held_is_given_back(notes: Canister) -> None:
    with pytest.raises(CanisterTrapped, match="already borrowed"):
        notes.borrow_twice()

    assert notes.add("milk", []) == 1


# The heap.


def test_the_allocator_grows_the_heap_and_a_snapshot_makes_it_small_again(notes: Canister) -> None:
    before = notes.take_snapshot()
    size = len(notes.heap)

    notes.fill(8 * MIB)
    assert len(notes.heap) >= size + 8 * MIB
    notes.load_snapshot(before)

    assert (len(notes.heap), notes.drafts()) == (size, [])


def test_an_upgrade_keeps_what_is_in_stable_memory_and_loses_the_heap(
    notes: Canister, built: Built
) -> None:
    notes.add("milk", ["cold", "white"])
    notes.add_draft("mi")

    notes.upgrade(built("rust/notes"))

    (kept,) = notes.all()
    assert (kept.text, kept.tags, kept.author) == (
        "milk",
        ["cold", "white"],
        notes.sandbox.identity,
    )
    assert notes.drafts() == []


def test_skipping_pre_upgrade_panics_in_post_upgrade_and_changes_nothing(
    notes: Canister, built: Built
) -> None:
    notes.add("milk", [])

    with pytest.raises(CanisterTrapped, match=r"the notes are there: .*Cannot parse header"):
        notes.upgrade(built("rust/notes"), skip_pre_upgrade=True)

    assert texts(notes) == ["milk"]


# Values: the crates of tests/canisters/rust/cdk agree with our Candid.


SIZES = ("nat8", "nat16", "nat32", "nat64", "int8", "int16", "int32", "int64", "float32", "float64")
NUMBERS = "; ".join(f'"{size}" : {size}' for size in SIZES)
PERSON = """id : principal; is_here : bool; name : text; nickname : opt text;
    pairs : vec record { nat8; opt text }"""


@pytest.mark.parametrize(
    ("method", "types"),
    [
        ("numbers", f"(record {{ {NUMBERS} }})"),
        ("people", f"(vec record {{ {PERSON} }})"),
        ("blobs and none", "(blob, opt blob)"),
    ],
)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_values_come_back_as_they_went(
    values: Canister, method: str, types: str, data: st.DataObject
) -> None:
    given = data.draw(arguments(*parse_types(types)))

    answer = values.query(method, *given)

    assert (answer if len(given) > 1 else (answer,)) == given


def test_what_a_record_has_besides_is_passed_over_and_what_may_be_absent_is_none(
    values: Canister,
) -> None:
    person = "record { id : principal; is_here : bool; name : text; pairs : vec null; age : int }"
    given = {"id": Principal("aaaaa-aa"), "is_here": True, "name": "Ada", "pairs": [], "age": -1}

    reply = values.query_raw("people", encode([[given]], f"(vec {person})"))

    ((decoded,),) = decode(reply, f"(vec record {{ {PERSON} }})")
    assert decoded == {"nickname": None, **{key: given[key] for key in given if key != "age"}}


def test_the_system_says_who_calls_whom_and_when(ic: Sandbox, values: Canister) -> None:
    caller, itself, time_ns = values.update("system")

    assert (caller, itself) == (ic.identity, values.id)
    assert values.logs[-1].text == f"it is {time_ns}"
