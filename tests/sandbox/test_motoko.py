"""Real Motoko canisters, compiled from our sources, under both kinds of persistence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Canister, CanisterRejected, CanisterTrapped, Principal, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Built = Callable[[str], Path]

MODES = ("eop", "classical")
pytestmark = pytest.mark.slow


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def motoko(ic: Sandbox, built: Built, mode: str) -> Callable[..., Canister]:
    def install(name: str, *arguments: Any) -> Canister:
        return ic.install(built(f"motoko/{mode}/{name}"), *arguments)

    return install


def used_counter(motoko: Callable[..., Canister]) -> Canister:
    counter = motoko("counter_v1")
    counter.inc()
    counter.add_note("first")
    return counter


# What becomes of v1's counter (1) and notes: the table of reference/real_modules.md.
OUTCOMES = [
    ("eop", "counter_v2_good", 1),
    ("classical", "counter_v2_good", 1),
    ("eop", "counter_v2_bad", "Memory-incompatible program upgrade"),
    ("classical", "counter_v2_bad", ""),
    ("eop", "counter_v2_field_removed", "Memory-incompatible program upgrade"),
    ("classical", "counter_v2_field_removed", 1),
    ("eop", "counter_v2_postupgrade_traps", "postupgrade refuses"),
    ("classical", "counter_v2_postupgrade_traps", "postupgrade refuses"),
    ("eop", "counter_v2_preupgrade_traps", 1),
    ("classical", "counter_v2_preupgrade_traps", 1),
    ("eop", "counter_v2_migration", "count: 1"),
    ("classical", "counter_v2_migration", "count: 1"),
]


@pytest.mark.parametrize(("mode", "version", "outcome"), OUTCOMES, indirect=["mode"])
def test_an_upgrade_keeps_loses_or_refuses_as_motoko_does(
    motoko: Callable[..., Canister], built: Built, mode: str, version: str, outcome: object
) -> None:
    counter = used_counter(motoko)
    before, hash_before = counter.checksum, counter.module_hash
    is_refused = isinstance(outcome, str) and " " in outcome and not outcome.startswith("count")

    if is_refused:
        with pytest.raises(CanisterTrapped, match=str(outcome)):
            counter.upgrade(built(f"motoko/{mode}/{version}"))
        assert (counter.checksum, counter.module_hash) == (before, hash_before)
        assert counter.notes() == ["first"]
    else:
        counter.upgrade(built(f"motoko/{mode}/{version}"))
        assert counter.query("get") == outcome


@pytest.mark.parametrize("version", ["counter_v2_good", "counter_v2_migration"])
def test_loading_the_snapshot_undoes_an_upgrade_byte_for_byte(
    motoko: Callable[..., Canister], built: Built, mode: str, version: str
) -> None:
    counter = used_counter(motoko)
    heap, stable, globals_ = bytes(counter.heap), bytes(counter.stable_memory), counter.globals
    snapshot = counter.take_snapshot("before")
    counter.upgrade(built(f"motoko/{mode}/{version}"))

    counter.load_snapshot(snapshot)

    assert counter.heap == heap
    assert counter.stable_memory == stable
    assert counter.globals == globals_
    assert counter.checksum == snapshot.checksum
    assert (counter.inc(), counter.notes()) == (2, ["first"])


def test_a_preupgrade_that_traps_stops_every_later_upgrade(
    motoko: Callable[..., Canister], built: Built, mode: str
) -> None:
    counter = used_counter(motoko)
    counter.upgrade(built(f"motoko/{mode}/counter_v2_preupgrade_traps"))
    before = counter.checksum

    with pytest.raises(CanisterTrapped):
        counter.upgrade(built(f"motoko/{mode}/counter_v2_good"))

    assert counter.checksum == before


def test_skipping_pre_upgrade_lets_the_upgrade_through_and_loses_the_data(
    ic: Sandbox, built: Built
) -> None:
    for mode in MODES:
        counter = ic.install(built(f"motoko/{mode}/counter_v1"))
        counter.inc()
        counter.upgrade(built(f"motoko/{mode}/counter_v2_preupgrade_traps"))
        good = built(f"motoko/{mode}/counter_v2_good")
        if mode == "eop":
            counter.upgrade(good, skip_pre_upgrade=True)
            assert counter.query("get") == 0
        else:
            with pytest.raises(CanisterTrapped, match="IDL error: empty input"):
                counter.upgrade(good, skip_pre_upgrade=True)


def test_enhanced_persistence_needs_the_upgrade_option(ic: Sandbox, built: Built) -> None:
    counter = ic.install(built("motoko/eop/counter_v1"))

    with pytest.raises(CanisterRejected, match="Missing upgrade option") as caught:
        counter.upgrade(built("motoko/eop/counter_v2_good"), persistence=None)

    assert caught.value.error_code == "IC0504"


def test_classical_persistence_is_not_left_by_accident(ic: Sandbox, built: Built) -> None:
    counter = ic.install(built("motoko/classical/counter_v1"))
    counter.inc()
    before = counter.checksum

    with pytest.raises(CanisterTrapped, match="implicit upgrade from classical"):
        counter.upgrade(built("motoko/eop/counter_v1"))

    assert (counter.checksum, counter.query("get")) == (before, 1)


def test_a_trap_undoes_heap_growth_stable_memory_certified_data_and_timer(
    ic: Sandbox, motoko: Callable[..., Canister]
) -> None:
    canister = motoko("trap_after_write")
    canister.write_then_reply(1)
    ic.advance(seconds=2)
    before = canister.checksum, canister.query("get"), canister.certified_data

    with pytest.raises(CanisterTrapped, match="after the writes"):
        canister.write_then_trap(20)

    assert (canister.checksum, canister.query("get"), canister.certified_data) == before
    ic.advance(seconds=2)
    assert canister.query("get") == before[1]


def test_a_reject_keeps_what_the_message_wrote(motoko: Callable[..., Canister]) -> None:
    canister = motoko("trap_after_write")

    with pytest.raises(CanisterRejected, match="after the writes") as caught:
        canister.write_then_throw(2)

    assert caught.value.error_code == "IC0406"
    assert canister.query("get")["writes"] == 2
    assert canister.certified_data == b"written"


def test_a_query_leaves_no_trace(motoko: Callable[..., Canister]) -> None:
    canister = motoko("trap_after_write")
    before = canister.checksum

    assert canister.query("query_then_reply", 5) == 5

    assert canister.checksum == before


def test_calls_to_itself_await_each_other(motoko: Callable[..., Canister]) -> None:
    canister = motoko("await_self")

    assert canister.nested(10) == 10


def test_an_await_commits_and_a_later_trap_undoes_only_its_own_part(
    motoko: Callable[..., Canister],
) -> None:
    canister = motoko("await_self")

    with pytest.raises(CanisterTrapped, match="after the await"):
        canister.trap_after_await()

    assert canister.query("get") == 2


def test_a_reject_is_caught_with_its_message(motoko: Callable[..., Canister]) -> None:
    canister = motoko("await_self")

    assert canister.caught("no luck") == "no luck"
    assert canister.get_log() == ["finally after no luck"]


def test_cleanup_runs_when_a_callback_traps(motoko: Callable[..., Canister]) -> None:
    canister = motoko("await_self")

    with pytest.raises(CanisterTrapped, match="in the callback"):
        canister.trap_with_finally()

    assert canister.get_log() == ["cleanup"]


def test_timers_fire_in_order_as_time_advances(
    ic: Sandbox, motoko: Callable[..., Canister]
) -> None:
    canister = motoko("timers")
    canister.once(60, "minute")
    canister.every(40, "forty")
    canister.once(10, "ten")
    canister.cancel()

    ic.advance(seconds=125)

    assert canister.query("get") == ["forty", "minute", "forty", "forty"]


def test_a_trapping_timer_leaves_no_trace_and_the_others_go_on(
    ic: Sandbox, motoko: Callable[..., Canister]
) -> None:
    canister = motoko("timers")
    canister.once_trapping(1)
    canister.once(2, "two")

    ic.advance(seconds=5)

    assert canister.query("get") == ["two"]


def test_heartbeats_beat_at_each_tick(ic: Sandbox, motoko: Callable[..., Canister]) -> None:
    canister = motoko("heartbeat")
    start = canister.query("get")

    ic.tick()
    ic.tick()

    assert canister.query("get") == start + 2


def test_what_a_canister_prints_is_in_its_log(motoko: Callable[..., Canister]) -> None:
    canister = motoko("debug_print")
    canister.say("hello")
    canister.query("say_in_query", "psst")

    with pytest.raises(CanisterTrapped):
        canister.say_then_trap("the end")

    texts = [(record.text.splitlines()[0], record.is_query) for record in canister.logs]
    assert texts[0] == ("installed", False)
    assert ("hello", False) in texts
    assert ("psst", True) in texts
    assert texts[-2:] == [("the end", False), ("[TRAP]: trapped after the end", False)]


def test_inspect_message_decides_what_comes_in(motoko: Callable[..., Canister]) -> None:
    canister = motoko("inspect_message")

    canister.open()
    canister.even_only(2)
    canister.named_only()
    for refused in (
        canister.closed,
        lambda: canister.even_only(3),
        lambda: canister.named_only(caller=Principal.anonymous()),
        lambda: canister.short_only("x" * 100),
    ):
        with pytest.raises(CanisterRejected, match="explicitly refused message"):
            refused()
    with pytest.raises(CanisterTrapped, match="inspect refuses"):
        canister.trapping()

    assert canister.query("get") == 3


def test_an_actor_class_knows_its_installer_and_its_argument(
    motoko: Callable[..., Canister],
) -> None:
    canister = motoko("owner_only", "hello")
    alice = Principal.self_authenticating(b"alice")

    assert canister.query("get") == "hello"
    assert canister.whoami(caller=alice) == alice
    with pytest.raises(CanisterRejected, match="only the owner"):
        canister.set("mine", caller=alice)


CHILD = """service : {
  add : (nat) -> (nat);
  total : () -> (nat) query;
  parent : () -> (principal) query;
}"""


def test_an_actor_creates_installs_calls_and_upgrades_actors_of_a_class(
    ic: Sandbox, motoko: Callable[..., Canister], built: Built, mode: str
) -> None:
    parent = motoko("parent")
    fee, before = ic.world.bank.prices.creation, parent.status().cycles

    ids = [parent.spawn(start, 2 * 10**12) for start in (10, 20, 30)]
    children = [ic.canister(id_, did=CHILD) for id_ in ids]
    added = [parent.add(index, 5) for index in range(3)]

    assert added == ["15", "25", "35"]
    assert parent.add(0, 101) == "caught: too much for 15"
    assert parent.sum() == 75
    assert {child.query("parent") for child in children} == {parent.id}
    assert all(child.status(caller=parent.id).controllers == (parent.id,) for child in children)
    assert all(child.status(caller=parent.id).cycles < 2 * 10**12 - fee for child in children)
    assert parent.status().cycles < before - 3 * 2 * 10**12

    version = children[1].status(caller=parent.id).version
    parent.renew(1)
    parent.upgrade(built(f"motoko/{mode}/parent"))

    assert children[1].status(caller=parent.id).version > version
    assert (parent.sum(), parent.add(1, 1)) == (75, "26")
    with ic.anchor():
        parent.spawn(1, 2 * 10**12)
    assert len(ic.canisters) == 4
    assert ic.world.cycles.accounted == ic.world.cycles.minted


def test_a_child_that_costs_more_than_it_is_given_is_not_made(
    ic: Sandbox, motoko: Callable[..., Canister]
) -> None:
    parent = motoko("parent")

    with pytest.raises(CanisterRejected, match="Creating a canister requires a fee of"):
        parent.spawn(1, 10**11)

    assert len(ic.canisters) == 1
    assert ic.world.cycles.accounted == ic.world.cycles.minted


def test_certified_data_is_kept_by_upgrades_and_undone_by_traps(
    motoko: Callable[..., Canister], built: Built, mode: str
) -> None:
    canister = motoko("certified_data")
    canister.set(b"one")

    with pytest.raises(CanisterTrapped):
        canister.set_then_trap(b"two")
    canister.upgrade(built(f"motoko/{mode}/certified_data"))

    assert canister.certified_data == b"one"
    assert canister.query("get")[0] == b"one"


def test_memory_that_grew_in_a_lost_message_can_grow_again(
    ic: Sandbox, motoko: Callable[..., Canister]
) -> None:
    canister = motoko("big_heap")
    canister.allocate(4, 7)
    small = len(canister.heap)

    with ic.anchor():
        canister.allocate(60, 9)
        canister.grow_stable(100)
        assert len(canister.heap) > small
    canister.allocate(4, 5)

    assert canister.query("sum_of_middles") == 4 * 7 + 4 * 5
    assert canister.query("stable_pages") == 0


def test_methods_show_their_types_and_complete(motoko: Callable[..., Canister]) -> None:
    counter = motoko("counter_v1")

    assert counter.methods["add_note"] == "func (text) -> ()"
    assert {"inc", "notes", "take_snapshot"} <= set(dir(counter))
    with pytest.raises(AttributeError, match="did you mean add_note"):
        counter.add_not("x")
