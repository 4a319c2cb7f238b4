"""Real canisters do what the first comment of their source says (``tests/canisters``)."""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING

import pytest

from canisters.build import built
from canisters.demo import committed, is_demo
from canisters.recipes import C_WIDTHS, MOTOKO_FLAGS, RECIPES
from canisters.universal import IMPORTS
from sandbox import CanisterRejected, CanisterTrapped
from sandbox.system_api.table import signatures

if TYPE_CHECKING:
    from canisters.recipes import Recipe
    from sandbox import Canister, Sandbox

ANONYMOUS = "2vxsx-fae"
DEMO = [recipe for recipe in RECIPES.values() if is_demo(recipe)]


@pytest.fixture(params=MOTOKO_FLAGS)
def persistence(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=C_WIDTHS)
def width(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# Upgrades of counter_v1, which has counted to 2 and holds one note.


def counter_v1(ic: Sandbox, persistence: str) -> Canister:
    canister = ic.install(built(f"motoko/{persistence}/counter_v1"))
    canister.update("inc")
    canister.update("inc")
    canister.update("add_note", "bread")
    return canister


def upgrade(canister: Canister, persistence: str, source: str) -> None:
    canister.upgrade(built(f"motoko/{persistence}/{source}"))


def contents(canister: Canister) -> tuple[object, object]:
    return canister.query("get"), canister.query("notes")


@pytest.mark.parametrize(
    ("source", "after"),
    [
        ("counter_v1", (2, ["bread"])),
        ("counter_v2_good", (2, ["bread"])),
        ("counter_v2_preupgrade_traps", (2, ["bread"])),
        ("counter_v2_migration", ("count: 2", [(0, "bread")])),
    ],
)
def test_an_upgrade_that_fits_keeps_the_data(
    ic: Sandbox, persistence: str, source: str, after: tuple[object, object]
) -> None:
    canister = counter_v1(ic, persistence)

    upgrade(canister, persistence, source)

    assert contents(canister) == after


@pytest.mark.parametrize("source", ["counter_v2_bad", "counter_v2_field_removed"])
def test_enhanced_persistence_refuses_what_does_not_fit(ic: Sandbox, source: str) -> None:
    canister = counter_v1(ic, "eop")
    before = canister.checksum

    with pytest.raises(CanisterTrapped, match="Memory-incompatible program upgrade"):
        upgrade(canister, "eop", source)

    assert canister.checksum == before


def test_classical_persistence_silently_resets_what_does_not_fit(ic: Sandbox) -> None:
    canister = counter_v1(ic, "classical")

    upgrade(canister, "classical", "counter_v2_bad")

    assert contents(canister) == ("", ["bread"])


@pytest.mark.parametrize(
    ("source", "after"),
    [
        ("counter_v2_good", (0, ["bread"])),
        ("counter_v2_bad", (0, ["bread"])),
        ("counter_v2_field_removed", (2, [])),
        ("counter_v2_migration", (0, [])),
    ],
)
def test_going_back_does_not_bring_classical_data_back(
    ic: Sandbox, source: str, after: tuple[object, object]
) -> None:
    canister = counter_v1(ic, "classical")
    upgrade(canister, "classical", source)

    upgrade(canister, "classical", "counter_v1")

    assert contents(canister) == after


def test_a_trap_in_postupgrade_changes_nothing(ic: Sandbox, persistence: str) -> None:
    canister = counter_v1(ic, persistence)
    before = canister.checksum

    with pytest.raises(CanisterTrapped, match="postupgrade refuses"):
        upgrade(canister, persistence, "counter_v2_postupgrade_traps")

    assert canister.checksum == before
    assert contents(canister) == (2, ["bread"])


def test_a_trap_in_preupgrade_bars_every_further_upgrade(ic: Sandbox, persistence: str) -> None:
    canister = counter_v1(ic, persistence)
    upgrade(canister, persistence, "counter_v2_preupgrade_traps")
    before = canister.checksum

    with pytest.raises(CanisterTrapped, match="preupgrade refuses"):
        upgrade(canister, persistence, "counter_v1")

    assert canister.checksum == before


def test_skipping_preupgrade_loses_the_data_under_enhanced_persistence(ic: Sandbox) -> None:
    canister = counter_v1(ic, "eop")
    upgrade(canister, "eop", "counter_v2_preupgrade_traps")

    canister.upgrade(built("motoko/eop/counter_v1"), skip_pre_upgrade=True)

    assert contents(canister) == (0, [])


def test_skipping_preupgrade_does_not_even_help_under_classical(ic: Sandbox) -> None:
    canister = counter_v1(ic, "classical")
    upgrade(canister, "classical", "counter_v2_preupgrade_traps")

    with pytest.raises(CanisterTrapped, match="IDL error: empty input"):
        canister.upgrade(built("motoko/classical/counter_v1"), skip_pre_upgrade=True)

    assert contents(canister) == (2, ["bread"])


def test_a_migration_cannot_be_upgraded_onto_itself(ic: Sandbox) -> None:
    canister = counter_v1(ic, "eop")
    upgrade(canister, "eop", "counter_v2_migration")

    with pytest.raises(CanisterTrapped, match="Memory-incompatible program upgrade"):
        upgrade(canister, "eop", "counter_v2_migration")

    assert contents(canister) == ("count: 2", [(0, "bread")])


def map_v1(ic: Sandbox, persistence: str) -> Canister:
    canister = ic.install(built(f"motoko/{persistence}/map_v1"))
    canister.update("put", "ana", 1_200)
    return canister


def test_classical_persistence_silently_corrupts_a_map_whose_entries_do_not_fit(
    ic: Sandbox,
) -> None:
    canister = map_v1(ic, "classical")

    upgrade(canister, "classical", "map_v2_bad")

    assert canister.query("size") == 1
    assert canister.query("names") == []
    with pytest.raises(CanisterTrapped, match=r"assertion failed at Map\.mo"):
        canister.query("get", "ana")


def test_enhanced_persistence_refuses_a_map_whose_entries_do_not_fit(ic: Sandbox) -> None:
    canister = map_v1(ic, "eop")

    with pytest.raises(CanisterTrapped, match="Memory-incompatible program upgrade"):
        upgrade(canister, "eop", "map_v2_bad")

    assert canister.query("get", "ana") == 1_200


# What one Motoko canister each is about


def install(ic: Sandbox, persistence: str, source: str, *arguments: object) -> Canister:
    return ic.install(built(f"motoko/{persistence}/{source}"), *arguments)


def test_an_await_commits_what_was_done_before_it(ic: Sandbox, persistence: str) -> None:
    canister = install(ic, persistence, "await_self")

    with pytest.raises(CanisterTrapped, match="after the await"):
        canister.update("trap_after_await")

    assert canister.query("get") == 2


def test_calls_to_itself_nest(ic: Sandbox, persistence: str) -> None:
    canister = install(ic, persistence, "await_self")

    assert canister.update("nested", 5) == 5


def test_a_reject_is_caught_and_finally_runs(ic: Sandbox, persistence: str) -> None:
    canister = install(ic, persistence, "await_self")

    assert canister.update("caught", "not today") == "not today"

    assert canister.query("get_log") == ["finally after not today"]


def test_the_cleanup_callback_runs_finally_after_a_trap(ic: Sandbox, persistence: str) -> None:
    canister = install(ic, persistence, "await_self")

    with pytest.raises(CanisterTrapped, match="in the callback"):
        canister.update("trap_with_finally")

    assert canister.query("get_log") == ["cleanup"]


def test_the_management_canister_gives_32_random_bytes_anew(ic: Sandbox, persistence: str) -> None:
    canister = install(ic, persistence, "await_self")

    first, second = canister.update("random"), canister.update("random")

    assert len(first) == len(second) == 32
    assert first != second


def test_heap_and_stable_memory_grow_on_demand(ic: Sandbox, persistence: str) -> None:
    canister = install(ic, persistence, "big_heap")
    before = len(canister.heap)

    canister.update("allocate", 8, 7)
    canister.update("touch", 9)
    canister.update("grow_stable", 3)

    assert len(canister.heap) > before
    assert canister.query("sum_of_middles") == 8 * 9
    assert canister.query("stable_pages") == 3


def test_certified_data_stands_only_after_a_commit(ic: Sandbox, persistence: str) -> None:
    canister = install(ic, persistence, "certified_data")
    canister.update("set", b"true")

    with pytest.raises(CanisterTrapped, match="certified too early"):
        canister.update("set_then_trap", b"false")

    assert canister.certified_data == b"true"


def test_cycles_are_accepted_up_to_a_limit_and_the_rest_refunded(
    ic: Sandbox, persistence: str
) -> None:
    canister = install(ic, persistence, "cycles")

    assert canister.update("deposit", 30, cycles=100) == 30
    assert canister.update("send_to_self", 100, 40) == 60
    assert canister.query("total_accepted") == 70


def test_the_log_holds_prints_and_the_last_words(ic: Sandbox, persistence: str) -> None:
    canister = install(ic, persistence, "debug_print")
    canister.update("say", "hello")

    with pytest.raises(CanisterTrapped, match="trapped after goodbye"):
        canister.update("say_then_trap", "goodbye")

    # A trap's record goes on with the backtrace.
    first_lines = [record.text.splitlines()[0] for record in canister.logs]
    assert first_lines == ["installed", "hello", "goodbye", "[TRAP]: trapped after goodbye"]


def test_every_round_is_a_heartbeat_unless_it_traps(ic: Sandbox, persistence: str) -> None:
    canister = install(ic, persistence, "heartbeat")
    ic.tick()
    canister.update("set_trapping", True)
    before = canister.query("get")

    ic.tick()

    assert canister.query("get") == before >= 1


@pytest.mark.parametrize(
    ("method", "arguments"),
    [("open", ()), ("even_only", (2,)), ("named_only", ()), ("short_only", ("short",))],
)
def test_inspection_lets_pass(
    ic: Sandbox, persistence: str, method: str, arguments: tuple[object, ...]
) -> None:
    canister = install(ic, persistence, "inspect_message")

    canister.update(method, *arguments)

    assert canister.query("get") == 1


@pytest.mark.parametrize(
    ("method", "arguments", "caller"),
    [
        ("closed", (), None),
        ("even_only", (3,), None),
        ("named_only", (), ANONYMOUS),
        ("short_only", ("long " * 20,), None),
        ("trapping", (), None),
    ],
)
def test_inspection_stops(
    ic: Sandbox,
    persistence: str,
    method: str,
    arguments: tuple[object, ...],
    caller: str | None,
) -> None:
    canister = install(ic, persistence, "inspect_message")

    with pytest.raises(CanisterRejected):
        canister.update(method, *arguments, caller=caller)

    assert canister.query("get") == 0


def test_only_the_installer_may_change_the_greeting(ic: Sandbox, persistence: str) -> None:
    canister = install(ic, persistence, "owner_only", "hello")

    with pytest.raises(CanisterRejected, match="only the owner may do this"):
        canister.update("set", "mine now", caller=ANONYMOUS)
    canister.update("set", "good morning")

    assert canister.query("get") == "good morning"
    assert canister.query("whoami") == canister.query("get_owner")


def test_timers_fire_in_order_until_cancelled(ic: Sandbox, persistence: str) -> None:
    canister = install(ic, persistence, "timers")
    canister.update("once", 5, "once")
    canister.update("once_trapping", 3)
    canister.update("every", 2, "tick")

    ic.advance(seconds=6)
    canister.update("cancel")
    ic.advance(seconds=6)

    assert canister.query("get") == ["tick", "tick", "once", "tick"]


def test_a_trap_undoes_every_kind_of_write(ic: Sandbox, persistence: str) -> None:
    canister = install(ic, persistence, "trap_after_write")
    canister.update("write_then_reply", 2)
    ic.advance(seconds=2)
    before, size = canister.checksum, len(canister.heap)

    with pytest.raises(CanisterTrapped, match="after the writes"):
        canister.update("write_then_trap", 40)

    assert (canister.checksum, len(canister.heap)) == (before, size)
    assert canister.query("get") == {"writes": 2, "blocks": 2, "pages": 2, "timer": 1}


def test_a_reject_keeps_every_kind_of_write(ic: Sandbox, persistence: str) -> None:
    canister = install(ic, persistence, "trap_after_write")

    with pytest.raises(CanisterRejected, match="after the writes"):
        canister.update("write_then_throw", 3)

    ic.advance(seconds=2)
    assert canister.query("get") == {"writes": 3, "blocks": 3, "pages": 3, "timer": 1}


def test_a_query_leaves_no_write(ic: Sandbox, persistence: str) -> None:
    canister = install(ic, persistence, "trap_after_write")

    assert canister.query("query_then_reply", 5) == 5

    assert canister.query("query_then_reply", 5) == 5


# C


def numbers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)


