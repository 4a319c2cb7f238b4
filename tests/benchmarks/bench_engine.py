"""Messages, snapshots in memory, stable memory, start-up: design section 8.

Baselines in the same run: the bare Wasm call (same module, no transaction), the portable
memory (``memory="copying"``), and a system API made of Python callbacks with the memory
copied back, which is what one would write first on wasmtime-py.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import wasmtime

from benchmarks.report import Row, best_us
from sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.handle import Canister

WAT = Path(__file__).parents[2] / "wat"
_GIB = 1 << 30


def rows() -> Iterator[Row]:
    """Measure everything."""
    with Sandbox() as ic, Sandbox(memory="copying") as portable:
        yield from _messages(ic, portable)
        yield from _overhead(ic)
        yield from _snapshots(ic)
        yield from _stable(ic)
        yield from _isolation(ic)
    with Sandbox() as ic:
        yield from _history(ic)
    yield from _start()


def _messages(ic: Sandbox, portable: Sandbox) -> Iterator[Row]:
    counter = ic.install(WAT / "counter.wat")
    update = best_us(lambda: counter.update_raw("inc"))
    query = best_us(lambda: counter.query_raw("get"))
    yield Row("WAT counter, updates/s", f"{1e6 / update:,.0f}", "≥ 8,000")
    yield Row("WAT counter, queries/s", f"{1e6 / query:,.0f}", "≥ 12,000")
    wat = _touching(mebibytes=64)
    argument = (4).to_bytes(4, "little")
    ours, copying = (
        best_us(partial(sandbox.install(wat).update_raw, "touch", argument), repeat=count)
        for sandbox, count in ((ic, 100), (portable, 3))
    )
    naive = _naive_update_us(wat.decode())
    comparison = (
        f"{copying / ours:,.0f}× the portable memory, {naive / ours:,.0f}× Python callbacks"
    )
    yield Row("update that changes 4 pages of a 64 MiB heap", f"{ours:.0f} µs", "", comparison)


def _overhead(ic: Sandbox) -> Iterator[Row]:
    """An update's cost above the bare Wasm call, at 1 MiB and 1 GiB of heap."""
    big, small = (ic.install(_touching(mebibytes=size)) for size in (1024, 1))
    for pages in (1, 32):
        argument = pages.to_bytes(4, "little")
        bare = _bare_touch_us(pages)
        big_us, small_us = (
            best_us(partial(canister.update_raw, "touch", argument)) - bare
            for canister in (big, small)
        )
        yield Row(f"transaction overhead of an update, {pages} dirty pages, 1 GiB heap",
                  f"{big_us:.0f} µs", "≤ 150 µs",
                  f"{big_us / small_us:.2f}× that at 1 MiB; bare Wasm {bare:.1f} µs")  # fmt: skip


def _snapshots(ic: Sandbox) -> Iterator[Row]:
    big, small = (ic.install(_touching(mebibytes=size)) for size in (1024, 1))
    times = [best_us(partial(_take_and_delete, canister), repeat=100) for canister in (big, small)]
    yield Row("take an in-memory snapshot, 1 GiB heap", f"{times[0]:.0f} µs", "≤ 100 µs",
              f"{times[0] / times[1]:.2f}× that at 1 MiB (take and delete)")  # fmt: skip
    snapshot = big.take_snapshot()

    def change_and_load() -> None:
        big.update_raw("touch", (10).to_bytes(4, "little"))
        big.load_snapshot(snapshot)

    both = best_us(change_and_load, repeat=50)
    load = both - best_us(lambda: big.update_raw("touch", (10).to_bytes(4, "little")), repeat=50)
    copy = _copy_us(_GIB)
    gain = f"{copy / load:,.0f}× faster than copying 1 GiB back ({copy / 1000:.0f} ms)"
    yield Row("load it after 10 changed pages, 1 GiB heap", f"{load:.0f} µs", "≤ 300 µs", gain)


def _stable(ic: Sandbox) -> Iterator[Row]:
    canister = ic.install(WAT / "stable_loop.wat")
    nothing = best_us(lambda: canister.update_raw("nothing"), repeat=1)
    for name in ("read", "write"):
        each = (best_us(partial(canister.update_raw, name), repeat=1) - nothing) / 1e6 * 1e3
        yield Row(f"stable64_{name} of 64 B from Wasm", f"{each:.0f} ns", "≤ 30 ns")


def _isolation(ic: Sandbox) -> Iterator[Row]:
    canister = ic.install(WAT / "counter.wat")

    def one_test() -> None:
        with ic.anchor():
            canister.update_raw("inc")

    one_test()
    before = _resident_kib()
    each = best_us(one_test, repeat=200)
    grown = (_resident_kib() - before) / 1024
    yield Row("anchor, update, rewind", f"{each:.0f} µs", "≤ 1 ms",
              f"resident memory {grown:+.1f} MiB after 1,000 resets (target ≤ 10 MB)")  # fmt: skip


