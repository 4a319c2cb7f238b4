"""Several upgrades one after the other: of one canister through its versions, or of several
canisters that call each other.

Each step is rehearsed on what the steps before it left, is judged, and then done; between two
steps the plan's traffic runs, so that a version finds what the one before it wrote. After the
first step whose upgrade would fail, nothing more can be said.
"""  # noqa: D205 - one sentence

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sandbox.candid.errors import CandidError
from sandbox.errors import CanisterRejected, ModuleRefused
from sandbox.rehearsal.bench import bench_of
from sandbox.rehearsal.calling import send
from sandbox.rehearsal.mixture_checks import check_mixture, mixture
from sandbox.rehearsal.pipeline import rehearse_on
from sandbox.rehearsal.plan import Plan, PlanRefused
from sandbox.rehearsal.profiling import joined
from sandbox.rehearsal.starting import begun, ground
from sandbox.rehearsal.upgrading import planned
from sandbox.rehearsal.weighing import ordered, weighed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sandbox.engine import Compiler
    from sandbox.profiling import Profile
    from sandbox.rehearsal.bench import Base
    from sandbox.rehearsal.plan import Start, Step
    from sandbox.rehearsal.rehearsal import Rehearsal
    from sandbox.sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class Member:
    """One canister of a group: where it starts, and its plan."""

    start: Start
    plan: Plan = field(default_factory=Plan)


@dataclass(frozen=True, slots=True)
class Chain:
    """What became of the steps. untried: those after one whose upgrade would fail."""

    steps: tuple[tuple[Step, Rehearsal], ...]
    untried: tuple[Step, ...] = ()

    @property
    def parts(self) -> tuple[tuple[str, Rehearsal], ...]:
        """The steps' rehearsals by name."""
        return tuple((name_of(step), outcome) for step, outcome in self.steps)

    @property
    def profile(self) -> Profile | None:
        """The profiles of the steps, each under its name; None when no step has one."""
        return joined((name, outcome.profile) for name, outcome in self.parts)

    @property
    def is_ok(self) -> bool:
        """Whether every step would do well."""
        return not self.untried and all(outcome.is_ok for _, outcome in self.steps)

    @property
    def exit_code(self) -> int:
        """0 when all is well, 1 when it is not."""
        return int(not self.is_ok)

    @property
    def verdict(self) -> str:
        """The outcome on one line."""
        count = len(self.steps) + len(self.untried)
        if self.is_ok:
            return f"ALL {count} STEPS WOULD DO WELL"
        good = sum(outcome.is_ok for _, outcome in self.steps)
        bad = ", ".join(name for name, outcome in self.parts if not outcome.is_ok)
        left = f"; {len(self.untried)} not reached" if self.untried else ""
        return f"{good} OF {count} STEPS WOULD DO WELL - not {bad}{left}"


def rehearse_chain(
    members: Mapping[str, Member],
    steps: Sequence[Step],
    *,
    compiler: Compiler | None = None,
    progress: Callable[[str], None] = lambda _stage: None,
) -> Chain:
    """Rehearse upgrades in their order.

    members: the canisters by name; for one canister the name may be empty. Each step names
        its canister. The limits are those of the first member's plan.

    The starts are afterwards as they were.
    Raises: as ``rehearse``.
    """
    for number, step in enumerate(steps):
        if step.canister not in members:
            reason = f"there is no canister {step.canister!r}; there are {', '.join(members)}"
            raise PlanRefused(f"steps[{number}].canister", reason)
    starts, (first, *_) = [it.start for it in members.values()], members.values()
    progress("import")
    with ground(starts, first.plan.limits, compiler) as ic:
        bases = {name: _begun(ic, name, member) for name, member in members.items()}
        if len(bases) > 1:  # none of them could be made again without the others
            bases = {name: replace(it, start=None) for name, it in bases.items()}
        methods = {name: _methods(base, name, steps) for name, base in bases.items()}
        group = _Group(dict(members), bases, methods)
        judged = []
        for number, step in enumerate(steps):
            outcome = group.went(number, step, progress)
            judged.append((step, outcome))
            if not outcome.succeeds:
                return Chain(tuple(judged), tuple(steps[number + 1 :]))
        return Chain(tuple(judged))


