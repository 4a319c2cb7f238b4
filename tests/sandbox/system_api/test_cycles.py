"""Cycles: 128-bit amounts, moved with carries and borrows, never made and never lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canisters import universal as u
from engine_room import failure_of, open_sandbox, reply_of, runtime_of
from sandbox.system_api.table import Context
from universal_room import WIDTHS, install, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import Canister

U64: Final = 2**64 - 1
TOO_LARGE: Final = "Canister trapped: cycles amount exceeds 64-bit representation"


@pytest.fixture(scope="module", params=WIDTHS)
def canister(request: pytest.FixtureRequest) -> Iterator[Canister]:
    with open_sandbox() as ic:
        yield install(ic, str(request.param))


@pytest.fixture
def canister32() -> Iterator[Canister]:
    with open_sandbox() as ic:
        yield install(ic, "wasm32")


def set_balance(canister: Canister, cycles: int) -> None:
    runtime = runtime_of(canister)
    runtime.state = replace(runtime.state, cycles=cycles)


def halves(amount: int) -> tuple[int, int]:
    return amount >> 64, amount & U64


def amounts(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 16], "little") for at in range(0, len(data), 16)]


def test_balance_and_liquid_balance_are_shown_whole(canister: Canister) -> None:
    set_balance(canister, (7 << 64) + 5)

    shown = amounts(
        reply_of(
            run(
                canister,
                u.reply(
                    u.amount("canister_cycle_balance128"),
                    u.amount("canister_liquid_cycle_balance128"),
                ),
            )
        )
    )

    assert shown[0] == (7 << 64) + 5
    assert 6 << 64 < shown[1] < shown[0]  # less by the freezing threshold


AMOUNTS: Final = st.one_of(
    st.sampled_from([0, 1, U64 - 1, U64, U64 + 1, (1 << 65) - 1, 1 << 65]),
    st.integers(0, 1 << 100),
)


@given(available=AMOUNTS, wanted=AMOUNTS, again=AMOUNTS)
@settings(deadline=None, max_examples=60)
def test_accepting_moves_what_is_there_and_no_more(
    canister: Canister, available: int, wanted: int, again: int
) -> None:
    set_balance(canister, U64)
    script = u.reply(
        u.amount("msg_cycles_available128"),
        u.amount("msg_cycles_accept128", *halves(wanted)),
        u.amount("msg_cycles_accept128", *halves(again)),
        u.amount("msg_cycles_available128"),
        u.amount("canister_cycle_balance128"),
    )

    outcome = run(canister, script, available_cycles=available)

    first = min(available, wanted)
    second = min(available - first, again)
    left = available - first - second
    assert amounts(reply_of(outcome)) == [available, first, second, left, U64 + first + second]
    assert outcome.accepted_cycles == first + second
    assert runtime_of(canister).state.cycles == U64 + first + second


@given(wanted=AMOUNTS)
@settings(deadline=None, max_examples=40)
def test_burning_takes_at_most_the_liquid_balance(canister: Canister, wanted: int) -> None:
    set_balance(canister, (3 << 64) + 9)
    script = u.reply(
        u.amount("canister_liquid_cycle_balance128"),
        u.amount("cycles_burn128", *halves(wanted)),
        u.amount("canister_cycle_balance128"),
    )

    liquid, burned, left = amounts(reply_of(run(canister, script)))

    assert burned == min(wanted, liquid)
    assert left == (3 << 64) + 9 - burned
    assert runtime_of(canister).state.cycles == left


def test_a_failed_message_accepts_and_burns_nothing(canister: Canister) -> None:
    set_balance(canister, 1 << 70)
    script = u.do("msg_cycles_accept128", 0, 5, u.scratch())
    script += u.do("cycles_burn128", 0, 1000, u.scratch())

    outcome = run(canister, script + u.unreachable(), available_cycles=100)

    assert outcome.accepted_cycles == 0
    assert runtime_of(canister).state.cycles == 1 << 70


def test_a_callback_sees_its_refund(canister: Canister) -> None:
    script = u.reply(u.amount("msg_cycles_refunded128"))

    outcome = run(canister, script, Context.REPLY, refunded_cycles=(9 << 64) + 1)

    assert amounts(reply_of(outcome)) == [(9 << 64) + 1]


def test_nobody_here_may_mint(canister: Canister) -> None:
    refusal = failure_of(run(canister, u.do("mint_cycles128", 0, 1, u.scratch())))

    assert refusal.error_code == "IC0504"
    assert (
        f"ic0.mint_cycles128 cannot be executed on non Cycles Minting Canister: {canister.id}"
        in refusal.message
    )


def test_amounts_that_fit_are_shown_in_64_bits(canister32: Canister) -> None:
    set_balance(canister32, U64 - 10)
    script = u.reply(
        u.get("canister_cycle_balance"),
        u.get("msg_cycles_available"),
        u.get("msg_cycles_refunded"),
        u.get("msg_cycles_accept", 3),
    )

    outcome = run(canister32, script, Context.REPLY, available_cycles=U64, refunded_cycles=U64)

    assert list(memoryview(reply_of(outcome)).cast("Q")) == [U64 - 10, U64, U64, 3]


@pytest.mark.parametrize(
    "name", ["canister_cycle_balance", "msg_cycles_available", "msg_cycles_refunded"]
)
def test_amounts_that_do_not_fit_64_bits_trap(canister32: Canister, name: str) -> None:
    set_balance(canister32, U64 + 1)

    outcome = run(
        canister32, u.do(name), Context.REPLY, available_cycles=U64 + 1, refunded_cycles=U64 + 1
    )

    refusal = failure_of(outcome)
    assert refusal.error_code == "IC0502"
    assert TOO_LARGE in refusal.message


def test_accepting_in_64_bits_never_traps(canister32: Canister) -> None:
    set_balance(canister32, U64)
    script = u.reply(u.get("msg_cycles_accept", U64), u.amount("msg_cycles_available128"))

    outcome = run(canister32, script, available_cycles=1 << 70)

    accepted, left = int.from_bytes(reply_of(outcome)[:8], "little"), reply_of(outcome)[8:]
    assert accepted == U64
    assert amounts(left) == [(1 << 70) - U64]
    assert runtime_of(canister32).state.cycles == 2 * U64


PRICE: Final = (5 << 64) + 11
COST_OF_KEYS: Final = {
    # import: a curve or algorithm it knows, one it does not
    "cost_sign_with_ecdsa": (0, 1),
    "cost_sign_with_schnorr": (1, 2),
    "cost_vetkd_derive_key": (0, 1),
}


@pytest.mark.parametrize("name", COST_OF_KEYS)
def test_the_cost_for_an_unknown_curve_or_key_is_a_status(canister: Canister, name: str) -> None:
    known, unknown = COST_OF_KEYS[name]
    runtime = runtime_of(canister)

    def cost(_name: str, curve: int, _b: int, key: str, *_rest: object) -> int | None:
        return PRICE if curve == known and key == "key_1" else None

    runtime.machine = replace(runtime.machine, cost=cost)
    fill = u.heap_fill(u.scratch(), 0x55, 16)
    read = u.append(u.heap_read(u.scratch(), 16)) + u.do("msg_reply")

    def status(key: bytes, curve: int) -> tuple[int, bytes]:
        script = fill + u.append(u.get(name, key, curve, u.scratch())) + read
        reply = reply_of(run(canister, script))
        return int.from_bytes(reply[:8], "little"), reply[8:]

    untouched = b"\x55" * 16
    assert status(b"key_1", unknown) == (1, untouched)
    assert status(b"no such key", unknown) == (1, untouched)
    assert status(b"x" * 5000, unknown) == (1, untouched)
    assert status(b"x" * 5000, known) == (2, untouched)
    assert status(b"key_1", known) == (0, PRICE.to_bytes(16, "little"))


@pytest.mark.parametrize("name", COST_OF_KEYS)
def test_the_cost_of_a_key_needs_a_name_in_utf8(canister: Canister, name: str) -> None:
    refusal = failure_of(run(canister, u.do(name, b"key\xff", 0, u.scratch())))

    assert refusal.error_code == "IC0504"
    assert (
        "Canister violated contract: Failed to decode key name key\N{REPLACEMENT CHARACTER}.\n"
        in refusal.message
    )


def test_a_cost_is_written_within_the_heap(canister: Canister) -> None:
    end = len(canister.heap)

    for script in (
        u.do("cost_create_canister", end - 15),
        u.do("cost_call", 10, 10, end - 15),
        u.do("cost_http_request", 10, 10, end - 15),
        u.do("cost_sign_with_ecdsa", b"key_1", 0, end - 15),
    ):
        assert (
            "failed because dst + size is out of bounds"
            in failure_of(run(canister, script)).message
        )
