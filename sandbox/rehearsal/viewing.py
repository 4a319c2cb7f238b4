"""A view of a canister from outside: what it answers, what runs by itself, how it stands.

Taken before and after the upgrade; the detectors compare two of them. Everything is done in
forks, so a view leaves no trace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sandbox.errors import CanisterRejected
from sandbox.rehearsal.calling import (
    HIDDEN,
    Probe,
    Reading,
    ask,
    interface_for,
    probe_of,
    said,
    tell,
)
from sandbox.rehearsal.http_checks import http_probes
from sandbox.rehearsal.layout import Layout, layout_of
from sandbox.rehearsal.plan import NO_ARGUMENTS, Call
from sandbox.rehearsal.variables import variables_of
from sandbox.wasm.methods import MethodKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sandbox.execution.modules import InstalledModule
    from sandbox.handle import Canister
    from sandbox.principal import Principal
    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.calling import Reader

_NS: Final = 1_000_000_000
# A timer of one second runs 86,400 times a day; after so many we know that it runs.
_ENOUGH_MESSAGES: Final = 50
# Others of a group may be so busy that a day takes hours of ours: then a part of it must do.
_MOST_MESSAGES: Final = 1_000
_STEPS_S: Final = (1.0, 60.0, 600.0, 1_800.0, 3_600.0, 14_400.0)
BY_ITSELF: Final = ("canister_global_timer", "canister_heartbeat")


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
    variables: the stable ones of a Motoko canister, where they can be read.
    """

    probes: tuple[Reading, ...]
    updates: tuple[Reading, ...]
    soak: Soak
    layout: Layout
    certified_data: bytes
    timer_ns: int
    heap_bytes: int
    variables: Mapping[str, Any]


def view(bench: Bench, probes: tuple[Probe, ...]) -> View:
    """Look at the bench's canister as it is now. probes: which queries to ask."""
    state = bench.runtime.state
    capture = bench.runtime.capture()
    return View(
        readings(bench, probes),
        tuple(_swept(bench)),
        soaked(bench),
        layout_of(bench.canister, capture.stable),
        state.certified_data,
        state.timer_ns,
        capture.heap.mark.size_bytes,
        variables_of(bench),
    )


def probes_of(bench: Bench, reader: Reader) -> tuple[Probe, ...]:
    """Return the queries to ask: those without arguments, the user's, and a site's pages.

    Requires: the plan was checked.
    """
    interface, plan = reader.old, bench.plan
    found = []
    for name, method in bench.old.methods.items():
        func = interface.functions.get(name)
        is_query = method.kind is not MethodKind.UPDATE
        if is_query and not name.startswith(HIDDEN) and (func is None or not func.args):
            found.append(Call(name))
    asked = (*found, *plan.probes, *plan.identities)
    wanted = [it for it in asked if it.method not in plan.ignore or it.is_checked]
    calls = (probe_of(interface_for(call, reader), call) for call in wanted)
    pages = (it for it in http_probes(bench.old) if it.method not in plan.ignore)
    return tuple(dict.fromkeys([*calls, *pages]))


def readings(bench: Bench, probes: tuple[Probe, ...]) -> tuple[Reading, ...]:
    """Ask the probes."""
    return tuple(read(bench, probe, ask) for probe in probes)


def _swept(bench: Bench) -> Iterator[Reading]:
    """Call each update method with () in a fork; what the old module has, in its order."""
    for name in update_methods(bench, bench.old):
        with bench.fork():
            yield read(bench, Probe(name, name, NO_ARGUMENTS), tell)


def update_methods(bench: Bench, module: InstalledModule) -> list[str]:
    """Return the update methods that may be swept, in the module's order."""
    return [
        name
        for name, method in module.methods.items()
        if method.kind is MethodKind.UPDATE
        and not name.startswith(HIDDEN)
        and name not in bench.plan.ignore
    ]


def read(
    bench: Bench, probe: Probe, action: Callable[[Canister, Probe, Principal], bytes]
) -> Reading:
    """Make a call, in the fork the caller is in."""
    data, failure = None, ""
    with bench.ic.trace() as trace:
        try:
            data = action(bench.canister, probe, bench.caller)
        except CanisterRejected as error:
            failure = said(error)
    own = (item for item in trace.executions if item.canister == bench.canister.id)
    return Reading(probe, data, failure, sum(item.instructions for item in own))


def soaked(bench: Bench) -> Soak:
    """Let virtual time go on in a fork, until it is clear what runs."""
    ran: dict[str, int] = {}
    failed: dict[str, str] = {}
    started_ns, messages = bench.ic.time_ns, 0
    steps = (*(step for step in _STEPS_S if step < bench.plan.soak_s), bench.plan.soak_s)
    with bench.fork():
        for seconds in steps:
            target_ns = started_ns + int(seconds * _NS)
            report = bench.ic.advance(ns=target_ns - bench.ic.time_ns)
            for item in report.trace.executions:
                if item.canister == bench.canister.id and _is_unasked(item.entry):
                    ran[item.entry] = ran.get(item.entry, 0) + 1
                    if item.failure is not None:
                        failed.setdefault(item.entry, said(item.failure.to_exception()))
            messages += report.messages
            if sum(ran.values()) >= _ENOUGH_MESSAGES or messages >= _MOST_MESSAGES:
                break
        ended_ns = bench.ic.time_ns
    return Soak((ended_ns - started_ns) / _NS, ran, failed)


def is_callback(entry: str) -> bool:
    """Whether an entry point is a callback: a reply came in."""
    return entry.endswith(" callback")


def _is_unasked(entry: str) -> bool:
    return entry in BY_ITSELF or is_callback(entry)
