"""Randomness, subnet and node facts, the list of canisters, Bitcoin."""

from __future__ import annotations

import pytest

from calling_room import ask_management, caller
from engine_room import compiler
from sandbox import CanisterRejected, Principal, Sandbox


def draws(seed: int | None, count: int = 3) -> list[bytes]:
    with Sandbox(compiler=compiler(), seed=seed) as ic:
        asking = caller(ic)
        return [ask_management(asking, "raw_rand") for _ in range(count)]


def test_randomness_is_the_seed_s_and_never_repeats() -> None:
    first, again, other = draws(1), draws(1), draws(2)

    assert first == again
    assert len({*first, *other}) == 6
    assert {len(data) for data in first} == {32}


def test_an_anchor_takes_randomness_back(ic: Sandbox) -> None:
    asking = caller(ic)

    with ic.anchor():
        first = ask_management(asking, "raw_rand")
    again = ask_management(asking, "raw_rand")

    assert first == again


def test_the_subnet_knows_itself_and_no_other(ic: Sandbox) -> None:
    asking, subnet = caller(ic), ic.world.machine.subnet

    info = ask_management(asking, "subnet_info", {"subnet_id": subnet})
    with pytest.raises(CanisterRejected, match="is not the subnet of this sandbox"):
        ask_management(asking, "subnet_info", {"subnet_id": Principal(b"\x01")})

    assert str(ic.limits) in info.replica_version


def test_node_metrics_have_an_entry_per_day_and_node(ic: Sandbox) -> None:
    asking, start = caller(ic), ic.time_ns
    ic.advance(days=2)

    rows = ask_management(
        asking,
        "node_metrics_history",
        {"subnet_id": ic.world.machine.subnet, "start_at_timestamp_nanos": start},
    )

    assert len(rows) == 3
    assert {len(row.node_metrics) for row in rows} == {13}
    assert rows[0].timestamp_nanos == start


def test_canisters_are_listed_as_ranges(ic: Sandbox) -> None:
    first, second = ic.create_canister(), ic.create_canister()
    far = ic.create_canister(specified_id="ryjl3-tyaaa-aaaaa-aaaba-cai")

    ranges = ic.management.list_canisters().canisters

    assert sorted((row.start, row.end) for row in ranges) == sorted(
        [(first.id, second.id), (far.id, far.id)]
    )


def test_bitcoin_is_refused_clearly_and_can_be_mocked(ic: Sandbox) -> None:
    asking = caller(ic)
    argument = {"address": "bc1", "network": "mainnet"}

    with pytest.raises(CanisterRejected, match="the sandbox has no Bitcoin network"):
        ask_management(asking, "bitcoin_get_balance", argument)
    ic.mock("aaaaa-aa").returns("bitcoin_get_balance", 21)

    assert ask_management(asking, "bitcoin_get_balance", argument) == 21
