"""``rehearse``: the stages of a rehearsal in their order, each in a fork of one base.

A stage that needs the upgrade to succeed is left out when it does not; what is known by
then is reported all the same.
"""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.errors import ModuleRefused, UsageError
from sandbox.interface import interface_of
from sandbox.rehearsal.argument_checks import check_arguments, variants
from sandbox.rehearsal.bench import Base, Bench, bench_of
from sandbox.rehearsal.caller_checks import check_callers, probe_diffs
from sandbox.rehearsal.calling import Reader
from sandbox.rehearsal.certification import certifying
from sandbox.rehearsal.copy_checks import check_copy
from sandbox.rehearsal.flight_checks import check_flights, flights
from sandbox.rehearsal.forecasting import check_growth
from sandbox.rehearsal.guard_checks import check_guards
from sandbox.rehearsal.http_checks import check_certification
from sandbox.rehearsal.interface_checks import check_interfaces
from sandbox.rehearsal.layout_checks import check_layout
from sandbox.rehearsal.life_checks import check_life, check_status
from sandbox.rehearsal.migration_checks import check_migration
from sandbox.rehearsal.module_checks import check_mode, check_modules, refused
from sandbox.rehearsal.phase_checks import check_phases
from sandbox.rehearsal.pictures import pictures
from sandbox.rehearsal.plan import FromDirectory, Plan
from sandbox.rehearsal.plan_checks import check_codes, checked
from sandbox.rehearsal.profiling import explained
from sandbox.rehearsal.promise_checks import (
    answers_of,
    as_expected,
    check_answers,
    check_budgets,
)
from sandbox.rehearsal.registry import findings_of
from sandbox.rehearsal.rehearsal import Part, Rehearsal
from sandbox.rehearsal.release_checks import NEXT, check_skipping, next_release
from sandbox.rehearsal.restoring import roll_back
from sandbox.rehearsal.rollback_checks import control, downgrade
from sandbox.rehearsal.runbook import check_runbook
from sandbox.rehearsal.spreading import curve
from sandbox.rehearsal.starting import base
from sandbox.rehearsal.stop_checks import check_stopping
from sandbox.rehearsal.tail_checks import check_tails
from sandbox.rehearsal.upgrading import MODES, UpgradeRun, planned, upgrade
from sandbox.rehearsal.variables import check_variables
from sandbox.rehearsal.viewing import View, probes_of, view
from sandbox.rehearsal.weighing import out_of_date, weighed
from sandbox.rehearsal.write_checks import check_writes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sandbox.engine import Compiler
    from sandbox.execution.modules import InstalledModule, Source
    from sandbox.rehearsal.caller_checks import ProbeDiff
    from sandbox.rehearsal.calling import Probe
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.flight_checks import Flight
    from sandbox.rehearsal.growing import Curve
    from sandbox.rehearsal.plan import Start
    from sandbox.rehearsal.profiling import UpgradeProfile
    from sandbox.rehearsal.restoring import Rollback

_DEFAULT = Plan()


def rehearse(
    start: Start | str | PathLike[str],
    new_module: Source,
    plan: Plan = _DEFAULT,
    *,
    compiler: Compiler | None = None,
    progress: Callable[[str], None] = lambda _stage: None,
) -> Rehearsal:
    """Rehearse the upgrade of a canister to a new module, and the way back.

    start: ``FromModule``, ``FromCanister``, ``FromWorld``, ``FromStore``, or a snapshot directory
        as dfx and icp-cli write it.
    plan: argument, probes, traffic, limits. progress: told the stage that begins.

    The start is afterwards as it was; nothing is written anywhere.
    Raises: UsageError, CandidError, CanisterRejected, DirectoryRefused when the start or the
        plan makes no sense. What the *upgrade* does wrong is a finding.
    """
    where = FromDirectory(Path(fspath(start))) if isinstance(start, str | PathLike) else start
    progress("import")
    with base(where, plan, compiler) as found:
        return rehearse_on(found, new_module, plan, progress)


def rehearse_on(
    found: Base,
    new_module: Source,
    plan: Plan,
    progress: Callable[[str], None],
    *,
    elsewhere: frozenset[str] = frozenset(),
) -> Rehearsal:
    """Rehearse on a base that is there; only in an anchor of the caller's is it unchanged.

    elsewhere: methods of other versions, which the plan may speak of.

    Raises: as ``rehearse``.
    """
    check_codes(plan)
    if plan.mode not in MODES:
        raise UsageError(f"mode is one of {', '.join(MODES)}, not {plan.mode!r}")
    old = found.ic.world.existing(found.canister.id).state.module
    if old is None:
        raise UsageError(f"canister {found.canister.id} is empty: there is nothing to upgrade")
    findings = findings_of("R07", found.missing)
    try:
        new = found.ic.world.loader.load(new_module)
    except ModuleRefused as error:
        return _report(found, plan, old, [*findings, refused(error)])
    did = found.ic.interfaces.get(found.canister.id)
    reader = Reader(interface_of(old, did), interface_of(new, did), frozenset(plan.ignore))
    bench = bench_of(found, checked(plan, reader, elsewhere), new)
    with certifying(found.ic):
        return _rehearsed(bench, reader, found, findings, progress)


