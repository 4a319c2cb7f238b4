"""The Bitcoin methods: refused, because there is no Bitcoin network here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.management.call import refuse

if TYPE_CHECKING:
    from sandbox.management.call import ManagementCall

METHODS: Final = (
    "get_balance",
    "get_utxos",
    "send_transaction",
    "get_current_fee_percentiles",
    "get_block_headers",
)


def refuse_all(call: ManagementCall) -> None:
    """Refuse, and say what to do instead."""
    raise refuse(
        "IC0406",
        f"{call.method}: the sandbox has no Bitcoin network. Install the Bitcoin canister "
        f"(the IC recommends it over this method), or let a function stand in: "
        f"ic.mock('aaaaa-aa').returns({call.method!r}, ...)",
    )