def _history(ic: Sandbox) -> Iterator[Row]:
    """What a restore point before every message costs, and what it gives."""
    canister = ic.install(WAT / "counter.wat")
    off = best_us(lambda: canister.update_raw("inc"))
    ic.history.record()
    on = best_us(lambda: canister.update_raw("inc"))
    yield Row("WAT counter, updates/s with a restore point each", f"{1e6 / on:,.0f}", "",
              f"{on - off:.0f} µs more than without")  # fmt: skip
    for _ in range(1_000):
        canister.update_raw("inc")

    def back() -> None:
        with ic.anchor():
            ic.rewind(ic.history[-1_000])

    start = int.from_bytes(canister.query_raw("get"), "little") - 300
    search = best_us(
        lambda: ic.history.bisect(
            lambda: int.from_bytes(canister.query_raw("get"), "little") < start
        ),
        repeat=5,
    )
    yield Row("go back 1,000 messages, and forth", f"{best_us(back, repeat=5) / 1000:.1f} ms", "")
    yield Row("find one message among 1,000 by bisection", f"{search / 1000:.1f} ms", "")


def _start() -> Iterator[Row]:
    code = (
        "from sandbox import Sandbox\n"
        f"ic = Sandbox(); c = ic.install({str(WAT / 'counter.wat')!r}); c.update_raw('inc')\n"
    )
    empty = best_us(lambda: _python("pass"), repeat=3, rounds=3) / 1000
    full = best_us(lambda: _python(code), repeat=3, rounds=3) / 1000
    yield Row("process start to first reply of a small canister", f"{full:.0f} ms", "≤ 400 ms",
              f"Python itself {empty:.0f} ms")  # fmt: skip


def _take_and_delete(canister: Canister) -> None:
    canister.delete_snapshot(canister.take_snapshot())


def _python(code: str) -> None:
    # As a user's Python does, but as some build machines' does not: keep compiled modules.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def _bare_touch_us(pages: int) -> float:
    """The same loop in a bare instance: no transaction, replies to nowhere."""
    wat = (WAT / "touch_pages.wat").read_text()
    wat = wat.replace('(import "ic0" "msg_arg_data_copy" (func $arg (param i32 i32 i32)))', "")
    wat = wat.replace('(import "ic0" "msg_reply" (func $reply))', "")
    wat = wat.replace("(call $arg (i32.const 0) (i32.const 0) (i32.const 4))", "")
    wat = wat.replace("(call $reply)", "")
    wat = wat.replace("(i32.load (i32.const 0))", f"(i32.const {pages})")
    store, run = _bare(wat, "canister_update touch")
    return best_us(lambda: run(store))


def _bare(wat: str, export: str) -> tuple[wasmtime.Store, wasmtime.Func]:
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    instance = wasmtime.Instance(store, wasmtime.Module(engine, wat), [])
    function = instance.exports(store)[export]
    assert isinstance(function, wasmtime.Func)
    return store, function


def _touching(*, mebibytes: int) -> bytes:
    wat = (WAT / "touch_pages.wat").read_text()
    return wat.replace("(memory (export \"memory\") 16384)",
                       f"(memory (export \"memory\") {mebibytes * 16})").encode()  # fmt: skip


def _naive_update_us(wat: str) -> float:
    """The same update on wasmtime-py's public API: Python callbacks, memory saved by copying."""
    store = wasmtime.Store()
    i32 = wasmtime.ValType.i32()

    def argument(caller: wasmtime.Caller, dst: int, _offset: int, _size: int) -> None:
        memory = caller["memory"]
        assert isinstance(memory, wasmtime.Memory)
        memory.write(caller, (4).to_bytes(4, "little"), dst)

    functions = [
        wasmtime.Func(store, wasmtime.FuncType([i32, i32, i32], []), argument, access_caller=True),
        wasmtime.Func(store, wasmtime.FuncType([], []), lambda: None),
    ]
    module = wasmtime.Module(store.engine, wat)
    exports = wasmtime.Instance(store, module, functions).exports(store)
    memory, touch = exports["memory"], exports["canister_update touch"]
    assert isinstance(memory, wasmtime.Memory)
    assert isinstance(touch, wasmtime.Func)
    size = memory.data_len(store)
    saved = ctypes.create_string_buffer(size)

    def update() -> None:
        ctypes.memmove(saved, memory.data_ptr(store), size)  # kept for the rollback
        touch(store)

    return best_us(update, repeat=3)


def _copy_us(size: int) -> float:
    source, target = (ctypes.create_string_buffer(size) for _ in range(2))
    return best_us(lambda: ctypes.memmove(target, source, size), repeat=1, rounds=3)


def _resident_kib() -> int:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
