"""A rewritten module behaves as before, and all of its state is in the host's hands."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import wasmtime

from sandbox.errors import ModuleRefused
from sandbox.wasm import HEAP_IMPORT, MemorySpec, Rewritten, TableSpec, parse_module, rewrite_module
from sandbox.wasm.module import ExternKind, SectionId

COUNTER = """
    (memory (export "memory") 1 3)
    (global $count (mut i32) (i32.const 40))
    (func $start (global.set $count (i32.const 41)) (i32.store (i32.const 0) (i32.const 9)))
    (start $start)
    (func (export "inc") (result i32)
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (global.get $count))
    (func (export "peek") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))
    (data (i32.const 100) "A")"""


@dataclass
class Instance:
    """A rewritten module, instantiated with the memory it asks for."""

    store: wasmtime.Store
    exports: wasmtime._instance.InstanceExports
    memory: wasmtime.Memory | None

    def call(self, name: str, *arguments: int) -> object:
        function = self.exports[name]
        assert isinstance(function, wasmtime.Func)
        return function(self.store, *arguments)

    def global_value(self, name: str) -> object:
        value = self.exports[name]
        assert isinstance(value, wasmtime.Global)
        return value.value(self.store)


def assemble(fields: str) -> bytes:
    return bytes(wasmtime.wat2wasm(f"(module {fields})"))


def rewrite(fields: str) -> Rewritten:
    return rewrite_module(parse_module(assemble(fields)))


def instantiate(rewritten: Rewritten) -> Instance:
    config = wasmtime.Config()
    config.wasm_multi_memory = False
    engine = wasmtime.Engine(config)
    store = wasmtime.Store(engine)
    memory = None
    if rewritten.heap is not None:
        limits = wasmtime.Limits(rewritten.heap.min_pages, rewritten.heap.max_pages)
        memory_type = wasmtime.MemoryType(limits, is_64=rewritten.heap.is_64)
        memory = wasmtime.Memory(store, memory_type)
    instance = wasmtime.Instance(
        store, wasmtime.Module(engine, rewritten.wasm), [memory] if memory else []
    )
    return Instance(store, instance.exports(store), memory)


def test_the_heap_is_imported_with_the_limits_it_had() -> None:
    rewritten = rewrite(COUNTER)
    after = parse_module(rewritten.wasm)

    assert rewritten.heap == MemorySpec(min_pages=1, max_pages=3, is_64=False)
    assert [(entry.module, entry.name) for entry in after.imports] == [HEAP_IMPORT]
    assert after.memories == parse_module(assemble(COUNTER)).memories
    assert after.section(SectionId.MEMORY) is None


@pytest.mark.parametrize(
    ("memory", "spec"),
    [
        ("(memory 0)", MemorySpec(0, None, is_64=False)),
        ("(memory 65536 65536)", MemorySpec(65_536, 65_536, is_64=False)),
        ("(memory i64 1024)", MemorySpec(1_024, None, is_64=True)),
        ("(memory i64 0 100000)", MemorySpec(0, 100_000, is_64=True)),
        ('(import "env" "memory" (memory 2 5))', MemorySpec(2, 5, is_64=False)),
        ("", None),
    ],
)
def test_memories_of_every_form_become_the_heap(memory: str, spec: MemorySpec | None) -> None:
    rewritten = rewrite(memory)
    after = parse_module(rewritten.wasm)

    assert rewritten.heap == spec
    assert after.memories == parse_module(assemble(memory)).memories
    assert len(after.imported(ExternKind.MEMORY)) == (spec is not None)


def test_data_is_written_and_code_runs_over_the_given_memory() -> None:
    instance = instantiate(rewrite(COUNTER))

    assert instance.memory is not None
    assert instance.memory.read(instance.store, 100, 101) == b"A"
    assert instance.call("peek", 100) == 65
    assert instance.call("grow") == 1
    assert instance.memory.size(instance.store) == 2


def test_a_64_bit_heap_is_used_like_any_other() -> None:
    instance = instantiate(
        rewrite(
            """(memory i64 1) (data (i64.const 65535) "Z")
            (func (export "last") (result i32) (i32.load8_u (i64.const 65535)))"""
        )
    )

    assert instance.call("last") == ord("Z")


def test_start_does_not_run_by_itself_and_runs_when_called() -> None:
    rewritten = rewrite(COUNTER)
    instance = instantiate(rewritten)
    assert instance.call("peek", 0) == 0
    assert rewritten.start_export is not None

    instance.call(rewritten.start_export)

    assert instance.call("peek", 0) == 9
    assert instance.call("inc") == 42


def test_the_result_behaves_as_the_original() -> None:
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    original = wasmtime.Instance(store, wasmtime.Module(engine, assemble(COUNTER)), []).exports(
        store
    )
    rewritten = rewrite(COUNTER)
    instance = instantiate(rewritten)
    assert rewritten.start_export is not None
    instance.call(rewritten.start_export)

    for name, arguments in (
        ("inc", ()),
        ("peek", (0,)),
        ("grow", ()),
        ("inc", ()),
        ("peek", (100,)),
    ):
        function = original[name]
        assert isinstance(function, wasmtime.Func)
        assert instance.call(name, *arguments) == function(store, *arguments)


def test_hidden_globals_can_be_read_and_set() -> None:
    rewritten = rewrite(COUNTER)
    instance = instantiate(rewritten)
    (slot,) = rewritten.globals
    instance.call("inc")
    assert instance.global_value(slot.export_name) == 41

    count = instance.exports[slot.export_name]
    assert isinstance(count, wasmtime.Global)
    count.set_value(instance.store, 7)

    assert instance.call("inc") == 8


def test_globals_are_listed_in_the_order_of_snapshots() -> None:
    rewritten = rewrite(
        """(global $a (mut i32) (i32.const 0)) (global $b i64 (i64.const 1))
        (global $c (mut f32) (f32.const 2)) (global $d (mut f64) (f64.const 3))
        (global $e (mut v128) (v128.const i64x2 4 4)) (global $f i32 (i32.const 5))
        (export "d" (global $d)) (func (export "between")) (export "b" (global $b))"""
    )

    assert [
        (slot.index, slot.export_name, slot.type, slot.mutable, slot.user_exported)
        for slot in rewritten.globals
    ] == [
        (3, "d", "f64", True, True),
        (1, "b", "i64", False, True),
        (0, "canister_sandbox global 0", "i32", True, False),
        (2, "canister_sandbox global 2", "f32", True, False),
        (4, "canister_sandbox global 4", "v128", True, False),
    ]
    exported = {
        export.name: export.index
        for export in parse_module(rewritten.wasm).exports
        if export.kind is ExternKind.GLOBAL
    }
    assert exported == {slot.export_name: slot.index for slot in rewritten.globals}


def test_a_global_exported_twice_is_stored_twice_as_on_the_replica() -> None:
    rewritten = rewrite(
        '(global $a (mut i32) (i32.const 0)) (export "x" (global $a)) (export "y" (global $a))'
    )

    assert [(slot.index, slot.export_name) for slot in rewritten.globals] == [(0, "x"), (0, "y")]


def test_the_table_of_callbacks_is_exported() -> None:
    rewritten = rewrite("(table 2 funcref) (func $f) (elem (i32.const 1) func $f)")
    instance = instantiate(rewritten)

    assert rewritten.table_export == "canister_sandbox table"
    table = instance.exports[rewritten.table_export]
    assert isinstance(table, wasmtime.Table)
    assert table.size(instance.store) == 2
    assert isinstance(table.get(instance.store, 1), wasmtime.Func)


def test_a_table_the_canister_exports_keeps_its_name() -> None:
    rewritten = rewrite('(table (export "mine") 1 funcref)')

    assert rewritten.table_export == "mine"
    assert len(parse_module(rewritten.wasm).exports) == 1


def test_an_imported_table_is_reported_and_exported() -> None:
    rewritten = rewrite('(import "env" "table" (table 33 44 funcref))')

    assert rewritten.imported_table == TableSpec("env", "table", 33, 44, is_64=False)
    assert rewritten.table_export == "canister_sandbox table"


def test_an_imported_memory_is_renamed_where_it_stands() -> None:
    rewritten = rewrite(
        """(import "ic0" "msg_reply" (func)) (import "env" "memory" (memory 1))
        (import "ic0" "msg_cycles" (func (result i64)))"""
    )

    assert [(entry.module, entry.name) for entry in parse_module(rewritten.wasm).imports] == [
        ("ic0", "msg_reply"),
        HEAP_IMPORT,
        ("ic0", "msg_cycles"),
    ]


def test_names_somebody_has_taken_are_avoided() -> None:
    rewritten = rewrite(
        """(global $g (mut i32) (i32.const 0)) (func $f) (start $f)
        (func (export "canister_sandbox start") (export "canister_sandbox global 0")
              (export "canister_sandbox global 0'"))"""
    )

    assert rewritten.start_export == "canister_sandbox start'"
    assert rewritten.globals[0].export_name == "canister_sandbox global 0''"
    wasmtime.Module.validate(wasmtime.Engine(), rewritten.wasm)


def test_a_module_without_hidden_state_is_left_as_it_is() -> None:
    wasm = assemble('(func (export "canister_init")) (global i32 (i32.const 1))')

    rewritten = rewrite_module(parse_module(wasm))

    assert rewritten.wasm == wasm
    assert rewritten.globals == ()
    assert rewritten.start_export is None
    assert rewritten.table_export is None


def test_custom_sections_and_code_are_kept_byte_for_byte() -> None:
    fields = '(@custom "a" (before first) "1")' + COUNTER + '(@custom "b" (after code) "2")'
    before = parse_module(assemble(fields))
    after = parse_module(rewrite(fields).wasm)

    assert after.customs == before.customs
    assert [section.name for section in after.customs] == ["a", "b", "name"]
    assert [after.wasm[slice(*body)] for body in after.bodies] == [
        before.wasm[slice(*body)] for body in before.bodies
    ]


def test_custom_sections_keep_their_places_between_the_others() -> None:
    rewritten = rewrite(
        """(import "ic0" "msg_reply" (func)) (@custom "i" (after import) "")
        (memory 1) (@custom "m" (after memory) "") (global (mut i32) (i32.const 0))
        (func (export "f")) (@custom "e" (after export) "")
        (start 0) (@custom "s" (after start) "")"""
    )
    after = parse_module(rewritten.wasm)

    assert [section.id.name for section in after.sections] == [
        "TYPE", "IMPORT", "CUSTOM", "FUNCTION", "CUSTOM", "GLOBAL", "EXPORT", "CUSTOM", "CUSTOM",
        "CODE",
    ]  # fmt: skip
    assert [section.name for section in after.customs] == ["i", "m", "e", "s"]


@pytest.mark.parametrize(
    "fields",
    [
        "(memory 1)",
        "(memory 1) (func)",
        '(import "ic0" "msg_reply" (func)) (memory 1)',
        '(memory 1) (data "passive") (func data.drop 0)',
        "(table 1 funcref) (memory 1) (elem (i32.const 0) func 0) (func)",
        "(global (mut i32) (i32.const 0)) (func (global.set 0 (i32.const 1))) (start 0)",
        '(@custom "x" (before first) "") (memory 1) (@custom "y" (after last) "")',
    ],
)
def test_new_sections_go_where_the_format_wants_them(fields: str) -> None:
    rewritten = rewrite(fields)

    wasmtime.Module.validate(wasmtime.Engine(), rewritten.wasm)


def test_several_memories_cannot_be_rewritten() -> None:
    rewrite("(memory 1)")

    with pytest.raises(ModuleRefused, match="multiple memories"):
        rewrite("(memory 1) (memory 1)")