def test_a_c_counter_moves_through_stable_memory(ic: Sandbox, width: str) -> None:
    module = built(f"c/{width}/counter")
    canister = ic.create_canister()
    canister.install(module, numbers(41))
    canister.update_raw("inc", b"")

    canister.upgrade(module, b"")

    assert canister.query_raw("get", b"") == numbers(42)


def test_a_c_counter_does_not_count_what_trapped(ic: Sandbox, width: str) -> None:
    canister = ic.install(built(f"c/{width}/counter"), b"")

    with pytest.raises(CanisterTrapped, match="after the addition"):
        canister.update_raw("add_then_trap", numbers(5))

    assert canister.query_raw("get", b"") == numbers(0)


def test_stable_memory_holds_what_c_writes(ic: Sandbox, width: str) -> None:
    canister = ic.install(built(f"c/{width}/stable"), b"")
    canister.update_raw("grow", numbers(2))
    canister.update_raw("write", numbers(65_530) + b"over the edge")

    canister.update_raw("write_records", numbers(1000))

    assert canister.query_raw("read", numbers(65_530, 13)) == b"over the edge"
    assert canister.query_raw("read_records", numbers(1000)) == numbers(sum(range(1000)))


# The bytes are how the instruction, or the type, is encoded.
@pytest.mark.parametrize(
    ("source", "encoding"),
    [
        ("bulk_memory", "fc0a0000"),  # memory.copy 0 0
        ("bulk_memory", "fc0b00"),  # memory.fill 0
        ("multi_value", "60027e7e027e7e"),  # (func (param i64 i64) (result i64 i64))
        ("simd", "fdae01"),  # i32x4.add
        ("simd", "fde701"),  # f32x4.div
    ],
)
def test_a_c_canister_uses_the_feature_it_is_about(width: str, source: str, encoding: str) -> None:
    assert bytes.fromhex(encoding) in built(f"c/{width}/{source}").read_bytes()


