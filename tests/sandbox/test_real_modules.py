"""Canisters compiled from C and TypeScript: features that no Motoko module uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import CanisterRejected, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Built = Callable[[str], Path]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("width", ["wasm32", "wasm64"])
def test_a_c_counter_counts_and_rolls_back(ic: Sandbox, built: Built, width: str) -> None:
    counter = ic.install(built(f"c/{width}/counter"))
    first = counter.update_raw("inc")
    snapshot = counter.take_snapshot()

    counter.update_raw("inc")
    counter.load_snapshot(snapshot)

    assert counter.query_raw("get") == first


def test_a_typescript_canister_keeps_its_map_through_failure_and_rollback(
    ic: Sandbox, built: Built
) -> None:
    wasm = built("azle/counter")
    counter = ic.install(wasm, 5, did=wasm.with_suffix(".did"))
    counter.set_note("a", "first")
    snapshot = counter.take_snapshot()

    with pytest.raises(CanisterRejected):
        counter.set_note_then_throw("a", "lost")
    assert counter.note("a") == "first"
    counter.set_note("a", "second")
    counter.load_snapshot(snapshot)

    assert (counter.note("a"), counter.query("get")) == ("first", 5)
    assert counter.checksum == snapshot.checksum
