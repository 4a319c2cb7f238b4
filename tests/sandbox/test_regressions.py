"""What real, public canisters brought to light, each with the smallest canister that shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from sandbox import Sandbox

COUNTER: Final = Path(__file__).parents[2] / "wat" / "counter.wat"


def test_a_method_that_the_interface_leaves_out_is_named_with_the_call_that_reaches_it(
    ic: Sandbox,
) -> None:
    """The ICRC ledger exports ``archives``; its ``ledger.did`` does not list it."""
    counter = ic.install(COUNTER, did="service : { inc : () -> (nat) }")

    with pytest.raises(AttributeError, match=re.escape("the query 'get': call it by query('get')")):
        _ = counter.get

    assert counter.query_raw("get")


def test_a_method_that_does_not_exist_is_answered_with_one_that_looks_alike(
    ic: Sandbox,
) -> None:
    counter = ic.install(COUNTER, did="service : { inc : () -> (nat) }")

    with pytest.raises(AttributeError, match=re.escape("did you mean inc?")):
        _ = counter.imc
