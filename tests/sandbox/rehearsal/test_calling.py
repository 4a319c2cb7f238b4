"""What a rehearsal says of a call that failed: on one line, with where it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import CanisterTrapped
from sandbox.rehearsal.calling import said

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox

# As modules made with ic-cdk 0.20.1 and Rust 1.94 name them.
PANIC = (
    "ic0::trap",
    "ic_cdk_executor::machinery::setup_panic_hook::{closure#0}::{closure#0}",
    "std::panicking::panic_with_hook",
    "std::panicking::panic_handler::{closure#0}",
    "std::sys::backtrace::__rust_end_short_backtrace::<std::panicking::panic_handler::{closure#0}>",
    "__rustc::rust_begin_unwind",
    "core::panicking::panic_fmt",
)
OWN = ("ledger::check", "ic_cdk_executor::machinery::poll_all", "canister_update give")


def told(*backtrace: str) -> str:
    return said(CanisterTrapped(5, "IC0503", "Error from Canister aaaaa-aa: why.\nHelp", backtrace))


@pytest.mark.parametrize(
    "leading",
    [
        (),
        PANIC,
        (*PANIC, "core::panicking::panic", "core::option::unwrap_failed"),
        (*PANIC, "core::cell::panic_already_mutably_borrowed"),
        (*PANIC, "core::slice::index::slice_end_index_len_fail"),
        (*PANIC[1:], "alloc::raw_vec::handle_error"),
        ("ic_cdk::api::trap",),
        ("ic_cdk::printer::set_panic_hook::{closure#0}", *PANIC[2:]),
    ],
)
def test_a_panic_is_told_by_where_it_was_not_by_how_rust_panics(leading: tuple[str, ...]) -> None:
    places = "ledger::check < ic_cdk_executor::machinery::poll_all < canister_update give"
    assert told(*leading, *OWN) == f"IC0503: why (in {places})"


def test_a_panic_of_no_other_function_is_told_as_it_is() -> None:
    assert told(*PANIC[5:]) == f"IC0503: why (in {' < '.join(PANIC[5:])})"


def test_what_is_no_panic_is_told_from_its_innermost_function() -> None:
    assert told("core::ops::function::call", *OWN[:1]).endswith(
        "(in core::ops::function::call < ledger::check)"
    )


@pytest.mark.slow
@pytest.mark.parametrize("method", ["clear_then_look", "borrow_twice"])
def test_a_rust_canister_panics_somewhere_of_its_own(
    ic: Sandbox, built: Callable[[str], Path], method: str
) -> None:
    notes = ic.install(built("rust/notes"))

    with pytest.raises(CanisterTrapped) as caught:
        notes.update(method)

    assert said(caught.value).endswith(f"canister_update {method})")
