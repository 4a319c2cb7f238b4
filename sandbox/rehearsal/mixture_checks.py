"""Stage 4, groups: canisters at mixed versions, between one step and the next (A09).

After each step of a group the traffic of all its canisters runs in a fork, as it did right
before the step; what was answered then must be answered now, and nothing be lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sandbox.candid.errors import CandidError
from sandbox.errors import CanisterRejected
from sandbox.interface import CanisterInterface, interface_of
from sandbox.rehearsal.bench import Base, Bench, controller_of
from sandbox.rehearsal.caller_checks import changed_values, probe_diffs
from sandbox.rehearsal.calling import Reader, Reading, said, send
from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.registry import findings_of
from sandbox.rehearsal.viewing import probes_of, readings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.plan import Plan


@dataclass(frozen=True, slots=True)
class _Seen:
    """One canister of a group, with its traffic done: how that failed, and what queries say."""

    interface: CanisterInterface
    failures: tuple[str, ...]
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class Mixture:
    """A group at one moment, after the traffic of all."""

    seen: Mapping[str, _Seen]


def mixture(members: Mapping[str, tuple[Base, Plan]], like: Mixture | None = None) -> Mixture:
    """Let the traffic of all canisters run in a fork, and ask all queries.

    like: ask the same queries as there.
    """
    (first, _), *_ = members.values()
    with first.ic.anchor():
        failures = {name: tuple(_traffic(*member)) for name, member in members.items()}
        asked = {
            name: _asked(base, plan, None if like is None else like.seen[name])
            for name, (base, plan) in members.items()
        }
    return Mixture(
        {
            name: _Seen(_interface(base), failures[name], asked[name])
            for name, (base, _) in members.items()
        }
    )


def check_mixture(before: Mixture, after: Mixture, plans: Mapping[str, Plan]) -> Iterator[Finding]:
    """Compare a group before and after a step."""
    facts = [
        fact
        for name, old in before.seen.items()
        for fact in _differences(name, old, after.seen[name], plans[name])
    ]
    yield from findings_of("A09", facts)


def _differences(name: str, old: _Seen, new: _Seen, plan: Plan) -> Iterator[Fact]:
    for call, was, now in zip(plan.traffic, old.failures, new.failures, strict=True):
        if now and not was:
            yield Fact(f"{name}: {call}", "answers", now)
    reader = Reader(old.interface, new.interface, frozenset(plan.ignore))
    diffs = probe_diffs(reader, old.readings, new.readings)
    for fact in changed_values(diffs, only_losses=True):
        yield fact._replace(what=f"{name}: {fact.what}, after the traffic")
    for diff in diffs:
        if diff.failure:
            yield Fact(f"{name}: {diff.name}, after the traffic", diff.before, diff.failure)


def _traffic(base: Base, plan: Plan) -> Iterator[str]:
    for call in plan.traffic:
        try:
            send(base.canister, call)
            yield ""
        except CanisterRejected as error:
            yield said(error)
        except CandidError as error:
            yield str(error)


def _asked(base: Base, plan: Plan, like: _Seen | None) -> tuple[Reading, ...]:
    module = base.ic.world.existing(base.canister.id).module
    caller = controller_of(base.ic, base.canister, plan.caller)
    bench = Bench(base.ic, base.canister, plan, module, module, caller, b"")
    if like is not None:
        return readings(bench, tuple(reading.probe for reading in like.readings))
    interface = _interface(base)
    known = [call for call in plan.probes if call.method in interface.exported]
    asking = replace(plan, probes=tuple(known), identities=())
    return readings(bench, probes_of(replace(bench, plan=asking), Reader(interface, interface)))


def _interface(base: Base) -> CanisterInterface:
    did = base.ic.interfaces.get(base.canister.id)
    return interface_of(base.ic.world.existing(base.canister.id).module, did)
