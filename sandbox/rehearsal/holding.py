"""Calls left open on purpose: what a canister calls out to does not answer for a while."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from sandbox.errors import CanisterRejected
from sandbox.rehearsal.calling import tell
from sandbox.rehearsal.findings import Fact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.principal import Principal
    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.calling import Probe

HELD_HOURS: Final = 1.0


def callees(bench: Bench, probe: Probe) -> frozenset[Principal]:
    """Return whom a call makes the canister call, found out in a fork."""
    with bench.fork(), bench.ic.trace() as trace, suppress(CanisterRejected):
        tell(bench.canister, probe, bench.caller)
    own = bench.canister.id
    return frozenset(it.canister for it in trace.spans if it.caller == own and it.canister != own)


def leave_open(bench: Bench, probe: Probe, others: Iterable[Principal]) -> bool:
    """Make a call whose callees answer an hour late; whether it is open then.

    Requires: in a fork. What is called later is answered at once again.
    """
    mocks = [bench.ic.mock(callee) for callee in others]
    for mock in mocks:
        mock.delays(hours=HELD_HOURS)
    with suppress(CanisterRejected):
        caller = probe.caller or bench.caller
        bench.canister.submit_raw(probe.method, probe.data, caller=caller)
        bench.ic.tick()
    for mock in mocks:
        mock.forget()
    return bench.ic.world.router.has_open_contexts(bench.canister.id)


def open_calls(bench: Bench) -> list[Fact]:
    """Return what the canister waits for; if it waits for nothing, what it owes."""
    router, own = bench.ic.world.router, bench.canister.id
    awaited = [
        Fact(f"{item.call.method} of {item.call.callee}", "", "has not answered")
        for item in router.callbacks.values()
        if router.contexts[item.context].canister == own
    ]
    owed = [
        Fact(f"call of {item.request.method}", "", "is not answered")
        for item in router.contexts.values()
        if item.canister == own and item.request is not None and not item.is_answered
    ]
    return awaited or owed