def test_bulk_memory_moves_over_itself(ic: Sandbox, width: str) -> None:
    canister = ic.install(built(f"c/{width}/bulk_memory"), b"")

    assert canister.query_raw("move", numbers(4)) == bytes((0, 1, 2, 3)) + bytes(range(12))


def test_a_fill_past_the_end_leaves_no_byte(ic: Sandbox, width: str) -> None:
    canister = ic.install(built(f"c/{width}/bulk_memory"), b"")
    canister.update_raw("fill", numbers(0x11))

    with pytest.raises(CanisterTrapped, match="heap out of bounds"):
        canister.update_raw("fill_past_the_end", b"")

    assert canister.query_raw("last", b"") == b"\x11"


def test_a_function_returns_two_values(ic: Sandbox, width: str) -> None:
    canister = ic.install(built(f"c/{width}/multi_value"), b"")

    assert canister.query_raw("divide", numbers(47, 10)) == numbers(4, 7)


def test_simd_adds_lane_by_lane(ic: Sandbox, width: str) -> None:
    canister = ic.install(built(f"c/{width}/simd"), b"")
    vectors = struct.pack("<8I", 1, 2, 3, 2**32 - 1, 10, 20, 30, 2)

    assert canister.query_raw("sum_lanes", vectors) == struct.pack("<4I", 11, 22, 33, 1)


