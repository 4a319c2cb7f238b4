"""Cycles: what is charged, what is refused, what comes back, and that none get lost."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calling_room import IDLE, ask, ask_management, caller, relay
from canisters import universal as u
from engine_room import compiler
from sandbox import CanisterRejected, Sandbox, UsageError
from sandbox.cycles import FREE, MAINNET_13_NODES, Use
from sandbox.limits import MAINNET

if TYPE_CHECKING:
    from sandbox import Canister

PRICES = MAINNET_13_NODES
PREPAID = PRICES.call_fee(40_000_000_000, is_64=False)


def set_balance(canister: Canister, cycles: int) -> None:
    """Give a canister a balance, and keep the books straight."""
    world = canister.sandbox.world
    runtime = world.canisters[canister.id]
    world.bank.mint(cycles - runtime.state.cycles)
    runtime.state = replace(runtime.state, cycles=cycles)


def consumed(ic: Sandbox, canister: Canister) -> dict[Use, int]:
    return dict(ic.world.bank.consumed(canister.id))


def spent(ic: Sandbox, canister: Canister, action: Any) -> dict[Use, int]:
    before = consumed(ic, canister)
    action()
    after = consumed(ic, canister)
    return {use: after[use] - before[use] for use in after if after[use] != before[use]}


def test_an_update_costs_induction_and_instructions(ic: Sandbox) -> None:
    canister = ic.install(IDLE)
    balance = canister.status().cycles

    with ic.trace() as trace:
        paid = spent(ic, canister, lambda: canister.update_raw("go", b"12345678"))

    assert paid == {
        Use.INGRESS_INDUCTION: 1_200_000 + 2_000 * 10,
        Use.INSTRUCTIONS: 5_000_000 + trace.executions[0].instructions,
    }
    assert balance - canister.status().cycles == sum(paid.values())


def test_a_query_is_free(ic: Sandbox) -> None:
    canister = ic.install(IDLE)

    assert spent(ic, canister, lambda: canister.query_raw("look")) == {}


def test_a_message_that_traps_is_paid_for(ic: Sandbox) -> None:
    canister = caller(ic)

    def trap() -> None:
        with pytest.raises(CanisterRejected):
            canister.update_raw("update", u.trap(b""))

    assert spent(ic, canister, trap)[Use.INSTRUCTIONS] > 5_000_000


def test_wasm64_instructions_cost_twice() -> None:
    assert PRICES.execution(100, is_64=True) == 5_000_200
    assert PRICES.execution(100, is_64=False) == 5_000_100


def test_a_call_pays_for_transmission_both_ways(ic: Sandbox) -> None:
    asking, canister = caller(ic), caller(ic)
    script = u.reply(bytes(100))

    paid = spent(ic, asking, lambda: ask(asking, canister.id, "update", script))

    sent = PRICES.call + PRICES.call_byte * (len("update") + len(script))
    assert paid[Use.TRANSMISSION] == sent + PRICES.call_byte * 100


def test_a_call_that_cannot_be_paid_for_is_not_made(ic: Sandbox) -> None:
    canister = caller(ic)
    run = PRICES.execution(40_000_000_000, is_64=False)
    set_balance(canister, run + PREPAID)
    script = u.reply(u.call(bytes(canister.id), "update"))

    result = canister.update_raw("update", script)

    assert int.from_bytes(result, "little") == 2


def test_a_frozen_canister_takes_no_updates_and_says_what_is_missing(ic: Sandbox) -> None:
    canister = ic.install(IDLE)
    set_balance(canister, 1000)

    with pytest.raises(CanisterRejected) as caught:
        canister.update_raw("go")

    threshold = ic.world.bank.threshold(ic.world.canisters[canister.id])
    missing = threshold + PRICES.ingress_induction(2) - 1000
    assert caught.value.error_code == "IC0207"
    assert caught.value.message == (
        f"Canister {canister.id} is out of cycles: please top up the canister with at least "
        f"{missing} additional cycles"
    )
    assert canister.status().cycles == 1000


def test_a_frozen_canister_answers_no_queries(ic: Sandbox) -> None:
    canister = ic.install(IDLE)
    threshold = ic.world.bank.threshold(ic.world.canisters[canister.id])
    set_balance(canister, threshold)
    assert canister.query_raw("look") == b""
    set_balance(canister, threshold - 1)

    with pytest.raises(CanisterRejected) as caught:
        canister.query_raw("look")

    assert caught.value.error_code == "IC0207"
    assert caught.value.message == (
        f"Canister {canister.id} is unable to process query calls because it's frozen. "
        "Please top up the canister with cycles and try again."
    )


def test_the_caller_of_a_frozen_canister_gets_its_cycles_back(ic: Sandbox) -> None:
    asking, canister = caller(ic), ic.install(IDLE)
    set_balance(canister, 1000)
    before = asking.status().cycles

    answer = ask(asking, canister.id, "go", cycles=10**12)

    assert getattr(answer, "code", 0) == 2
    assert before - asking.status().cycles < 10**9


@pytest.mark.parametrize("cycles", [-1, 1 << 128])
def test_cycles_that_cannot_be_are_refused_and_nothing_changes(ic: Sandbox, cycles: int) -> None:
    canister = caller(ic)
    before = ic.world.cycles

    with pytest.raises(UsageError, match="an amount of cycles is between 0 and"):
        ic.create_canister(cycles=cycles)
    with pytest.raises(UsageError, match="an amount of cycles is between 0 and"):
        canister.update_raw("update", u.reply(b""), cycles=cycles)

    assert ic.canisters == (canister,)
    assert ic.world.cycles == before


def test_installing_without_cycles_is_refused_and_changes_nothing(ic: Sandbox) -> None:
    canister = ic.create_canister(cycles=10**9)

    with pytest.raises(CanisterRejected, match="Canister installation failed with") as caught:
        canister.install(IDLE)

    assert caught.value.error_code == "IC0207"
    assert canister.module_hash is None


def test_the_freezing_threshold_grows_with_memory_and_time(ic: Sandbox) -> None:
    canister = ic.install(IDLE)
    runtime = ic.world.canisters[canister.id]
    month = ic.world.bank.threshold(runtime)

    ic.management.update_settings(
        canister_id=canister.id, settings={"freezing_threshold": 10 * 2_592_000}
    )

    used = ic.world.bank.memory_bytes(runtime)
    assert month == (used * 127_000 * 86_400 >> 30) * 30
    assert ic.world.bank.threshold(runtime) == 10 * month


def test_memory_and_compute_are_paid_for_as_time_passes(ic: Sandbox) -> None:
    canister = ic.install(IDLE, cycles=10**15)
    ic.management.update_settings(canister_id=canister.id, settings={"compute_allocation": 2})
    per_day = ic.world.bank.idle_per_day(ic.world.canisters[canister.id])

    paid = spent(ic, canister, lambda: ic.advance(days=1))

    assert paid[Use.COMPUTE_ALLOCATION] == 2 * 10_000_000 * 86_400
    assert sum(paid.values()) == per_day


def test_time_in_small_steps_costs_what_one_step_costs(ic: Sandbox) -> None:
    canister = ic.install(IDLE)

    with ic.anchor():
        once = spent(ic, canister, lambda: ic.advance(seconds=3))
    in_steps = spent(ic, canister, lambda: [ic.advance(ns=100_000_000) for _ in range(30)])

    assert once[Use.MEMORY] - in_steps[Use.MEMORY] in range(3)  # rounded down each second


def test_a_canister_that_cannot_pay_loses_its_code_and_snapshots(ic: Sandbox) -> None:
    canister = ic.install(IDLE)
    canister.take_snapshot()
    set_balance(canister, 10)

    ic.advance(days=1)

    assert canister.module_hash is None
    assert canister.list_snapshots() == ()
    assert canister.status().cycles == 0
    assert ic.world.cycles.accounted == ic.world.cycles.minted


def test_reserved_cycles_pay_first(ic: Sandbox) -> None:
    canister = ic.install(IDLE)
    runtime = ic.world.canisters[canister.id]
    ic.world.bank.mint(10**9)
    runtime.state = replace(runtime.state, reserved_cycles=10**9)
    balance = runtime.state.cycles

    ic.advance(days=1)

    assert runtime.state.cycles == balance
    assert runtime.state.reserved_cycles < 10**9


def test_burnt_cycles_are_booked(ic: Sandbox) -> None:
    canister = caller(ic)
    burn = u.reply(u.amount("cycles_burn128", 0, 12345))

    paid = spent(ic, canister, lambda: canister.update_raw("update", burn))

    assert paid[Use.BURNED] == 12345


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (u.amount("cost_create_canister"), 500_000_000_000),
        (u.amount("cost_call", 3, 10), PREPAID + 13_000),
        (u.amount("cost_http_request", 0, 0), 49_140_000),
        (u.amount("cost_http_request", 10, 100), 49_140_000 + 13 * (4_000 + 80_000)),
    ],
)
def test_cost_calls_answer_by_the_price_list(ic: Sandbox, script: Any, expected: int) -> None:
    data = caller(ic).query_raw("query", u.reply(script))

    assert int.from_bytes(data, "little") == expected


def test_everything_is_free_with_the_free_price_list() -> None:
    with Sandbox(compiler=compiler(), prices=FREE) as ic:
        canister = caller(ic, cycles=0)
        other = ic.install(IDLE, cycles=0)
        answer = ask(canister, other.id, "go")
        ic.advance(days=365)

        assert answer == b""
        assert canister.status().cycles == 0
        assert ic.world.cycles.consumed == 0


def test_refunds_come_back_after_what_was_accepted(ic: Sandbox) -> None:
    asking, canister = caller(ic), caller(ic)
    script = u.evaluate(u.get("msg_cycles_accept", 30)) + u.reply()
    before = canister.status().cycles
    refunded: list[bytes] = []
    relay = u.perform(
        u.call(
            bytes(canister.id),
            "update",
            script,
            on_reply=u.reply(u.amount("msg_cycles_refunded128")),
            cycles=100,
        )
    )

    paid = spent(ic, canister, lambda: refunded.append(asking.update_raw("update", relay)))

    assert int.from_bytes(refunded[0], "little") == 70
    assert canister.status().cycles == before + 30 - sum(paid.values())


# --- conservation

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["call", "nested", "accept", "trap", "burn", "create", "deposit", "top_up", "advance",
             "uninstall", "delete", "delay", "drop", "http", "stop", "bounded"]
        ),
        st.integers(0, 2),
        st.integers(0, 2),
        st.integers(0, 10**12),
    ),
    max_size=12,
)  # fmt: skip


class History:
    """Random things that move cycles, done to three canisters that may come and go."""

    def __init__(self, ic: Sandbox) -> None:
        self.ic = ic
        self.canisters = [caller(ic) for _ in range(3)]
        for canister in self.canisters:
            ic.management.update_settings(
                canister_id=canister.id,
                settings={"controllers": [ic.identity, *(item.id for item in self.canisters)]},
            )

    def run(self, kind: str, first: int, second: int, amount: int) -> None:
        one, two = self.canisters[first], self.canisters[second]
        with suppress(CanisterRejected):
            getattr(self, kind)(one, two, amount)

    def submit(self, canister: Canister, script: bytes) -> None:
        self.ic.world.submit(canister.id, "update", script, self.ic.identity, 777)
        self.ic.world.settle()

    def call(self, one: Canister, two: Canister, amount: int) -> None:
        self.submit(one, relay(two.id, "update", u.reply(), cycles=amount))

    def nested(self, one: Canister, two: Canister, amount: int) -> None:
        inner = relay(one.id, "update", u.reply(), cycles=amount // 3)
        self.submit(one, relay(two.id, "update", inner, cycles=amount))

    def accept(self, one: Canister, two: Canister, amount: int) -> None:
        script = u.evaluate(u.get("msg_cycles_accept", amount // 2)) + u.reply()
        self.submit(one, relay(two.id, "update", script, cycles=amount))

    def trap(self, one: Canister, two: Canister, amount: int) -> None:
        script = u.evaluate(u.get("msg_cycles_accept", amount)) + u.trap(b"")
        self.submit(one, relay(two.id, "update", script, cycles=amount))

    def burn(self, one: Canister, _two: Canister, amount: int) -> None:
        self.submit(one, u.reply(u.amount("cycles_burn128", 0, amount)))

    def create(self, one: Canister, _two: Canister, amount: int) -> None:
        ask_management(one, "create_canister", {}, cycles=amount)

    def deposit(self, one: Canister, two: Canister, amount: int) -> None:
        ask_management(one, "deposit_cycles", {"canister_id": two.id}, cycles=amount)

    def top_up(self, one: Canister, _two: Canister, amount: int) -> None:
        self.ic.management.provisional_top_up_canister(canister_id=one.id, amount=amount)

    def advance(self, _one: Canister, _two: Canister, amount: int) -> None:
        self.ic.advance(seconds=amount % 1_000_000)

    def uninstall(self, one: Canister, _two: Canister, _amount: int) -> None:
        one.uninstall()

    def delete(self, one: Canister, _two: Canister, _amount: int) -> None:
        one.stop()
        one.delete()

    def delay(self, one: Canister, two: Canister, amount: int) -> None:
        self.ic.mock(two).delays("update", hours=1, times=1)
        self.call(one, two, amount)

    def drop(self, one: Canister, two: Canister, amount: int) -> None:
        self.ic.mock(two).drops("update", times=1)
        self.call(one, two, amount)

    def http(self, one: Canister, _two: Canister, amount: int) -> None:
        self.ic.http.mock("*", "")
        argument = {"url": "https://a", "method": "get", "headers": []}
        ask_management(one, "http_request", argument, cycles=amount)

    def stop(self, one: Canister, two: Canister, _amount: int) -> None:
        ask_management(one, "stop_canister", {"canister_id": two.id}, cycles=99)

    def bounded(self, one: Canister, two: Canister, amount: int) -> None:
        self.ic.mock(two).delays("update", hours=1, times=1)
        self.submit(one, relay(two.id, "update", u.reply(), cycles=amount, timeout_s=1))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_cycles_are_conserved_over_random_histories(ic: Sandbox, steps: Any) -> None:
    with ic.anchor():
        history = History(ic)
        for step in steps:
            history.run(*step)
            report = ic.world.cycles
            assert report.accounted == report.minted, step
            assert min(item.state.cycles for item in ic.world.canisters.values()) >= 0
    assert ic.world.cycles.minted == 0


# --- memory


def grow(canister: Canister, pages: int) -> bytes:
    script = u.evaluate(u.get("stable64_grow", pages)) + u.reply()
    return canister.update_raw("update", script)


def test_memory_that_the_balance_cannot_keep_is_not_given(ic: Sandbox) -> None:
    canister = caller(ic)
    set_balance(canister, 45_000_000_000)

    with pytest.raises(CanisterRejected) as caught:
        grow(canister, 16 * 1024)

    assert caught.value.error_code == "IC0532"
    assert (
        "Canister cannot grow memory by 1073741824 bytes due to insufficient cycles. At least"
        in (caught.value.message)
    )
    assert len(canister.stable_memory) == 0


def crowded(threshold_bytes: int) -> Sandbox:
    """Return a sandbox whose subnet is full beyond a threshold."""
    limits = MAINNET.relaxed(
        reservation_threshold_bytes=threshold_bytes, subnet_memory_bytes=1 << 30
    )
    return Sandbox(compiler=compiler(), limits=limits)


def test_a_full_subnet_reserves_cycles_for_new_memory() -> None:
    with crowded(threshold_bytes=1 << 20) as ic:
        canister = caller(ic)
        before = ic.world.canisters[canister.id].state.cycles

        grow(canister, 160)

        state = ic.world.canisters[canister.id].state
        assert state.reserved_cycles > 0
        assert state.cycles < before - state.reserved_cycles
        assert ic.management.canister_status(canister_id=canister.id).reserved_cycles == (
            state.reserved_cycles
        )
        assert ic.world.cycles.accounted == ic.world.cycles.minted


def test_the_reserved_cycles_limit_bounds_what_is_set_aside() -> None:
    with crowded(threshold_bytes=1 << 20) as ic:
        canister = caller(ic)
        ic.management.update_settings(
            canister_id=canister.id, settings={"reserved_cycles_limit": 1000}
        )

        with pytest.raises(CanisterRejected) as caught:
            grow(canister, 160)

        assert caught.value.error_code == "IC0534"
        assert "The current limit (1000) would be exceeded by" in caught.value.message
        assert ic.world.canisters[canister.id].state.reserved_cycles == 0


def test_a_limit_below_what_is_reserved_is_refused() -> None:
    with crowded(threshold_bytes=1 << 20) as ic:
        canister = caller(ic)
        grow(canister, 160)

        with pytest.raises(CanisterRejected, match="Cannot set the reserved cycles limit 1 below"):
            ic.management.update_settings(
                canister_id=canister.id, settings={"reserved_cycles_limit": 1}
            )
