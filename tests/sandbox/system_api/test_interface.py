"""Every import of the system API against the specification's own list (``interface.txt``)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
from wasmtime import FuncType

from engine_room import compiler, execute, open_sandbox, wat
from sandbox.engine.compiler import wat_to_wasm
from sandbox.system_api.assemble import system_api_source
from sandbox.system_api.table import Context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import Canister

MODES: Final = {
    # letter: the contexts it stands for, with the replica's words for each
    "I": {Context.INIT: "init"},
    "G": {Context.PRE_UPGRADE: "pre upgrade"},
    "U": {Context.UPDATE: "update"},
    "RQ": {Context.REPLICATED_QUERY: "replicated query"},
    "NRQ": {Context.QUERY: "non replicated query"},
    "TQ": {Context.TRANSFORM: "non replicated query"},
    "CQ": {Context.COMPOSITE_QUERY: "composite query"},
    "Ry": {Context.REPLY: "reply callback"},
    "Rt": {Context.REJECT: "reject callback"},
    "CRy": {Context.COMPOSITE_REPLY: "composite reply callback"},
    "CRt": {Context.COMPOSITE_REJECT: "composite reject callback"},
    "C": {Context.CLEANUP: "cleanup"},
    "CC": {Context.COMPOSITE_CLEANUP: "composite cleanup"},
    "s": {Context.START: "start"},
    "F": {Context.INSPECT: "inspect message"},
    "T": {
        Context.HEARTBEAT: "heartbeat",
        Context.TIMER: "global timer",
        Context.LOW_MEMORY: "on low Wasm memory",
    },
}
HELP: Final = (
    "Check the ICP documentation to make sure APIs are being called in the correct message types. "
    "See documentation: https://internetcomputer.org/docs/current/references/execution-errors"
    "#calling-a-system-api-from-the-wrong-mode"
)
# Refused also where they are allowed, because these tests give queries no certificate.
NEED_CERTIFICATE: Final = {"data_certificate_size", "data_certificate_copy"}


class Row(NamedTuple):
    name: str
    params: tuple[str, ...]
    results: tuple[str, ...]
    letters: frozenset[str]
    is_wasm32_only: bool


def _rows() -> Iterator[Row]:
    text = (Path(__file__).parent / "interface.txt").read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, params, results, letters, only = (part.strip() for part in line.split("|"))
        named = frozenset(letters.split())
        if "*" in named:
            named = named - {"*"} | (MODES.keys() - {"s"})
        yield Row(name, tuple(params.split()), tuple(results.split()), named, only == "32")


ROWS: Final = tuple(_rows())
WIDTHS: Final = (False, True)


def rows_of(*, is_64: bool) -> list[Row]:
    return [row for row in ROWS if not (is_64 and row.is_wasm32_only)]


def concrete(types: tuple[str, ...], *, is_64: bool) -> list[str]:
    return [("i64" if is_64 else "i32") if type_ == "I" else type_ for type_ in types]


@cache
def exported(*, is_64: bool) -> dict[str, tuple[list[str], list[str]]]:
    wasm = wat_to_wasm(system_api_source(is_64=is_64).wat)
    types = {item.name: item.type for item in compiler().compile(wasm).module.exports}
    return {
        name: ([str(param) for param in type_.params], [str(result) for result in type_.results])
        for name, type_ in types.items()
        if isinstance(type_, FuncType)
    }


@pytest.mark.parametrize("is_64", WIDTHS)
def test_the_module_exports_exactly_what_the_specification_lists(is_64: bool) -> None:
    expected = {
        row.name: (concrete(row.params, is_64=is_64), concrete(row.results, is_64=is_64))
        for row in rows_of(is_64=is_64)
    }

    assert exported(is_64=is_64) == expected


def caller_of_everything(*, is_64: bool) -> bytes:
    """Return a canister with a method per import that calls it with zeros."""
    imports, functions = [], []
    for row in rows_of(is_64=is_64):
        params = concrete(row.params, is_64=is_64)
        results = concrete(row.results, is_64=is_64)
        zeros = " ".join(f"({type_}.const 0)" for type_ in params)
        call = f"(call ${row.name} {zeros})"
        body = f"(drop {call})" if results else call
        imports.append(
            f'(import "ic0" "{row.name}" (func ${row.name} (param {" ".join(params)}) '
            f"(result {' '.join(results)})))"
        )
        functions.append(f'(func (export "canister_update {row.name}") {body})')
    memory = "(memory i64 1)" if is_64 else "(memory 1)"
    return wat(f"(module {' '.join(imports)} {memory} {' '.join(functions)})")


@pytest.fixture(scope="module", params=WIDTHS, ids=["wasm32", "wasm64"])
def canister(request: pytest.FixtureRequest) -> Iterator[tuple[Canister, bool]]:
    is_64 = bool(request.param)
    with open_sandbox() as ic:
        yield ic.install(caller_of_everything(is_64=is_64)), is_64


@pytest.mark.parametrize("letter", MODES)
def test_an_import_is_refused_exactly_where_the_specification_does_not_list_it(
    canister: tuple[Canister, bool], letter: str
) -> None:
    target, is_64 = canister

    for context, mode in MODES[letter].items():
        for row in rows_of(is_64=is_64):
            outcome = execute(target, row.name, context)

            refusal = (
                f"Error from Canister {target.id}: Canister violated contract: "
                f'"ic0_{row.name}" cannot be executed in {mode} mode.\n{HELP}'
            )
            refused = outcome.failure is not None and outcome.failure.message == refusal
            is_listed = letter in row.letters and row.name not in NEED_CERTIFICATE
            assert refused == (not is_listed), (row.name, mode, outcome.failure)
            if refused:
                assert outcome.failure is not None
                assert outcome.failure.error_code == "IC0504"
            elif outcome.failure is not None:
                assert "cannot be executed" not in outcome.failure.message.replace(
                    "cannot be executed on non Cycles Minting Canister", ""
                )