def test_simd_makes_the_same_not_a_number_of_every_zero_by_zero(ic: Sandbox, width: str) -> None:
    canister = ic.install(built(f"c/{width}/simd"), b"")
    operands = struct.pack("<8f", 0.0, -0.0, 0.0, -0.0, 0.0, 0.0, -0.0, -0.0)

    assert canister.query_raw("divide_lanes", operands) == struct.pack("<4I", *[0x7FC00000] * 4)


def test_tail_calls_need_no_stack(ic: Sandbox, width: str) -> None:
    canister = ic.install(built(f"c/{width}/tail_call"), b"")

    assert canister.query_raw("is_even", numbers(10_000_001)) == numbers(0)


def test_the_universal_canister_knows_every_import() -> None:
    assert set(IMPORTS) == set(signatures(is_64=False))


# TypeScript


def azle_counter(ic: Sandbox, start: int) -> Canister:
    module = built("azle/counter")
    return ic.install(module, start, did=module.with_suffix(".did"))


def test_an_azle_upgrade_keeps_the_stable_map_and_loses_the_heap(ic: Sandbox) -> None:
    canister = azle_counter(ic, 5)
    canister.update("inc")
    canister.update("set_note", "bread", "two loaves")

    canister.upgrade(built("azle/counter"), 100)

    assert canister.query("get") == 100
    assert canister.query("note", "bread") == "two loaves"


