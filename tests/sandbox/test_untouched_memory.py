"""Reading memory that nobody has written must not use up the machine's memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from conftest import CHECKOUT
from sandbox import CanisterRejected, Limits, Sandbox

if TYPE_CHECKING:
    from sandbox.engine import Compiler
    from sandbox.memory import RegionKind

WAT = CHECKOUT / "wat" / "reads_untouched_stable.wat"
MIB = 1 << 20


def argument(mebibytes: int) -> bytes:
    return mebibytes.to_bytes(4, "little")


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["auto", "copying"])
def test_what_reading_made_is_given_back(compiler: Compiler, memory: RegionKind) -> None:
    with Sandbox(compiler=compiler, memory=memory) as ic:
        canister = ic.install(WAT)
        runtime = ic.world.canisters[canister.id]

        canister.query_raw("read", argument(96))

        assert runtime.stable.allocated_bytes < MIB


def test_reading_more_untouched_memory_than_a_message_may_is_refused(compiler: Compiler) -> None:
    limits = replace(Limits(), query_stable_write_bytes=32 * MIB)
    with Sandbox(compiler=compiler, limits=limits, memory="auto") as ic:
        canister = ic.install(WAT)

        canister.query_raw("read", argument(16))
        with pytest.raises(CanisterRejected, match="number of accessed pages") as caught:
            canister.query_raw("read", argument(64))

        assert caught.value.error_code == "IC0524"
