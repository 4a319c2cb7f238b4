"""Many canisters, several sandboxes, threads, forks and the garbage collector."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from canisters import universal as u
from engine_room import WAT, compiler, execute, open_sandbox, runtime_of, wat
from sandbox import CanisterTrapped, Sandbox, UsageError
from universal_room import install

if TYPE_CHECKING:
    from sandbox import Canister

RECURSIVE = wat(
    '(module (memory 1) (func $down (call $down)) (func (export "canister_update run")'
    " (call $down)))"
)


def memory_files() -> int:
    """Count the memory files this process has open."""
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            count += "memfd:" in str(link.readlink())
        except FileNotFoundError:  # the directory's own handle
            continue
    return count


def address_space_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def increment(canister: Canister) -> int:
    return int.from_bytes(canister.update_raw("inc"), "little")


@pytest.mark.slow
def test_more_canisters_than_address_space_has_room_for_live_instances() -> None:
    with open_sandbox() as ic:
        canisters = [ic.install(WAT / "counter.wat") for _ in range(250)]

        for round_ in (1, 2):
            assert [increment(canister) for canister in canisters] == [round_] * 250


@pytest.mark.slow
def test_two_sandboxes_full_of_canisters_share_the_address_space() -> None:
    with open_sandbox() as one, open_sandbox() as two:
        canisters = [ic.install(WAT / "counter.wat") for _ in range(140) for ic in (one, two)]

        assert [increment(canister) for canister in canisters] == [1] * 280
        assert [increment(canister) for canister in canisters] == [2] * 280


def test_two_sandboxes_do_not_know_each_other() -> None:
    with open_sandbox() as one, open_sandbox() as two:
        first, second = one.install(WAT / "counter.wat"), two.install(WAT / "counter.wat")

        assert [increment(first), increment(first), increment(second)] == [1, 2, 1]
        assert first.id == second.id
        with one.anchor():
            increment(first)
            increment(second)
        assert [increment(first), increment(second)] == [3, 3]


@linux_only
def test_a_sandbox_that_is_merely_forgotten_gives_everything_back() -> None:
    def use_and_forget() -> None:
        ic = open_sandbox()
        canister = install(ic, "wasm32", u.do("stable64_grow", 1) + u.stable_write(0, b"x"))
        canister.take_snapshot()
        ic.anchor()
        increment(ic.install(WAT / "counter.wat"))

    use_and_forget()
    gc.collect()
    files, space = memory_files(), address_space_bytes()

    for _ in range(5):
        use_and_forget()
    gc.collect()

    assert memory_files() == files
    assert address_space_bytes() < space + (1 << 38)  # one live instance takes more


@linux_only
def test_a_closed_sandbox_gives_everything_back_at_once() -> None:
    files, space = memory_files(), address_space_bytes()

    with open_sandbox() as ic:
        install(ic, "wasm64")
        assert memory_files() > files

    assert memory_files() == files
    assert address_space_bytes() < space + (1 << 38)


def test_deep_recursion_in_a_worker_thread_traps() -> None:
    with open_sandbox() as ic, ThreadPoolExecutor(1) as pool:
        canister = pool.submit(ic.install, RECURSIVE).result()

        with pytest.raises(CanisterTrapped, match="stack overflow"):
            pool.submit(canister.update_raw, "run").result()
        with pytest.raises(CanisterTrapped, match="stack overflow"):
            canister.update_raw("run")


@pytest.mark.parametrize("stack_bytes", [256 << 10, 1 << 20, 4 << 20])
def test_a_thread_with_a_small_stack_is_told_so_or_traps(stack_bytes: int) -> None:
    """It must not die, as it would when Wasm may use more stack than there is."""
    with open_sandbox() as ic:
        canister = ic.install(RECURSIVE)
        outcome: list[BaseException] = []

        def run() -> None:
            try:
                canister.update_raw("run")
            except (CanisterTrapped, UsageError) as error:
                outcome.append(error)

        before = threading.stack_size(stack_bytes)
        try:
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
        finally:
            threading.stack_size(before)

        assert "stack" in str(outcome[0])
        with pytest.raises(CanisterTrapped, match="stack overflow"):
            canister.update_raw("run")


@pytest.mark.parametrize("missing_bytes", [0, 300 << 10])
def test_a_main_thread_with_about_eight_mebibytes_gives_wasm_what_the_ic_gives(
    missing_bytes: int,
) -> None:
    """Its exact size differs from start to start, by the environment it was given."""
    resource = pytest.importorskip("resource")
    limit = ((8 << 20) - missing_bytes, resource.getrlimit(resource.RLIMIT_STACK)[1])
    code = "from sandbox.engine.stack import usable_stack_bytes; print(usable_stack_bytes())"

    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, limit),
    )  # fmt: skip

    assert int(run.stdout) == 5 << 20


def test_threads_take_turns() -> None:
    with open_sandbox() as ic:
        canister = ic.install(WAT / "counter.wat")

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: increment(canister), range(200)))

        assert sorted(answers) == list(range(1, 201))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_is_refused_and_harms_nobody() -> None:
    with open_sandbox() as ic:
        canister = ic.install(WAT / "counter.wat")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                canister.update_raw("inc")
            except UsageError:
                code = 7
            finally:
                os._exit(code)

        _, status = os.waitpid(child, 0)

        assert os.waitstatus_to_exitcode(status) == 7
        assert increment(canister) == 1


def test_an_instance_is_made_anew_after_any_message_without_a_difference() -> None:
    with open_sandbox() as steady, open_sandbox() as evicted:
        pair = [install(ic, "wasm32") for ic in (steady, evicted)]

        for mark in range(1, 6):
            script = u.heap_fill(u.scratch(), mark, 5000) + u.set_global(mark)
            script += u.do("stable64_grow", 1) + u.stable_write(mark * 100, bytes([mark]) * 100)
            for canister in pair:
                assert execute(canister, "update", argument=script).failure is None
            runtime_of(pair[1]).discard()

        assert pair[0].checksum == pair[1].checksum


def test_a_compiler_may_be_shared() -> None:
    with Sandbox(compiler=compiler()) as one, Sandbox(compiler=compiler()) as two:
        assert increment(one.install(WAT / "counter.wat")) == 1
        assert increment(two.install(WAT / "counter.wat")) == 1