def test_an_azle_error_undoes_the_message(ic: Sandbox) -> None:
    canister = azle_counter(ic, 5)

    with pytest.raises(CanisterTrapped, match="after the note"):
        canister.update("set_note_then_throw", "bread", "two loaves")

    assert canister.query("get") == 5
    assert canister.query("note", "bread") is None


# The demo's ledger


@pytest.mark.slow  # compiles, the first time
@pytest.mark.parametrize("recipe", DEMO, ids=lambda recipe: recipe.name)
def test_the_demo_ships_what_its_sources_compile_to(recipe: Recipe) -> None:
    assert gzip.decompress(committed(recipe).read_bytes()) == built(recipe.name).read_bytes()


def ledger(ic: Sandbox, persistence: str) -> Canister:
    canister = ic.install(built(f"demo/{persistence}/ledger_v1"))
    canister.update("award", "ana", 1_200, "the garden")
    canister.update("award", "ben", 50, "a cake")
    return canister


def test_giving_more_points_than_one_has_changes_nothing(ic: Sandbox, persistence: str) -> None:
    canister = ledger(ic, persistence)

    with pytest.raises(CanisterTrapped, match="ben has only 50 points"):
        canister.update("give", "ben", "ana", 51, "too generous")

    assert dict(canister.query("balances")) == {"ana": 1_200, "ben": 50}
    assert len(canister.query("history")) == 2


def test_the_bad_ledger_loses_every_balance_and_says_nothing(ic: Sandbox) -> None:
    canister = ledger(ic, "classical")

    canister.upgrade(built("demo/classical/ledger_v2_bad"))

    assert canister.query("balances") == []
    assert canister.query("total_awarded") == 1_250


def test_the_good_ledger_keeps_balances_and_gives_tiers(ic: Sandbox, persistence: str) -> None:
    canister = ledger(ic, persistence)

    canister.upgrade(built(f"demo/{persistence}/ledger_v2_good"))

    assert dict(canister.query("balances")) == {"ana": 1_200, "ben": 50}
    assert canister.query("tier_of", "ana") == {"gold": None}


def test_enhanced_persistence_refuses_the_bad_ledger(ic: Sandbox) -> None:
    canister = ledger(ic, "eop")

    with pytest.raises(CanisterTrapped, match="Memory-incompatible program upgrade"):
        canister.upgrade(built("demo/eop/ledger_v2_bad"))

    assert dict(canister.query("balances")) == {"ana": 1_200, "ben": 50}
