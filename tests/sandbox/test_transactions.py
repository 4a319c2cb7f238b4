"""A message commits whole or leaves no trace, whichever way it ends and in whatever context."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import pytest

from canisters import universal as u
from engine_room import WAT, execute, failure_of, open_sandbox, reply_of, runtime_of
from sandbox import CanisterRejected, CanisterTrapped
from sandbox.limits import MAINNET
from sandbox.system_api.table import Context
from universal_room import WIDTHS, install, keep, run, run_kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import Canister, Sandbox
    from sandbox.memory import RegionKind
    from sandbox.state import CanisterState

PAGE: Final = 65_536
KINDS: Final[tuple[RegionKind, ...]] = ("auto", "copying")
LIMIT: Final = 20_000_000
REPLICATED: Final = (
    Context.INIT, Context.PRE_UPGRADE, Context.UPDATE, Context.REPLY, Context.REJECT,
    Context.CLEANUP, Context.HEARTBEAT, Context.TIMER, Context.LOW_MEMORY,
)  # fmt: skip
READ_ONLY: Final = (
    Context.QUERY, Context.TRANSFORM, Context.COMPOSITE_QUERY, Context.COMPOSITE_REPLY,
    Context.COMPOSITE_REJECT, Context.COMPOSITE_CLEANUP, Context.INSPECT,
)  # fmt: skip


@pytest.fixture(scope="module", params=KINDS)
def ic(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    limits = MAINNET.relaxed(update_stable_write_bytes=1 << 20, update_instructions=LIMIT)
    with open_sandbox(memory=request.param, limits=limits) as sandbox:
        yield sandbox


@pytest.fixture(params=WIDTHS)
def canister(ic: Sandbox, request: pytest.FixtureRequest) -> Canister:
    return install(ic, str(request.param))


LOOK: Final = (
    u.append(u.heap_size(), u.get_global(), u.heap_read(u.scratch(), 9000))
    + u.if_(u.get("stable64_size"), u.append(u.stable_read(0, 2 * PAGE)))
    + u.append(u.get("stable64_size"))
    + u.do("msg_reply")
)


@dataclass(frozen=True)
class Everything:
    """All that a message can change: as it is kept, and as the canister itself sees it."""

    state: CanisterState
    heap: bytes
    stable: bytes
    checksum: str
    seen: bytes

    @classmethod
    def of(cls, canister: Canister) -> Everything:
        seen = reply_of(execute(canister, "query", Context.QUERY, argument=LOOK))
        state = replace(runtime_of(canister).state, version=0, cycles=0)
        heap, stable = bytes(canister.heap), bytes(canister.stable_memory)
        return cls(state, heap, stable, canister.checksum, seen)


def change(canister: Canister, mark: int, *allowed: str) -> bytes:
    """Change all that the context lets a message change; grow both memories."""
    grown = len(canister.heap) + 2 * PAGE
    script = u.heap_fill(u.scratch(), mark, 9000) + u.set_global(mark)
    script += u.evaluate(u.heap_grow(3)) + u.store(grown, mark)
    script += u.do("stable64_grow", 2) + u.stable_write(PAGE + 5, bytes([mark]) * 300)
    if "timer" in allowed:
        script += u.do("global_timer_set", mark)
    if "certified" in allowed:
        script += u.do("certified_data_set", bytes([mark]))
    return script


def allowed_in(context: Context) -> tuple[str, ...]:
    certified = () if context in (Context.CLEANUP, Context.LOW_MEMORY) else ("certified",)
    return ("timer", *certified) if context in REPLICATED else ()


FAILURES: Final[dict[str, tuple[bytes, str, str]]] = {
    # how a message ends: script, code, part of the text
    "unreachable": (u.unreachable(), "IC0502", "Canister trapped: unreachable"),
    "trap": (u.trap(b"on purpose"), "IC0503", "with message: 'on purpose'"),
    "division": (u.evaluate(u.divide(1, 0)), "IC0502", "trapped: integer division by 0"),
    "overflow": (u.evaluate(u.divide(2**63, -1)), "IC0502", "trapped: unknown"),
    "conversion": (u.truncate_not_a_number(), "IC0502", "trapped: unknown"),
    "heap": (u.store(2**32 - 8, 1), "IC0502", "trapped: heap out of bounds"),
    "stable": (u.stable_write(2**40, b"x"), "IC0502", "trapped: stable memory out of bounds"),
    "contract": (u.do("call_perform"), "IC0504", "Canister violated contract: "),
    "bounds": (u.do("canister_self_copy", 0, 99, 1), "IC0504", "exceeds the slice size=10"),
    "recursion": (u.recurse_forever(), "IC0502", "trapped: stack overflow"),
    "no function": (u.call_table(0), "IC0502", "trapped: unknown"),
    "past the table": (u.call_table(10**6), "IC0502", "trapped: table out of bounds"),
    "instructions": (u.loop_forever(), "IC0522", f"the limit of {LIMIT} instructions"),
}


@pytest.mark.parametrize("how", FAILURES)
def test_a_message_that_fails_leaves_no_trace(canister: Canister, how: str) -> None:
    script, code, text = FAILURES[how]
    assert run(canister, change(canister, 1, "timer", "certified")).failure is None
    keep(canister, change(canister, 2, "timer", "certified") + script)
    before = Everything.of(canister)

    failure = failure_of(run_kept(canister, limit=LIMIT))

    assert (failure.error_code, text in failure.message) == (code, True), failure.message
    assert Everything.of(canister) == before


@pytest.mark.parametrize("context", REPLICATED, ids=lambda context: context.name)
@pytest.mark.parametrize("how", ["unreachable", "instructions", "contract"])
def test_a_failure_leaves_no_trace_in_any_context(
    canister: Canister, context: Context, how: str
) -> None:
    keep(canister, change(canister, 3, *allowed_in(context)) + FAILURES[how][0])
    before = Everything.of(canister)

    failure = failure_of(run_kept(canister, context, limit=LIMIT))

    assert failure.error_code == FAILURES[how][1] or how == "contract"
    assert Everything.of(canister) == before


@pytest.mark.parametrize("context", REPLICATED, ids=lambda context: context.name)
def test_a_message_that_ends_well_changes_all_it_touched(
    canister: Canister, context: Context
) -> None:
    keep(canister, change(canister, 4, *allowed_in(context)))
    before = Everything.of(canister)

    outcome = run_kept(canister, context)

    after = Everything.of(canister)
    assert outcome.failure is None
    assert len(after.heap) >= len(before.heap) + 3 * PAGE
    assert after.stable == bytes(PAGE + 5) + b"\4" * 300 + bytes(PAGE - 305)
    assert after.state.globals != before.state.globals
    assert after.state.timer_ns == 4
    assert after.checksum != before.checksum


@pytest.mark.parametrize("context", READ_ONLY, ids=lambda context: context.name)
@pytest.mark.parametrize("end", [b"", u.unreachable()], ids=["returns", "traps"])
def test_what_only_reads_never_leaves_a_trace(
    canister: Canister, context: Context, end: bytes
) -> None:
    keep(canister, change(canister, 5) + end)
    before = Everything.of(canister)

    run_kept(canister, context)

    assert Everything.of(canister) == before


def test_a_reject_keeps_what_the_message_did(canister: Canister) -> None:
    before = canister.checksum

    with pytest.raises(CanisterRejected, match="not today") as caught:
        canister.update_raw("update", change(canister, 6) + u.reject(b"not today"))

    assert (caught.value.reject_code, caught.value.error_code) == (4, "IC0406")
    assert canister.checksum != before


def test_a_missing_method_changes_nothing(canister: Canister) -> None:
    before = Everything.of(canister)

    with pytest.raises(CanisterRejected, match="has no update method 'no such'") as caught:
        canister.update_raw("no such")

    assert caught.value.error_code == "IC0536"
    assert Everything.of(canister) == before


def test_a_heap_that_grew_in_a_failed_message_is_small_again_and_grows_with_zeros(
    canister: Canister,
) -> None:
    size = len(canister.heap)
    write = u.evaluate(u.heap_grow(1)) + u.store(size, 2**64 - 1)

    run(canister, write + u.unreachable())
    assert len(canister.heap) == size

    execute(canister, "update", argument=u.evaluate(u.heap_grow(1)))
    assert canister.heap[size : size + PAGE] == bytes(PAGE)


def test_many_failed_messages_do_not_change_what_the_next_one_sees(canister: Canister) -> None:
    run(canister, change(canister, 7))
    keep(canister, change(canister, 8) + u.unreachable())
    before = Everything.of(canister)

    for _ in range(20):
        run_kept(canister)
        run_kept(canister, Context.QUERY)

    assert Everything.of(canister) == before


def test_an_instance_made_anew_shows_the_same_state(canister: Canister) -> None:
    run(canister, change(canister, 9, "timer", "certified"))
    before = Everything.of(canister)
    runtime_of(canister).discard()

    assert Everything.of(canister) == before


# --- modules of every build


def test_globals_of_every_type_are_rolled_back_bit_by_bit(ic: Sandbox) -> None:
    canister = ic.install(WAT / "all_globals.wat")
    fresh = canister.query_raw("read")
    canister_bits = runtime_of(canister).state.globals

    with pytest.raises(CanisterTrapped):
        canister.update_raw("set_and_trap")

    assert canister.query_raw("read") == fresh
    assert runtime_of(canister).state.globals == canister_bits


def test_globals_of_every_type_survive_a_new_instance_bit_by_bit(ic: Sandbox) -> None:
    canister = ic.install(WAT / "all_globals.wat")
    assert execute(canister, "set").failure is None

    runtime_of(canister).discard()

    assert canister.query_raw("read") == (
        (0x7FFFFFFF).to_bytes(4, "little")
        + (0x7FFFFFFFFFFFFFFF).to_bytes(8, "little")
        + (0xFF800001).to_bytes(4, "little")
        + (0x7FF0000000000001).to_bytes(8, "little")
        + (2**64 - 1 + (1 << 64)).to_bytes(16, "little")
    )


def test_a_dropped_segment_is_back_in_the_next_message(ic: Sandbox) -> None:
    canister = ic.install(WAT / "data_drop.wat")

    assert [canister.update_raw("use_and_drop") for _ in range(3)] == [b"passive"] * 3
    assert canister.query_raw("runs") == b"\3\0\0\0"


def test_a_canister_without_a_memory_keeps_its_globals(ic: Sandbox) -> None:
    canister = ic.install(WAT / "no_memory.wat")

    canister.update_raw("run")
    with pytest.raises(CanisterTrapped):
        canister.update_raw("trap")
    canister.update_raw("run")

    assert canister.globals == {"runs": 2}
    assert (len(canister.heap), len(canister.stable_memory)) == (0, 0)


def test_a_canister_without_a_memory_may_fail_at_once(ic: Sandbox) -> None:
    before = set(ic.canisters)

    with pytest.raises(CanisterTrapped, match="unreachable"):
        ic.install(WAT / "no_memory_init_traps.wat")

    assert set(ic.canisters) == before


def test_a_heap_of_no_pages_grows_and_is_rolled_back(ic: Sandbox) -> None:
    canister = ic.install(WAT / "zero_pages.wat")
    assert len(canister.heap) == 0

    with pytest.raises(CanisterTrapped):
        canister.update_raw("grow_and_trap")
    assert len(canister.heap) == 0

    canister.update_raw("grow")
    canister.update_raw("grow")
    with pytest.raises(CanisterTrapped):
        canister.update_raw("grow_and_trap")
    canister.query_raw("nothing")
    assert canister.heap == bytes(PAGE - 1) + b"\1" + bytes(PAGE - 1) + b"\2"

    runtime_of(canister).discard()
    canister.update_raw("grow")
    assert (len(canister.heap), canister.heap[3 * PAGE - 1]) == (3 * PAGE, 3)


def test_memory_and_table_may_be_imported(ic: Sandbox) -> None:
    canister = ic.install(WAT / "imported_memory_and_table.wat")

    assert canister.query_raw("read") == b"active\0"
    assert canister.update_raw("run") == b"active!"
    runtime_of(canister).discard()
    assert canister.query_raw("read") == b"active!"


def test_a_64_bit_heap_beyond_4_gib_is_touched_sparsely() -> None:
    with open_sandbox() as ic:  # a plain copy of 5 GiB would take seconds
        canister = ic.install(WAT / "wasm64_sparse.wat")
        canister.update_raw("write")

        with pytest.raises(CanisterTrapped):
            canister.update_raw("write_and_trap")

        assert len(canister.heap) == 5 << 30
        assert canister.query_raw("read") == b"AAA"
        assert canister.heap[0x13FFFFFF0] == 65
