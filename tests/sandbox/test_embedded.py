"""Interfaces that a module carries: metadata, and the text its own function builds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from pointer_modules import AT, FAILURES, SERVICE, pointer_module, pointer_module_64
from sandbox import UsageError
from sandbox.candid.errors import CandidError
from sandbox.interface import interface_of

if TYPE_CHECKING:
    from sandbox import Sandbox
    from sandbox.interface import CanisterInterface

_METADATA: Final = '(@custom "icp:public candid:service" "service : { echo : (bool) -> (bool) }")'


def carried(ic: Sandbox, wasm: bytes) -> CanisterInterface:
    return interface_of(ic.world.loader.load(wasm))


# --- what is read


def test_calls_are_typed_by_what_the_function_returns(ic: Sandbox) -> None:
    canister = ic.install(pointer_module(), 5)

    assert canister.query("echo", 200) == 200
    with pytest.raises(CandidError, match="nat8"):
        canister.query("echo", 300)
    with pytest.raises(CandidError, match="nat16"):
        canister.reinstall(pointer_module(), 70_000)


def test_a_wide_heap_has_a_wide_address(ic: Sandbox) -> None:
    assert "echo" in carried(ic, pointer_module_64()).functions
    assert (
        "behind the heap's 65536 bytes" in carried(ic, pointer_module_64("(i64.const -1)")).problem
    )


def test_an_imported_memory_and_table_are_made_for_the_question(ic: Sandbox) -> None:
    wasm = f"""(module (import "env" "memory" (memory 1 3))
      (import "env" "table" (table 2 4 funcref))
      (type $type (func (result i32))) (elem (i32.const 1) $build)
      (data (i32.const 0) "{SERVICE}")
      (func $build (result i32) (i32.const 0))
      (func (export "get_candid_pointer") (result i32)
        (call_indirect (type $type) (i32.const 1))))"""

    assert "echo" in carried(ic, wasm.encode()).functions


def test_a_text_may_be_as_long_as_metadata_and_no_longer(ic: Sandbox) -> None:
    longest = SERVICE + " " * ((1 << 20) - len(SERVICE))

    assert "echo" in carried(ic, pointer_module(service=longest, heap="17")).functions
    assert not carried(ic, pointer_module(service=longest + " ", heap="17")).functions


def test_a_function_of_another_type_is_not_called(ic: Sandbox) -> None:
    wasm = f"""(module (memory 1) (data (i32.const 0) "{SERVICE}")
      (func (export "get_candid_pointer") (param i32) (result i32) (i32.const 0)))"""

    found = carried(ic, wasm.encode())

    assert (found.interface, found.problem) == (None, "")


def test_the_same_module_is_asked_once(ic: Sandbox) -> None:
    first, second = ic.install(pointer_module(), 1), ic.install(pointer_module(), 2)

    assert first.codec("echo") is second.codec("echo")


# --- what goes first


def test_metadata_goes_before_the_function(ic: Sandbox) -> None:
    canister = ic.install(pointer_module("(loop $l (br $l)) (i32.const 0)", _METADATA))

    assert canister.query("echo", True) is True


def test_metadata_that_is_broken_goes_before_the_function_too(ic: Sandbox) -> None:
    found = carried(ic, pointer_module(extra='(@custom "icp:public candid:service" "hello")'))

    assert found.interface is None
    assert found.problem.startswith("candid:service gives no Candid: line 1")


def test_an_interface_that_is_given_goes_before_what_the_module_carries(ic: Sandbox) -> None:
    canister = ic.install(
        pointer_module(extra=_METADATA), did="service : { echo : (text) -> (text) query }"
    )

    assert canister.query("echo", "ada") == "ada"


def test_metadata_of_the_argument_goes_before_the_interface(ic: Sandbox) -> None:
    wasm = pointer_module(extra='(@custom "icp:public candid:args" "(text)")')

    assert carried(ic, wasm).init.encode(("ada",)) == b"DIDL\0\1\x71\3ada"


def test_broken_metadata_of_the_argument_leaves_the_interface(ic: Sandbox) -> None:
    found = carried(ic, pointer_module(extra='(@custom "icp:public candid:args" "hello")'))

    assert found.init.encode((5,)) == b"DIDL\0\1\x7a\5\0"


# --- what goes wrong


@pytest.mark.parametrize("how", FAILURES)
def test_a_canister_whose_function_fails_runs_untyped(ic: Sandbox, how: str) -> None:
    body, extra, problem = FAILURES[how]

    canister = ic.install(pointer_module(body, extra))

    assert canister.query("echo", "(5 : nat8)") == 5
    with pytest.raises(UsageError) as caught:
        canister.query("echo", 5)
    assert problem in str(caught.value)
    assert "give the interface with did=" in str(caught.value)


def test_a_function_gets_no_more_than_256_mib(ic: Sandbox) -> None:
    grow = "(if (i32.eq (memory.grow (i32.const {})) (i32.const -1)) (then unreachable))"
    room = grow + f"(i32.const {AT})"

    assert not carried(ic, pointer_module(room.format(4_095))).problem
    assert "traps: unreachable" in carried(ic, pointer_module(room.format(4_096))).problem
    assert "more than 256 MiB" in carried(ic, pointer_module(heap="4097")).problem


def test_a_module_without_memory_points_nowhere(ic: Sandbox) -> None:
    wasm = b'(module (func (export "get_candid_pointer") (result i32) (i32.const 0)))'

    assert (
        carried(ic, wasm).problem == "get_candid_pointer points nowhere: the module has no memory"
    )


def test_system_calls_do_nothing_while_the_function_runs(ic: Sandbox) -> None:
    imports = """(import "ic0" "trap" (func $trap (param i32 i32)))
      (import "ic0" "debug_print" (func $print (param i32 i32)))
      (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))"""
    body = f"""(drop (call $grow (i64.const 1))) (call $print (i32.const 0) (i32.const 9))
      (call $trap (i32.const 0) (i32.const 9)) (i32.const {AT})"""

    canister = ic.install(pointer_module(body, imports), 5)

    assert canister.query("echo", 5) == 5
    assert canister.logs == ()
    assert canister.runtime.stable.size_bytes == 0


def test_what_the_function_writes_is_no_canisters(ic: Sandbox) -> None:
    body = f"""(i32.store (i32.const 4096) (i32.const 7)) (drop (memory.grow (i32.const 1)))
      (global.set $asked (i32.const 1)) (i32.const {AT})"""
    wasm = pointer_module(body, "(global $asked (mut i32) (i32.const 0))")
    canister = ic.install(wasm, b"DIDL\0\1\x7a\5\0", did=SERVICE)
    before = canister.checksum

    assert carried(ic, wasm).functions

    assert canister.checksum == before
    assert canister.runtime.heap.size_bytes == 65_536
    assert canister.runtime.state.globals == (0,)


def test_the_start_function_does_not_run(ic: Sandbox) -> None:
    wasm = f"""(module (memory 1) (data (i32.const 0) "{SERVICE}")
      (func $start unreachable) (start $start)
      (func (export "get_candid_pointer") (result i32) (i32.const 0)))"""

    assert "echo" in carried(ic, wasm.encode()).functions
