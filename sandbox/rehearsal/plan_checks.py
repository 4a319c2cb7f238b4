"""Whether a plan makes sense for these two modules, before anything is rehearsed.

A misspelt method would otherwise be a probe that never answers, and pass over in silence.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from sandbox.candid.errors import CandidError
from sandbox.errors import UsageError
from sandbox.rehearsal.calling import interface_for, probe_of
from sandbox.rehearsal.ignoring import method_of
from sandbox.rehearsal.plan import WAYS_BACK, PlanRefused
from sandbox.rehearsal.promise_checks import expected
from sandbox.rehearsal.registry import entry
from sandbox.rehearsal.runbook import action_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.rehearsal.calling import Reader
    from sandbox.rehearsal.plan import Call, Plan


def check_codes(plan: Plan) -> None:
    """Refuse the acceptance of a code that does not exist: it would accept nothing."""
    for number, acceptance in enumerate(plan.acceptances):
        try:
            entry(acceptance.code)
        except UsageError as error:
            raise PlanRefused(f"accept[{number}].code", str(error)) from error


def checked(plan: Plan, reader: Reader, elsewhere: frozenset[str] = frozenset()) -> Plan:
    """Return the plan for these two modules, without calls of methods of other versions.

    elsewhere: those methods. Raises: PlanRefused for calls and rules about methods that are
        nowhere, and for values of another type.
    """
    grow = () if plan.growth is None or callable(plan.growth.by) else plan.growth.by
    done = () if plan.migrated is None else (plan.migrated.done,)
    listed = {
        "probes": plan.probes,
        "identities": plan.identities,
        "traffic": plan.traffic,
        "guarded": plan.guarded,
        "growth": grow,
    }
    here = {*reader.old.exported, *reader.new.exported}
    left_out = elsewhere - here
    for place, calls in listed.items():
        for number, call in enumerate(calls):
            if call.method not in left_out:
                _check_call(f"{place}[{number}]", call, reader)
    for call in done:
        if call.method not in left_out:
            _check_call("migrated", call, reader)
    for number, rule in enumerate(plan.ignore):
        if method_of(rule, {*here, *elsewhere}) is None:
            name = rule.partition(".")[0].partition("[")[0]
            raise PlanRefused(f"ignore[{number}]", no_method(name, here))
    _check_wishes(plan)
    return _without(plan, left_out) if left_out else plan


def _without(plan: Plan, methods: frozenset[str]) -> Plan:
    def kept(calls: Iterable[Call]) -> tuple[Call, ...]:
        return tuple(call for call in calls if call.method not in methods)

    growth, migrated = plan.growth, plan.migrated
    if growth is not None and not callable(growth.by):
        growth = replace(growth, by=kept(growth.by)) if kept(growth.by) else None
    return replace(
        plan,
        probes=kept(plan.probes),
        identities=kept(plan.identities),
        traffic=kept(plan.traffic),
        guarded=kept(plan.guarded),
        growth=growth,
        migrated=None if migrated is None or migrated.done.method in methods else migrated,
    )


def _check_wishes(plan: Plan) -> None:
    """Refuse stages that cannot be done as the plan asks. Raises: PlanRefused."""
    if plan.migrated is not None and not plan.migrated.done.is_checked:
        raise PlanRefused("migrated", "it takes expect or matches: what says that it is done")
    for number, step in enumerate(plan.runbook):
        try:
            action_of(step)
        except UsageError as error:
            raise PlanRefused(f"runbook[{number}]", str(error)) from error
    for number, way in enumerate(plan.rollback):
        if way not in WAYS_BACK:
            reason = f"there is no way back {way!r}; there are {', '.join(WAYS_BACK)}"
            raise PlanRefused(f"rollback[{number}]", reason)


def _check_call(place: str, call: Call, reader: Reader) -> None:
    interface = interface_for(call, reader)
    if call.method not in interface.exported:
        methods = [*reader.old.exported, *reader.new.exported]
        raise PlanRefused(f"{place}.call", no_method(call.method, methods))
    try:
        probe_of(interface, call)
    except CandidError as error:
        raise PlanRefused(f"{place}.call", f"{call}: {error}") from error
    if call.expect is not None:
        try:
            expected(call, reader.new.method(call.method))
        except (CandidError, ValueError) as error:
            raise PlanRefused(f"{place}.expect", f"{call.expect}: {error}") from error


def no_method(name: str, methods: Iterable[str]) -> str:
    """Say that there is no such method, and which may have been meant."""
    listed = sorted(set(methods))
    near = get_close_matches(name, listed, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(listed) or 'none'}"
    return f"the canister has no method {name!r}; {hint}"