def _rehearsed(
    bench: Bench,
    reader: Reader,
    found: Base,
    findings: list[Finding],
    progress: Callable[[str], None],
) -> Rehearsal:
    plan, old, new = bench.plan, bench.old, bench.new
    findings += _looked_over(bench, reader, progress)
    probes = probes_of(bench, reader)
    before = view(bench, probes)
    progress("the upgrade")
    capture = bench.runtime.capture()
    with bench.fork():
        run = planned(bench)
        spent = [*check_phases(bench, run), *check_budgets(plan, run)]
        later = bench.runtime.capture()
        drawn = pictures(capture, later, run)
        findings += check_tails(capture.stable, later.stable)
        after = view(bench, probes) if run.failure is None else None
        if after is not None:
            followed, profiles = _next_and_back(bench, reader, before, after, progress)
            findings += followed
    progress("arguments")
    findings += check_arguments(reader, variants(bench, probes))
    if after is None:
        spent, profiles = _explained(bench, spent, progress)
        findings, layouts = [*spent, *findings], (before.layout,)
        return _report(
            found, plan, old, findings, new=new, run=run, layouts=layouts, profiles=profiles
        )
    answers = answers_of(plan, reader, after.probes)
    diffs = tuple(as_expected(answers, probe_diffs(reader, before.probes, after.probes)))
    findings += check_answers(plan, answers)
    findings += _compared(bench, reader, before, after, diffs)
    progress("timers and certified data")
    findings += check_life(bench, reader, before, after)
    findings += check_skipping(bench, reader, before)
    findings += _wished(bench, reader, probes, progress)
    growth, flown, rollback = _strained(bench, reader, before, progress)
    spent += () if growth is None else check_growth(growth)
    spent, own = _explained(bench, spent, progress)
    findings = [*spent, *findings, *check_flights(flown), *rollback.findings]
    return _report(
        found,
        plan,
        old,
        findings,
        new=new,
        run=run,
        probes=diffs,
        soaks=(before.soak, after.soak),
        layouts=(before.layout, after.layout),
        pictures=drawn,
        rollback=rollback,
        growth=growth,
        flights=flown,
        untried=_untried(before),
        profiles=(*own, *profiles),
    )


def _looked_over(
    bench: Bench, reader: Reader, progress: Callable[[str], None]
) -> Iterator[Finding]:
    """Look at all that is there before anything is upgraded."""
    progress("modules and interfaces")
    yield from check_mode(bench)
    yield from check_modules(bench.old, bench.new, bench.plan.persistence)
    yield from check_interfaces(bench.old, bench.new)
    progress("the canister as it is")
    yield from check_status(bench)
    yield from check_stopping(bench, reader)
    yield from check_copy(bench)


def _compared(
    bench: Bench, reader: Reader, before: View, after: View, diffs: tuple[ProbeDiff, ...]
) -> Iterator[Finding]:
    """Compare the canister before and after the upgrade, as callers see it and inside."""
    yield from check_certification(reader, before, after)
    yield from check_layout(before.layout, after.layout)
    yield from check_variables(bench, before.variables, after.variables)
    identities = frozenset(map(str, bench.plan.identities))
    probes = tuple(reading.probe for reading in before.probes)
    yield from check_callers(diffs, before, after, identities, lambda: control(bench, probes))


def _next_and_back(
    bench: Bench, reader: Reader, before: View, after: View, progress: Callable[[str], None]
) -> tuple[list[Finding], tuple[UpgradeProfile, ...]]:
    """Look at what can follow a successful upgrade: the next release, and the one before."""
    progress("the next release")
    with bench.fork():
        following = next_release(bench, reader, after).findings

    def again() -> UpgradeRun:
        return upgrade(bench, bench.new.raw, bench.argument)

    found, profiles = explained(bench, following, again, progress, upgrade=NEXT)
    known = {item.code for item in found}
    found += [item for item in check_writes(bench, reader, after) if item.code not in known]
    progress("the downgrade")
    with bench.fork():
        found += downgrade(bench, reader, before)
    return found, profiles


def _explained(
    bench: Bench, spent: list[Finding], progress: Callable[[str], None]
) -> tuple[list[Finding], tuple[UpgradeProfile, ...]]:
    """Name the functions in what was found about the upgrade's instructions."""
    return explained(bench, spent, lambda: planned(bench), progress, always=bench.plan.profile)


def _wished(
    bench: Bench, reader: Reader, probes: tuple[Probe, ...], progress: Callable[[str], None]
) -> Iterator[Finding]:
    """Do what only a plan can ask for, where the upgrade succeeds."""
    yield from check_guards(bench, reader)
    if bench.plan.migrated is not None:
        progress("the migration")
        yield from check_migration(bench, reader, probes)
    yield from check_runbook(bench)


def _strained(
    bench: Bench, reader: Reader, before: View, progress: Callable[[str], None]
) -> tuple[Curve | None, tuple[Flight, ...], Rollback]:
    """Upgrade a larger state, during calls, and with a way back."""
    growth = None if bench.plan.growth is None else curve(bench, bench.plan.growth, progress)
    progress("the upgrade with calls in flight")
    flown = flights(bench, reader)
    progress("rollback")
    probes = tuple(reading.probe for reading in before.probes)
    return growth, flown, roll_back(bench, reader, probes, before)


def _untried(before: View) -> tuple[str, ...]:
    """Return the methods that answered no call of ours, so that nothing is known of them."""
    return tuple(it.probe.method for it in (*before.probes, *before.updates) if it.data is None)


def _report(
    found: Base,
    plan: Plan,
    old: InstalledModule,
    findings: Iterable[Finding],
    *,
    new: InstalledModule | None = None,
    **parts: object,
) -> Rehearsal:
    return Rehearsal(
        Part(old.module_hash.hex(), len(old.raw)),
        None if new is None else Part(new.module_hash.hex(), len(new.raw)),
        weighed(plan, [*findings, *out_of_date(plan)]),
        found.ic.limits,
        **parts,  # type: ignore[arg-type]  # passed through from two calls above
    )