@dataclass(frozen=True, slots=True)
class _Group:
    """The canisters as the steps so far left them. methods: of all versions of each."""

    members: dict[str, Member]
    bases: dict[str, Base]
    methods: Mapping[str, frozenset[str]]

    def went(self, number: int, step: Step, progress: Callable[[str], None]) -> Rehearsal:
        """Judge a step and, when it would succeed, do it and let the traffic run."""
        outcome = self._judged(number, step, progress)
        if not outcome.succeeds:
            return outcome
        mixed = mixture(self._all) if len(self.members) > 1 else None
        self._upgrade(step)
        if mixed is not None:
            progress(f"{name_of(step)}: the group at mixed versions")
            plans = {name: member.plan for name, member in self.members.items()}
            found = check_mixture(mixed, mixture(self._all, mixed), plans)
            listed = ordered((*outcome.findings, *weighed(self._plan(step), found)))
            outcome = replace(outcome, findings=listed)
        self._run_traffic()
        return outcome

    def _judged(self, number: int, step: Step, progress: Callable[[str], None]) -> Rehearsal:
        base, plan = self.bases[step.canister], self._plan(step)
        named = f"{name_of(step)}: "
        try:
            with base.ic.anchor():
                return rehearse_on(
                    base,
                    step.module,
                    plan,
                    lambda stage: progress(named + stage),
                    elsewhere=self.methods[step.canister],
                )
        except PlanRefused as refusal:
            raise refusal.within(_place(number, step, refusal.place)) from refusal

    def _upgrade(self, step: Step) -> None:
        base = self.bases[step.canister]
        new = base.ic.world.loader.load(step.module)
        planned(bench_of(base, self._plan(step), new))
        self.bases[step.canister] = replace(base, missing=(), start=None)

    def _run_traffic(self) -> None:
        for name, member in self.members.items():
            # A copy is of the state before all steps.
            plan = replace(member.plan, safety_copy=None)
            self.members[name] = replace(member, plan=plan)
            for call in member.plan.traffic:
                # What a call says is the rehearsals' matter; here it only leaves data behind.
                with suppress(CanisterRejected, CandidError):
                    send(self.bases[name].canister, call)

    @property
    def _all(self) -> dict[str, tuple[Base, Plan]]:
        return {name: (self.bases[name], member.plan) for name, member in self.members.items()}

    def _plan(self, step: Step) -> Plan:
        return replace(
            self.members[step.canister].plan,
            argument=step.argument,
            persistence=step.persistence,
            mode=step.mode,
        )


def _begun(ic: Sandbox, name: str, member: Member) -> Base:
    try:
        return begun(ic, member.start, member.plan)
    except PlanRefused as refusal:
        raise refusal.within(_in_group(name, refusal.place)) from refusal


def _methods(base: Base, name: str, steps: Sequence[Step]) -> frozenset[str]:
    """Return the methods of all versions of a canister that can be loaded."""
    modules = [base.ic.world.existing(base.canister.id).state.module]
    for step in steps:
        if step.canister == name:
            with suppress(ModuleRefused):  # which is a finding of its step
                modules.append(base.ic.world.loader.load(step.module))
    return frozenset(method for it in modules if it is not None for method in it.methods)


def _place(number: int, step: Step, place: str) -> str:
    if place == "argument":
        return f"steps[{number}].argument"
    return _in_group(step.canister, place)


def _in_group(name: str, place: str) -> str:
    return f"canisters.{name}.{place}" if name else place


def name_of(step: Step) -> str:
    """Return what to call a step."""
    name = step.name or "the new module"
    return f"{step.canister} to {name}" if step.canister else name
