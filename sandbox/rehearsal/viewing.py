"""A view of a canister from outside: what it answers, what runs by itself, how it stands.

Taken before and after the upgrade; the detectors compare two of them. Everything is done in
forks, so a view leaves no trace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sandbox.candid.errors import CandidError
from sandbox.errors import CanisterRejected
from sandbox.rehearsal.calling import Reading, ask, said, send
from sandbox.rehearsal.layout import Layout, layout_of
from sandbox.rehearsal.plan import Call
from sandbox.wasm.methods import MethodKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.handle import Canister
    from sandbox.principal import Principal
    from sandbox.rehearsal.bench import Bench
    from sandbox.state import Status

_NS: Final = 1_000_000_000
# A timer of one second runs 86,400 times a day; after so many we know that it runs.
_ENOUGH_MESSAGES: Final = 50
_STEPS_S: Final = (1.0, 60.0, 600.0, 3_600.0)
_BY_ITSELF: Final = ("canister_global_timer", "canister_heartbeat")


@dataclass(frozen=True, slots=True)
class Soak:
    """What ran by itself while virtual time went on: executions and failures by entry point."""

    seconds: float
    ran: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class View:
    """A canister at one moment.

    probes: queries; updates: the sweep of update methods, each in a fork of its own.
    """

    probes: tuple[Reading, ...]
    updates: tuple[Reading, ...]
    soak: Soak
    layout: Layout
    certified_data: bytes
    timer_ns: int
    status: Status
    heap_bytes: int


def view(bench: Bench, probes: tuple[Call, ...]) -> View:
    """Look at the bench's canister as it is now. probes: which queries to ask."""
    state = bench.runtime.state
    capture = bench.runtime.capture()
    return View(
        readings(bench, probes),
        tuple(_swept(bench)),
        _soaked(bench),
        layout_of(bench.canister, capture.stable),
        state.certified_data,
        state.timer_ns,
        state.status,
        capture.heap.mark.size_bytes,
    )


def probes_of(bench: Bench) -> tuple[Call, ...]:
    """Return the queries to ask: those without arguments by the old interface, then the user's."""
    canister = bench.canister
    found = []
    for name, method in bench.old.methods.items():
        func = canister.codec(name).func
        is_query = method.kind is not MethodKind.UPDATE
        if is_query and not name.startswith("__") and (func is None or not func.args):
            found.append(Call(name))
    wanted = (*found, *bench.plan.probes)
    return tuple(dict.fromkeys(call for call in wanted if call.method not in bench.plan.ignore))


def readings(bench: Bench, probes: tuple[Call, ...]) -> tuple[Reading, ...]:
    """Ask the probes."""
    return tuple(_read(bench, call, ask) for call in probes)


def _swept(bench: Bench) -> Iterator[Reading]:
    """Call each update method with () in a fork; what the old module has, in its order."""
    for name, method in bench.old.methods.items():
        hidden = name.startswith("__") or name in bench.plan.ignore
        if method.kind is MethodKind.UPDATE and not hidden:
            with bench.fork():
                yield _read(bench, Call(name), send)


def _read(
    bench: Bench, call: Call, action: Callable[[Canister, Call, Principal], bytes]
) -> Reading:
    data, failure = None, ""
    with bench.ic.trace() as trace:
        try:
            data = action(bench.canister, call, bench.caller)
        except CanisterRejected as error:
            failure = said(error)
        except CandidError as error:
            failure = f"the argument does not fit: {error}"
    own = (item for item in trace.executions if item.canister == bench.canister.id)
    return Reading(call, data, failure, sum(item.instructions for item in own))


def _soaked(bench: Bench) -> Soak:
    ran: dict[str, int] = {}
    failed: dict[str, str] = {}
    started_ns = bench.ic.time_ns
    steps = (*(step for step in _STEPS_S if step < bench.plan.soak_s), bench.plan.soak_s)
    with bench.fork():
        for seconds in steps:
            target_ns = started_ns + int(seconds * _NS)
            report = bench.ic.advance(ns=target_ns - bench.ic.time_ns)
            for item in report.trace.executions:
                if item.canister == bench.canister.id and item.entry in _BY_ITSELF:
                    ran[item.entry] = ran.get(item.entry, 0) + 1
                    if item.failure is not None:
                        failed.setdefault(item.entry, said(item.failure.to_exception()))
            if sum(ran.values()) >= _ENOUGH_MESSAGES:
                break
        ended_ns = bench.ic.time_ns
    return Soak((ended_ns - started_ns) / _NS, ran, failed)
