"""Motoko's saved stable variables are read as Motoko writes them, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Sandbox
from sandbox.candid.values import Some, VariantValue
from sandbox.rehearsal import Call, FromModule, rehearse
from sandbox.rehearsal.stable_values import stable_values

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.engine import Compiler

NAMES = ("notes", "again", "delta", "state", "on", "off")


@pytest.fixture
def saved(built: Callable[[str], Path], compiler: Compiler) -> bytes:
    """What ``shared_array`` writes before an upgrade, after one note."""
    with Sandbox(compiler=compiler) as ic:
        canister = ic.install(built("motoko/classical/shared_array"))
        canister.update("note", "hello")
        canister.upgrade(b"\0asm\1\0\0\0")
        memory = canister.stable_memory
        return memory[4 : 4 + int.from_bytes(memory[:4], "little")]


def test_values_are_read_by_name_and_shared_ones_once(saved: bytes) -> None:
    assert stable_values(saved, NAMES) == {
        "again": Some(["hello", "none yet"]),
        "notes": Some("(seen before)"),
        "delta": Some(-1_000_000_000_000_000_000_001),
        "state": Some(VariantValue("on", 7)),
    }


def test_what_is_damaged_is_not_read(saved: bytes) -> None:
    for end in range(len(saved)):
        assert stable_values(saved[:end], NAMES) is None
    for at in range(len(saved)):
        changed = bytearray(saved)
        changed[at] ^= 0xFF
        stable_values(bytes(changed), NAMES)  # anything but an exception or an endless loop


@pytest.mark.parametrize("count", [2**32, 2**63])
def test_a_list_of_nothing_cannot_be_endless(count: int) -> None:
    leb = bytearray()
    while count > 0x7F:
        leb.append(count & 0x7F | 0x80)
        count >>= 7
    leb.append(count)

    assert stable_values(b"DIDL\x01\x6d\x7f\x01\x00" + bytes(leb), NAMES) is None


def test_what_was_still_as_at_first_is_not_lost(
    built: Callable[[str], Path], compiler: Compiler
) -> None:
    old, new = (built(f"motoko/classical/{it}") for it in ("counter_v1", "counter_v2_migration"))

    outcome = rehearse(FromModule(old, calls=(Call("inc"),)), new, compiler=compiler)

    assert "L01" not in outcome.codes  # the list of notes was empty


def test_a_counter_of_another_type_began_anew_with_evidence(
    built: Callable[[str], Path], compiler: Compiler
) -> None:
    old, new = (built(f"motoko/classical/{it}") for it in ("counter_v1", "counter_v2_bad"))
    start = FromModule(old, calls=(Call("inc"), Call("inc")))

    outcome = rehearse(start, new, compiler=compiler)

    (anew,) = (item for item in outcome.findings if item.code == "L01")
    facts: list[tuple[Any, ...]] = [tuple(fact) for fact in anew.evidence]
    assert ("stable variable counter", "2") in [fact[:2] for fact in facts]
    assert all(fact[2].endswith("as in a new canister") for fact in facts)
