"""Stable memory through both interfaces: sizes, bounds, growth, and how much may be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from canisters import universal as u
from engine_room import failure_of, open_sandbox, reply_of, runtime_of
from sandbox.limits import MAINNET
from sandbox.system_api.table import Context
from universal_room import WIDTHS, install, keep, run, run_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox import Canister
    from sandbox.limits import Limits
    from sandbox.memory import RegionKind

PAGE: Final = 65_536
GIB: Final = 1 << 30
FAILED: Final = b"\xff" * 8
LIMIT_TEXT: Final = (
    "Error from Canister {id}: Canister exceeded memory access limits: Exceeded the limit for the "
    "number of modified pages in the stable memory in a single message execution: limit: {kib} "
    "KB..\nTry optimizing the use of stable memory so that individual messages don't need to "
    "access as much stable memory. See documentation: "
    "https://internetcomputer.org/docs/current/references/execution-errors"
    "#memory-access-limit-exceeded"
)
KINDS: Final[tuple[RegionKind, ...]] = ("auto", "copying")


@pytest.fixture(params=[(width, kind) for width in WIDTHS for kind in KINDS], ids="-".join)
def make(request: pytest.FixtureRequest) -> Iterator[Callable[..., Canister]]:
    width, kind = request.param
    opened = []

    def install_with(limits: Limits = MAINNET) -> Canister:
        opened.append(open_sandbox(memory=kind, limits=limits))
        return install(opened[-1], width)

    yield install_with
    for ic in opened:
        ic.close()


def number(value: int) -> bytes:
    return value.to_bytes(8, "little")


def trap_text(canister: Canister, script: bytes) -> str:
    refusal = failure_of(run(canister, script))
    assert refusal.error_code == "IC0502"
    start = f"Error from Canister {canister.id}: Canister trapped: "
    assert refusal.message.startswith(start)
    return refusal.message.removeprefix(start).split("\n")[0].removesuffix(".")


def grow(pages: int) -> bytes:
    return u.do("stable64_grow", pages)


def test_growing_returns_the_size_before(make: Callable[..., Canister]) -> None:
    canister = make()
    script = u.reply(
        u.get("stable64_size"),
        u.get("stable64_grow", 2),
        u.get("stable64_grow", 0),
        u.get("stable64_grow", 3),
        u.get("stable64_size"),
    )

    assert reply_of(run(canister, script)) == b"".join(map(number, (0, 0, 2, 2, 5)))
    assert len(canister.stable_memory) == 5 * PAGE


def test_what_was_written_is_read_back_and_the_rest_is_zero(make: Callable[..., Canister]) -> None:
    canister = make()

    run(canister, grow(1) + u.stable_write(PAGE - 3, b"end") + u.stable_write(0, b"start"))

    whole = b"start" + bytes(PAGE - 8) + b"end"
    assert canister.stable_memory == whole
    assert reply_of(run(canister, u.reply(u.stable_read(0, PAGE)))) == whole


def test_the_limit_of_500_gib_can_be_reached_but_not_passed(make: Callable[..., Canister]) -> None:
    canister = make()
    most = 500 * GIB // PAGE
    script = u.reply(
        u.get("stable64_grow", most + 1),
        u.get("stable64_grow", 2**64 - 1),
        u.get("stable64_grow", most),
        u.get("stable64_grow", 1),
        u.get("stable64_size"),
    )

    assert reply_of(run(canister, script, Context.QUERY)) == (
        FAILED + FAILED + number(0) + FAILED + number(most)
    )


def test_a_lower_limit_is_kept(make: Callable[..., Canister]) -> None:
    canister = make(MAINNET.relaxed(stable_memory_bytes=3 * PAGE))

    script = u.reply(u.get("stable64_grow", 4), u.get("stable64_grow", 3))

    assert reply_of(run(canister, script)) == FAILED + number(0)


def test_memory_beyond_4_gib_is_written_and_read(make: Callable[..., Canister]) -> None:
    canister = make()
    far = 5 * GIB + 123

    run(canister, grow(6 * GIB // PAGE) + u.stable_write(far, b"far away"))
    again = run(canister, u.reply(u.stable_read(far - 1, 10)))

    assert reply_of(again) == b"\0far away\0"
    assert canister.stable_memory[far : far + 8] == b"far away"


def test_a_message_that_outgrows_the_reservation_is_run_again_unnoticed(
    make: Callable[..., Canister],
) -> None:
    canister = make()
    run(canister, grow(1) + u.stable_write(0, b"before") + u.set_global(1))
    prints = u.heap_fill(u.scratch(), ord("x"), 32768) + u.repeat(
        40, u.do("debug_print", u.scratch(), 32768)
    )
    script = prints + u.set_global(u.get_global() + 1) + grow(1) + u.stable_write(0, b"BEFORE")
    keep(canister, script + grow(20 * GIB // PAGE) + u.stable_write(19 * GIB, b"far"))
    lines = runtime_of(canister).log.next_index

    outcome = run_kept(canister, limit=10**10)

    assert outcome.failure is None
    assert canister.stable_memory[19 * GIB : 19 * GIB + 4] == b"far\0"
    assert canister.stable_memory[:7] == b"BEFORE\0"
    assert runtime_of(canister).log.next_index == lines + 40
    look = u.reply(u.get_global(), u.stable_read(19 * GIB, 3))
    assert reply_of(run(canister, look)) == number(2) + b"far"


def test_an_install_may_outgrow_the_reservation() -> None:
    with open_sandbox() as ic:
        script = grow(20 * GIB // PAGE) + u.stable_write(19 * GIB, b"far") + u.set_global(7)

        canister = install(ic, "wasm32", script)

        assert canister.stable_memory[19 * GIB : 19 * GIB + 3] == b"far"
        assert reply_of(run(canister, u.reply(u.get_global()))) == number(7)


def test_the_32_bit_interface_ends_at_4_gib() -> None:
    with open_sandbox() as ic:
        canister = install(ic, "wasm32")
        text = "32 bit stable memory api used on a memory larger than 4GB"
        calls = (
            u.do("stable_size"),
            u.do("stable_grow", 0),
            u.do("stable_read", 0, 0, 0),
            u.do("stable_write", 0, 0, 0),
        )

        whole = u.reply(u.get("stable_grow", 65536), u.get("stable_grow", 1), u.get("stable_size"))
        assert reply_of(run(canister, whole, Context.QUERY)) == (
            number(0) + number(2**32 - 1) + number(65536)
        )
        run(canister, grow(65537))
        for call in calls:
            assert trap_text(canister, call) == text


def test_the_32_bit_interface_moves_the_same_bytes() -> None:
    with open_sandbox() as ic:
        canister = install(ic, "wasm32")
        script = u.do("stable_grow", 2) + u.do("stable_write", 70_000, b"thirty-two")
        script += u.do("stable_read", u.scratch(), 70_000, 10)

        outcome = run(canister, script + u.reply(u.heap_read(u.scratch(), 10)))

        assert reply_of(outcome) == b"thirty-two"
        assert trap_text(canister, u.do("stable_read", 0, 2 * PAGE, 1)) == (
            "stable memory out of bounds"
        )


@pytest.mark.parametrize("name", ["stable64_read", "stable64_write"])
def test_ranges_outside_stable_memory_or_heap_trap(
    make: Callable[..., Canister], name: str
) -> None:
    canister = make()
    run(canister, grow(1))
    heap, big = len(canister.heap), 2**64 - 1

    def call(stable_at: int, heap_at: int, size: int) -> bytes:
        first, second = (stable_at, heap_at) if name == "stable64_write" else (heap_at, stable_at)
        return u.do(name, first, second, size)

    for stable_at, size in ((PAGE, 1), (PAGE - 1, 2), (big, 1), (1, big), (big, big)):
        assert trap_text(canister, call(stable_at, 0, size)) == "stable memory out of bounds"
    for heap_at in (heap, heap - 1, big, big - 1):
        assert trap_text(canister, call(0, heap_at, 2)) == "heap out of bounds"


@pytest.mark.parametrize("name", ["stable64_read", "stable64_write"])
def test_moving_nothing_is_allowed_anywhere(make: Callable[..., Canister], name: str) -> None:
    canister = make()

    assert run(canister, u.do(name, 2**63, 2**63, 0)).failure is None


def test_growth_and_writes_of_a_failed_message_are_gone(make: Callable[..., Canister]) -> None:
    canister = make()
    run(canister, grow(2) + u.stable_write(10, b"kept"))
    before = bytes(canister.stable_memory)

    script = grow(3) + u.stable_write(8, b"overwritten") + u.stable_write(4 * PAGE, b"grown")
    run(canister, script + u.unreachable())

    assert canister.stable_memory == before
    assert reply_of(run(canister, grow(3) + u.reply(u.stable_read(4 * PAGE, 8)))) == bytes(8)
    assert canister.stable_memory == before + bytes(3 * PAGE)


@pytest.mark.parametrize(
    ("context", "limit_name", "kib"),
    [
        (Context.UPDATE, "update_stable_write_bytes", 1024),
        (Context.QUERY, "query_stable_write_bytes", 512),
        (Context.INIT, "install_stable_write_bytes", 2048),
    ],
)
def test_a_message_may_write_only_so_many_pages(
    make: Callable[..., Canister], context: Context, limit_name: str, kib: int
) -> None:
    canister = make(MAINNET.relaxed(**{limit_name: kib << 10}))
    run(canister, grow(64) + u.heap_fill(u.scratch(), ord("x"), 64 << 10))
    whole = writes(kib // 64, 64 << 10)
    again = u.repeat(3, u.stable_write(kib << 9, b"once more"))

    exceeds = failure_of(run(canister, whole + u.stable_write(kib << 10, b"1"), context))

    assert run(canister, whole + again, context).failure is None
    assert exceeds.error_code == "IC0524"
    assert exceeds.message == LIMIT_TEXT.format(id=canister.id, kib=kib)


def test_one_write_may_be_as_large_as_the_limit(make: Callable[..., Canister]) -> None:
    canister = make(MAINNET.relaxed(update_stable_write_bytes=PAGE))
    heap = u.evaluate(u.heap_grow(2))

    def write(size: int) -> bytes:
        return grow(4) + heap + u.do("stable64_write", 4096, 0, size)

    assert run(canister, write(PAGE)).failure is None
    assert failure_of(run(canister, write(PAGE + 1))).error_code == "IC0524"
    assert run(canister, u.stable_write(0, b"after all that")).failure is None


def writes(count: int, size: int) -> bytes:
    """Write pieces one after the other, each twice: a page counts once."""
    return b"".join(
        u.repeat(2, u.do("stable64_write", number_ * size, u.scratch(), size))
        for number_ in range(count)
    )
