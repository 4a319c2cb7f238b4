"""What callers and controllers want to know about a module is in its facts."""

from __future__ import annotations

import pytest
import wasmtime

from sandbox.wasm import Metadata, Method, MethodKind, ModuleFacts, Visibility, parse_module
from sandbox.wasm import describe as describe_module


def describe(fields: str) -> ModuleFacts:
    return describe_module(parse_module(bytes(wasmtime.wat2wasm(f"(module {fields})"))))


def test_an_empty_module_offers_nothing() -> None:
    assert describe("") == ModuleFacts(
        methods={},
        hooks=frozenset(),
        metadata={},
        has_start=False,
        is_64=False,
        is_eop=False,
        drops_segments=False,
        has_names=False,
        reads_certificate=False,
        has_candid_pointer=False,
    )


def test_methods_and_hooks_are_told_from_other_exports() -> None:
    facts = describe(
        """(func (export "canister_update inc") (export "canister_query my get")
            (export "canister_composite_query all") (export "canister_init")
            (export "canister_heartbeat") (export "private"))
        (global (export "canister_query global") i32 (i32.const 0))"""
    )

    assert facts.methods == {
        "inc": Method(MethodKind.UPDATE, "canister_update inc"),
        "my get": Method(MethodKind.QUERY, "canister_query my get"),
        "all": Method(MethodKind.COMPOSITE_QUERY, "canister_composite_query all"),
    }
    assert facts.hooks == {"canister_init", "canister_heartbeat"}


def test_metadata_is_there_with_its_visibility() -> None:
    facts = describe('(@custom "icp:private candid:args" "(nat)")')

    assert facts.metadata == {"candid:args": Metadata(Visibility.PRIVATE, b"(nat)")}


@pytest.mark.parametrize("scope", ["public", "private"])
def test_enhanced_orthogonal_persistence_is_a_section_of_either_scope(scope: str) -> None:
    section = "enhanced-orthogonal-persistence"

    assert describe(f'(@custom "icp:{scope} {section}" "")').is_eop
    assert not describe(f'(@custom "{section}" "") (memory i64 1)').is_eop


def test_start_width_and_names_are_reported() -> None:
    facts = describe("(memory i64 1) (func $named) (start $named)")

    assert (facts.has_start, facts.is_64, facts.has_names) == (True, True, True)


@pytest.mark.parametrize(
    ("fields", "drops"),
    [
        ('(data $d "x") (func data.drop $d)', True),
        ('(data $d "x") (func)', False),
        ('(data $d (i32.const 0) "x") (func data.drop $d)', False),
        ("(elem $e func 0) (func elem.drop $e)", False),
    ],
    ids=["passive", "never dropped", "active", "element"],
)
def test_only_dropping_passive_data_is_beyond_undoing(fields: str, drops: bool) -> None:
    assert describe(f"(memory 1) {fields}").drops_segments == drops


@pytest.mark.parametrize(
    ("fields", "has"),
    [
        ('(memory 1) (func (export "get_candid_pointer") (result i32) (i32.const 0))', True),
        ('(memory i64 1) (func (export "get_candid_pointer") (result i64) (i64.const 0))', True),
        ('(memory i64 1) (func (export "get_candid_pointer") (result i32) (i32.const 0))', False),
        ('(func (export "get_candid_pointer") (param i32) (result i32) (i32.const 0))', False),
        ('(func (export "get_candid_pointer"))', False),
        ('(global (export "get_candid_pointer") i32 (i32.const 0))', False),
        ('(func (export "canister_query get_candid_pointer"))', False),
    ],
    ids=["narrow", "wide", "other width", "parameter", "no result", "global", "method"],
)
def test_a_function_that_points_at_an_interface_is_known_by_name_and_type(
    fields: str, has: bool
) -> None:
    assert describe(fields).has_candid_pointer == has
