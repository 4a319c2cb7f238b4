"""No module, however hostile, kills or hangs the process: a clear error each, and go on."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from engine_room import CHECKOUT, WAT, open_sandbox, runtime_of, wat
from sandbox import CanisterRejected, CanisterTrapped
from sandbox.engine.compiler import wat_to_wasm
from sandbox.limits import MAINNET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import Sandbox

LIMIT: Final = 20_000_000
LIMITS: Final = MAINNET.relaxed(
    update_instructions=LIMIT,
    install_instructions=LIMIT,
    query_instructions=LIMIT,
    update_stable_write_bytes=65_536,
)


@pytest.fixture(scope="module")
def ic() -> Iterator[Sandbox]:
    with open_sandbox(limits=LIMITS) as sandbox:
        yield sandbox


def method(body: str, more: str = "(memory 1)") -> bytes:
    return wat(f'(module {more} (func (export "canister_update run") {body}))')


TABLE: Final = (
    "(type $v (func)) (type $i (func (param i32))) (table 4 funcref) (memory 1) "
    "(func $f (param i32)) (elem (i32.const 1) $f)"
)
FAULTS: Final = {
    # what the code does: the module, the error code, the words
    "unreachable": (method("unreachable"), "IC0502", "Canister trapped: unreachable"),
    "division": (
        method("(drop (i32.div_s (i32.const 1) (i32.const 0)))"),
        "IC0502", "Canister trapped: integer division by 0",
    ),
    "overflow": (
        method("(drop (i32.div_s (i32.const -2147483648) (i32.const -1)))"),
        "IC0502", "Canister trapped: unknown",
    ),
    "conversion": (
        method("(drop (i32.trunc_f64_s (f64.const inf)))"), "IC0502", "Canister trapped: unknown"
    ),
    "load": (
        method("(drop (i32.load (i32.const 65533)))"),
        "IC0502", "Canister trapped: heap out of bounds",
    ),
    "store at the end of the address space": (
        method("(i64.store offset=4294967295 (i32.const -1) (i64.const 1))"),
        "IC0502", "Canister trapped: heap out of bounds",
    ),
    "store in 64 bits": (
        method("(i64.store (i64.const -8) (i64.const 1))", "(memory i64 1)"),
        "IC0502", "Canister trapped: heap out of bounds",
    ),
    "memory.fill": (
        method("(memory.fill (i32.const 65535) (i32.const 0) (i32.const 2))"),
        "IC0502", "Canister trapped: heap out of bounds",
    ),
    "memory.init": (
        method("(memory.init $d (i32.const 0) (i32.const 1) (i32.const 3))",
               '(memory 1) (data $d "abc")'),
        "IC0502", "Canister trapped: heap out of bounds",
    ),
    "indirect call of nothing": (
        method("(call_indirect (type $v) (i32.const 0))", TABLE),
        "IC0502", "Canister trapped: unknown",
    ),
    "indirect call past the table": (
        method("(call_indirect (type $v) (i32.const 4))", TABLE),
        "IC0502", "Canister trapped: table out of bounds",
    ),
    "indirect call of another type": (
        method("(call_indirect (type $v) (i32.const 1))", TABLE),
        "IC0504", "function invocation does not match its signature",
    ),
    "recursion": (
        method("(call $down)", "(memory 1) (func $down (call $down))"),
        "IC0502", "Canister trapped: stack overflow",
    ),
    "recursion with large frames": (
        method("(drop (call $down (i64.const 1)))",
               "(memory 1) (func $down (param i64) (result i64) (local "
               + "i64 " * 4000 + ") (local.set 3999 (call $down (local.get 0)))"
               " (i64.add (local.get 3999) (call $down (local.get 7))))"),
        "IC0502", "Canister trapped: stack overflow",
    ),
    "endless loop": (method("(loop $l (br $l))"), "IC0522", f"the limit of {LIMIT} instructions"),
    "endless tail calls": (
        method("(return_call $again)", "(memory 1) (func $again (return_call $again))"),
        "IC0522", f"the limit of {LIMIT} instructions",
    ),
    "endless memory.fill": (
        method("(loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br $l))"),
        "IC0522", f"the limit of {LIMIT} instructions",
    ),
    "endless memory.copy of the whole heap": (
        method("(loop $l (memory.copy (i32.const 0) (i32.const 1) (i32.const 65535)) (br $l))"),
        "IC0522", f"the limit of {LIMIT} instructions",
    ),
    "endless memory.grow": (
        method("(loop $l (drop (memory.grow (i32.const 0))) (br $l))"),
        "IC0522", f"the limit of {LIMIT} instructions",
    ),
    "endless prints": (
        method("(loop $l (call $print (i32.const 0) (i32.const 0)) (br $l))",
               '(import "ic0" "debug_print" (func $print (param i32 i32))) (memory 1)'),
        "IC0522", f"the limit of {LIMIT} instructions",
    ),
    "endless counting of written stable pages": (
        method("(drop (call $grow (i64.const 50000)))"
               "(loop $l (call $write (local.get 0) (i64.const 0) (i64.const 1))"
               "(local.set 0 (i64.and (i64.add (local.get 0) (i64.const 4096)) (i64.const 0xffff)))"
               " (br $l))"
               .replace("(drop", "(local i64) (drop", 1),
               '(import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))'
               '(import "ic0" "stable64_write" (func $write (param i64 i64 i64))) (memory 1)'),
        "IC0522", f"the limit of {LIMIT} instructions",
    ),
    "trap after trap message": (
        method("(call $trap (i32.const 0) (i32.const -1))",
               '(import "ic0" "trap" (func $trap (param i32 i32))) (memory 1)'),
        "IC0503", "Canister called `ic0.trap` with message: '",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_faulty_code_ends_in_the_replicas_words(ic: Sandbox, what: str) -> None:
    module, code, words = FAULTS[what]
    canister = ic.install(module)
    before = canister.checksum

    with pytest.raises(CanisterTrapped) as caught:
        canister.update_raw("run")

    assert caught.value.error_code == code
    assert words in caught.value.message
    assert canister.checksum == before


def test_a_trap_names_the_functions_that_were_running(ic: Sandbox) -> None:
    canister = ic.install(
        wat(
            "(module (memory 1) (func $inner unreachable) (func $outer (call $inner)) "
            '(func $run (export "canister_update run") (call $outer)))'
        )
    )

    with pytest.raises(CanisterTrapped) as caught:
        canister.update_raw("run")

    assert caught.value.backtrace == ("inner", "outer", "run")
    assert caught.value.message.startswith(
        f"Error from Canister {canister.id}: Canister trapped: unreachable\nCanister Backtrace:\n"
        "inner\nouter\nrun\n.\nConsider gracefully handling failures"
    )
    assert canister.logs[-1].text == (
        "[TRAP]: unreachable\nCanister Backtrace:\ninner\nouter\nrun\n"
    )


def test_a_trap_without_names_shows_no_backtrace(ic: Sandbox) -> None:
    canister = ic.install(method("unreachable"))

    with pytest.raises(CanisterTrapped) as caught:
        canister.update_raw("run")

    assert "Backtrace" not in caught.value.message
    assert caught.value.backtrace == ("unknown function at index 0",)


def test_memory_can_be_exhausted_but_not_exceeded(ic: Sandbox) -> None:
    canister = ic.install(
        wat(
            '(module (import "ic0" "msg_reply" (func $reply)) (memory 1)'
            '(func (export "canister_update run")'
            "  (if (i32.ne (memory.grow (i32.const 65535)) (i32.const 1)) (then unreachable))"
            "  (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))"
            "  (i32.store8 (i32.const -1) (i32.const 7)) (call $reply)))"
        )
    )

    canister.update_raw("run")

    assert len(canister.heap) == 4 << 30
    assert canister.heap[-1] == 7


def test_more_memory_than_the_machine_may_give_is_refused_and_nothing_changed() -> None:
    limits = MAINNET.relaxed(host_memory_bytes=8 << 20)
    with open_sandbox(limits=limits) as ic:
        canister = ic.install(
            wat(
                '(module (import "ic0" "msg_reply" (func $reply)) (memory 1 1000)'
                '(func (export "canister_update large") (drop (memory.grow (i32.const 500)))'
                "  (memory.fill (i32.const 0) (i32.const 1) (i32.const 20000000)) (call $reply))"
                '(func (export "canister_update small")'
                "  (i32.store (i32.const 0) (i32.const 1)) (call $reply)))"
            )
        )
        before = canister.checksum

        with pytest.raises(CanisterTrapped, match="memory budget is used up") as caught:
            canister.update_raw("large")

        assert caught.value.error_code == "IC0507"
        assert canister.checksum == before


INVALID: Final = {
    # what is wrong with the module: its bytes or text, a part of the reason
    "foreign import": (
        wat('(module (import "wasi_snapshot_preview1" "fd_write" '
            "(func (param i32 i32 i32 i32) (result i32))))"),
        "Module imports function 'fd_write' from 'wasi_snapshot_preview1'",
    ),
    "unknown system call": (wat('(module (import "ic0" "launch" (func)))'), "'launch'"),
    "system call of another type": (wat('(module (import "ic0" "msg_reply" (func (param i32))))'),
                                    "msg_reply"),
    "64-bit import in a 32-bit module": (
        wat('(module (import "ic0" "debug_print" (func (param i64 i64))) (memory 1))'),
        "debug_print",
    ),
    "our own names": (
        wat('(module (import "canister_sandbox" "heap" (memory 1)))'),
        "Only memory imported from env.memory is allowed",
    ),
    "two memories": (wat("(module (memory 1) (memory 1))"), "memor"),
    "threads": (wat("(module (memory 1 1 shared))"), "threads must be enabled"),
    "garbage": (bytes(range(256)) * 4, "module"),
    "an empty file": (b"", "module"),
    "only a header": (b"\0asm\2\0\0\0", "version"),
    "a data segment out of bounds": (
        wat('(module (memory 1) (data (i32.const 65535) "xx"))'), "data segment"
    ),
    "code that does not validate": (
        b"\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\x0a\5\1\3\0\x6a\x0b", "not valid"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", INVALID)
def test_an_invalid_module_is_refused_with_its_reason(ic: Sandbox, what: str) -> None:
    module, reason = INVALID[what]
    before = ic.canisters

    with pytest.raises(CanisterRejected, match="Wasm module is not valid") as caught:
        ic.install(module)

    assert caught.value.error_code == "IC0505"
    assert reason in caught.value.message
    assert ic.canisters == before


def test_every_truncation_of_a_module_is_refused(ic: Sandbox) -> None:
    whole = wat_to_wasm((WAT / "counter.wat").read_text("utf-8"))
    named = whole.index(b"\x04name") - 2  # names are for backtraces; it runs without

    for length in range(len(whole)):
        try:
            canister = ic.install(whole[:length], b"")
        except CanisterRejected as refusal:
            code = refusal.error_code
        else:  # cut between two sections, it may be a valid module that does less
            code, methods = "", canister.methods
            canister.stop()
            canister.delete()
        assert code == "IC0505" or "inc" not in methods or length >= named, length


def test_a_giant_br_table_runs(ic: Sandbox) -> None:
    depth = 200
    blocks = (
        "(block " * depth
        + "(br_table "
        + " ".join(str(number % depth) for number in range(20_000))
        + " (i32.const 19999))"
        + ")" * depth
    )

    canister = ic.install(method(blocks + "(i32.store (i32.const 0) (i32.const 9))"))

    with pytest.raises(CanisterRejected, match="did not reply"):
        canister.update_raw("run")
    assert canister.heap[0] == 9


def test_a_function_with_50000_locals_runs(ic: Sandbox) -> None:
    body = (
        "(local "
        + "i64 " * 50_000
        + ") (local.set 49999 (i64.const 5)) (i64.store (i32.const 0) (local.get 49999))"
    )

    canister = ic.install(method(body))

    with pytest.raises(CanisterRejected, match="did not reply"):
        canister.update_raw("run")
    assert canister.heap[0] == 5


def test_a_start_function_that_traps_fails_the_install(ic: Sandbox) -> None:
    with pytest.raises(CanisterTrapped, match="integer division by 0"):
        ic.install(
            wat("(module (func $f (drop (i32.div_u (i32.const 1) (i32.const 0)))) (start $f))")
        )


def test_an_endless_start_function_fails_the_install(ic: Sandbox) -> None:
    with pytest.raises(CanisterTrapped) as caught:
        ic.install(wat("(module (func $f (loop $l (br $l))) (start $f))"))

    assert caught.value.error_code == "IC0522"


@pytest.mark.parametrize("index", [0, 3, 4, 2**32 - 1])
def test_a_callback_that_is_no_function_is_refused(ic: Sandbox, index: int) -> None:
    from sandbox.messages import Closure, Task
    from sandbox.system_api.table import Context

    canister = ic.install(
        wat(
            "(module (table 4 funcref) (memory 1) (func $f (param i32 i32)) "
            "(elem (i32.const 3) $f))"
        )
    )

    outcome = runtime_of(canister).execute(Task(Closure(index, 0), Context.REPLY, LIMIT))

    assert outcome.failure is not None
    assert outcome.failure.error_code == "IC0513"
    assert f"non-existent Wasm function {index} from table 0" in outcome.failure.message


@pytest.mark.slow
def test_10000_mutated_modules_each_end_in_a_clear_error_or_run() -> None:
    script = str(CHECKOUT / "tests" / "hostile_modules.py")
    runs = [
        subprocess.Popen(
            [sys.executable, script, "5000", seed],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in ("20260822", "20260823")
    ]
    outputs = [run.communicate(timeout=300) for run in runs]

    ends: Counter[str] = Counter()
    for run, (output, errors) in zip(runs, outputs, strict=True):
        assert run.returncode == 0, errors[-2000:]
        ends.update({name: int(count) for name, count in map(str.split, output.splitlines())})
    assert ends.total() == 10_000
    assert ends["installed"] > 1_000, ends
    assert ends["IC0505"] > 1_000, ends
