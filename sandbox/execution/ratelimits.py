"""Rate limits: what a canister has used beyond its share of the rounds so far.

An installation adds its instructions to one debit; messages, snapshots and chunks add the bytes
they write to another. Each round takes the profile's share off both. While a debit of
instructions is left, the next installation is refused; while the heap delta is a share or more,
snapshots and chunks are refused and messages wait for a later round.
Nothing is counted unless the profile has the limit.

Source: the replica's scheduler.rs ("Finalization"), round_schedule.rs (``filter_canisters``),
install_code.rs (``validate_input``) and canister_manager.rs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import texts
from sandbox.messages import Reject, reject
from sandbox.records import renew

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.execution.canister import CanisterRuntime
    from sandbox.execution.capture import Held


def refuse_install(runtime: CanisterRuntime) -> Reject | None:
    """Refuse an installation while the last ones are not paid off."""
    # A debit may be left from a profile that had the limit.
    is_limited = runtime.machine.limits.install_instructions_per_round
    if not is_limited or not runtime.state.install_debit_instructions:
        return None
    text = (
        f"Canister {runtime.state.id} is rate limited because it executed too many instructions "
        "in the previous install_code messages. Please retry installation after several minutes."
    )
    return reject("IC0209", f"{text}\n{texts.INSTALL_RATE_LIMITED}")


def refuse_heap_delta(runtime: CanisterRuntime) -> Reject | None:
    """Refuse a snapshot while the canister has written a round's share or more."""
    if not must_wait(runtime):
        return None
    text = (
        f"Canister {runtime.state.id} is heap delta rate limited: current delta debit is "
        f"{runtime.state.heap_delta_debit_bytes}, but limit is {_share(runtime)}."
    )
    return reject("IC0210", f"{text}\n{texts.HEAP_DELTA_RATE_LIMITED}")


def heap_delta_text(runtime: CanisterRuntime) -> str:
    """Return how the chunk store and uploads say the same; empty when there is nothing to say."""
    if not must_wait(runtime):
        return ""
    return (
        "Canister is heap delta rate limited. Current delta debit: "
        f"{runtime.state.heap_delta_debit_bytes}, limit: {_share(runtime)}"
    )


def must_wait(runtime: CanisterRuntime) -> bool:
    """Whether the canister's messages wait for another round."""
    return 0 < _share(runtime) <= runtime.state.heap_delta_debit_bytes


def note_install(runtime: CanisterRuntime, instructions: int) -> None:
    """Count an installation, failed ones too."""
    if runtime.machine.limits.install_instructions_per_round:
        state = runtime.state
        debit = state.install_debit_instructions + instructions
        runtime.state = renew(state, install_debit_instructions=debit)


def note_heap_delta(runtime: CanisterRuntime, size_bytes: int) -> None:
    """Count what was written."""
    if _share(runtime):
        debit = runtime.state.heap_delta_debit_bytes + size_bytes
        runtime.state = renew(runtime.state, heap_delta_debit_bytes=debit)


def written_bytes(*memories: Held) -> int:
    """Return how much of some memories has ever been written.

    The replica counts pages changed since its last checkpoint; here there are none.
    """
    runs = (memory.region.extents(at=memory.mark) for memory in memories)
    return sum(length for each in runs for _, length in each)


def end_rounds(runtimes: Iterable[CanisterRuntime], count: int = 1) -> None:
    """Take the shares of some rounds off every debit."""
    for runtime in runtimes:
        state, limits = runtime.state, runtime.machine.limits
        if state.install_debit_instructions or state.heap_delta_debit_bytes:
            paid = limits.install_instructions_per_round * count
            written = limits.heap_delta_bytes_per_round * count
            runtime.state = renew(
                state,
                install_debit_instructions=max(0, state.install_debit_instructions - paid),
                heap_delta_debit_bytes=max(0, state.heap_delta_debit_bytes - written),
            )


def forgive(runtime: CanisterRuntime) -> None:
    """Forget the debits, as if nothing had happened for a long while."""
    runtime.state = renew(runtime.state, install_debit_instructions=0, heap_delta_debit_bytes=0)


def _share(runtime: CanisterRuntime) -> int:
    return runtime.machine.limits.heap_delta_bytes_per_round
