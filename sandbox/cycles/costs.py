"""What the ``cost_*`` system calls answer: the price list, as a canister may ask for it.

Source: reference/system_api.md section "Cost".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.cycles.prices import Prices
    from sandbox.limits import Limits

# The names under which keys exist here; the first two are the mainnet's.
KEY_NAMES: Final = frozenset({"key_1", "test_key_1", "dfx_test_key"})
# How many curves or algorithms each call knows, numbered from 0.
_CURVES: Final = {
    "cost_sign_with_ecdsa": 1,
    "cost_sign_with_schnorr": 2,
    "cost_vetkd_derive_key": 1,
}


def cost_of(prices: Prices, limits: Limits) -> Callable[[str, int, int, str, bool], int | None]:
    """Return the answer to every cost call: (import, a, b, key name, is_64) -> cycles.

    None stands for an unknown curve or key name.
    """

    def cost(name: str, a: int, b: int, key: str, is_64: bool) -> int | None:
        match name:
            case "cost_call":
                fixed = prices.call_fee(limits.update_instructions, is_64=is_64)
                return fixed + prices.call_byte * (a + b)
            case "cost_create_canister":
                return prices.creation
            case "cost_http_request":
                return prices.http_outcall(a, b)
            case _:
                if a >= _CURVES[name] or key not in KEY_NAMES:
                    return None
                return prices.signature

    return cost
