"""Who may manage a canister, and what it says when somebody else tries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.messages import Reject, reject

if TYPE_CHECKING:
    from sandbox.principal import Principal
    from sandbox.state import CanisterState


def refuse_stranger(state: CanisterState, caller: Principal, method: str) -> Reject | None:
    """Return the replica's reject unless the caller controls the canister.

    Source: reference/management_canister.md section 1, ingress by a non-controller.
    """
    if caller in state.settings.controllers:
        return None
    return reject(
        "IC0512", f"Only controllers of canister {state.id} can call ic00 method {method}"
    )
