"""``CanisterRuntime``: callbacks, limits of the heap, what an outcome tells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from canisters import universal as u
from engine_room import WAT, execute, failure_of, open_sandbox, reply_of, runtime_of, wat
from sandbox.messages import Closure, Task
from sandbox.system_api.table import Context
from universal_room import WIDTHS, install, keep, run, run_kept, universal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import Canister, Sandbox

PAGE: Final = 65_536
LIMIT: Final = 10**9


@pytest.fixture
def ic() -> Iterator[Sandbox]:
    with open_sandbox() as sandbox:
        yield sandbox


@pytest.fixture(params=WIDTHS)
def canister(ic: Sandbox, request: pytest.FixtureRequest) -> Canister:
    return install(ic, str(request.param))


# --- callbacks


def test_a_callback_runs_with_its_environment(canister: Canister) -> None:
    made = u.perform(
        u.call(
            b"",
            "method",
            on_reply=u.set_global(3) + u.reply(u.argument()),
            on_reject=u.set_global(4) + u.reply(u.fetch("msg_reject_msg")),
        )
    )
    (call,) = run(canister, made).calls
    runtime = runtime_of(canister)

    replied = runtime.execute(Task(call.on_reply, Context.REPLY, LIMIT, argument=b"answer"))
    rejected = runtime.execute(
        Task(call.on_reject, Context.REJECT, LIMIT, argument=b"reason", reject_code=4)
    )

    assert reply_of(replied) == b"answer"
    assert reply_of(rejected) == b"reason"
    assert reply_of(execute(canister, "query", argument=u.reply(u.get_global())))[0] == 4


@pytest.mark.parametrize("env", [0, 5, 2**32 + 7, 2**64 - 1])
def test_a_64_bit_environment_arrives_whole(ic: Sandbox, env: int) -> None:
    canister = ic.install(WAT / "callback_env.wat")

    outcome = runtime_of(canister).execute(Task(Closure(1, env), Context.REPLY, LIMIT))

    assert outcome.failure is None
    assert canister.globals == {"env": env}


def test_a_32_bit_environment_is_cut(ic: Sandbox) -> None:
    canister = ic.install(
        wat(
            "(module (memory 1) (table 1 funcref) (elem (i32.const 0) $f)"
            ' (global $env (export "env")'
            " (mut i32) (i32.const 0)) (func $f (param i32) (global.set $env (local.get 0))))"
        )
    )

    outcome = runtime_of(canister).execute(Task(Closure(0, 2**32 + 9), Context.REPLY, LIMIT))

    assert outcome.failure is None
    assert canister.globals == {"env": 9}


def test_a_failing_callback_is_rolled_back(canister: Canister) -> None:
    made = u.perform(u.call(b"", "m", on_reply=u.set_global(9) + u.unreachable()))
    (call,) = run(canister, made).calls
    before = canister.checksum

    outcome = runtime_of(canister).execute(Task(call.on_reply, Context.REPLY, LIMIT))

    assert failure_of(outcome).error_code == "IC0502"
    assert canister.checksum == before


# --- wasm_memory_limit


LIMITED: Final = (Context.UPDATE, Context.INIT, Context.START)
UNLIMITED: Final = (Context.PRE_UPGRADE, Context.REPLY, Context.TIMER, Context.HEARTBEAT)


def limit_heap(canister: Canister, limit: int) -> None:
    runtime = runtime_of(canister)
    settings = replace(runtime.state.settings, wasm_memory_limit_bytes=limit)
    runtime.state = replace(runtime.state, settings=settings)


@pytest.mark.parametrize("context", LIMITED, ids=lambda context: context.name)
def test_a_heap_beyond_its_limit_fails_the_message(canister: Canister, context: Context) -> None:
    keep(canister, u.evaluate(u.heap_grow(4)) + u.set_global(1))
    used, before = len(canister.heap) + 4 * PAGE, canister.checksum
    limit_heap(canister, used - 1)

    failure = failure_of(run_kept(canister, context))

    assert failure.error_code == "IC0539"
    assert failure.message == (
        f"Error from Canister {canister.id}: Canister exceeded its current Wasm memory limit of "
        f"{used - 1} bytes. The peak Wasm memory usage was {used} bytes. If the canister reaches "
        "4GiB, then it may stop functioning and may become unrecoverable. Please reach out to the "
        "canister owner to investigate the reason for the increased memory usage. It might be "
        "necessary to move data from the Wasm memory to the stable memory. If such high Wasm "
        "memory usage is expected and safe, then the developer can increase the Wasm memory limit "
        "in the canister settings..\nTry checking the canister for a possible memory leak or "
        "modifying it to use more stable memory instead of Wasm memory. See documentation: "
        "https://internetcomputer.org/docs/current/references/execution-errors"
        "#wasm-memory-limit-exceeded"
    )
    assert canister.checksum == before


@pytest.mark.parametrize("context", LIMITED, ids=lambda context: context.name)
def test_a_heap_may_be_as_large_as_its_limit(canister: Canister, context: Context) -> None:
    keep(canister, u.evaluate(u.heap_grow(4)))
    limit_heap(canister, len(canister.heap) + 4 * PAGE)

    assert run_kept(canister, context).failure is None


@pytest.mark.parametrize("context", UNLIMITED, ids=lambda context: context.name)
def test_other_messages_may_exceed_the_limit(canister: Canister, context: Context) -> None:
    keep(canister, u.evaluate(u.heap_grow(4)))
    limit_heap(canister, PAGE)

    assert run_kept(canister, context).failure is None


# --- what an outcome tells


def test_an_outcome_counts_instructions_and_changed_pages(canister: Canister) -> None:
    few = run(canister, u.heap_fill(u.scratch(), 1, 10))
    many = run(canister, u.heap_fill(u.scratch(), 2, 40_000) + u.do("stable64_grow", 1)
               + u.stable_write(0, bytes(4096) + b"x"))  # fmt: skip

    assert 0 < few.instructions < many.instructions
    assert 1 <= few.heap_dirty_pages <= 4
    assert many.heap_dirty_pages >= 10
    assert many.stable_dirty_pages in (1, 2)  # plain copies leave out pages that stay zero
    assert few.stable_dirty_pages == 0


def test_the_same_messages_take_the_same_instructions(ic: Sandbox) -> None:
    script = u.heap_fill(u.scratch(), 1, 1000) + u.reply(u.get("performance_counter", 0))
    counts = set()

    for _ in range(3):
        canister = ic.install(universal("wasm32"), b"")
        outcome = run(canister, script)
        counts.add((outcome.instructions, reply_of(outcome)))

    assert len(counts) == 1


def test_after_an_upgrade_the_system_api_asks_the_canister_and_not_its_candidate(
    ic: Sandbox,
) -> None:
    canister = ic.install(universal("wasm32"), b"")
    canister.upgrade(universal("wasm32"), b"")
    lines = u.heap_fill(u.scratch(), ord("x"), 32768) + u.repeat(
        40, u.do("debug_print", u.scratch(), 32768)
    )

    outcome = run(canister, lines)

    assert outcome.failure is None
    assert runtime_of(canister).log.next_index == 40
