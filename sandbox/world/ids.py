"""Ids of canisters: the range this world gives out itself, and which others there can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Container

    from sandbox.principal import Principal

# Where dfx's local networks start, so that ids look familiar: bnz7o-iuaaa-aaaaa-qaaaa-cai.
FIRST_CANISTER: Final = 0x8000_0000_0010_0000
_CANISTERS_IN_RANGE: Final = 1 << 20


def is_in_range(id_: Principal) -> bool:
    """Whether a world gives out such an id itself."""
    raw = bytes(id_)
    if len(raw) != 10 or raw[8:] != b"\x01\x01":
        return False
    return 0 <= int.from_bytes(raw[:8], "big") - FIRST_CANISTER < _CANISTERS_IN_RANGE


def check(id_: Principal, taken: Container[Principal]) -> None:
    """Refuse an id that is taken or cannot be a canister's. Raises: UsageError."""
    if not id_.is_opaque:
        raise UsageError(
            f"{id_} cannot be a canister's id: those are opaque, as ryjl3-tyaaa-aaaaa-aaaba-cai"
        )
    if id_ in taken:
        raise UsageError(f"there is a canister {id_} already")
