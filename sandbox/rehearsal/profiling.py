"""Which functions used up the instructions of an upgrade: it is run once more, with a profile.

That is done in a fork of its own, so that all the rehearsal measures is measured without; and
where somebody wants to know: when the instructions are found to be too many or nearly so (P02,
Q04), exceed a budget (E02), or the plan asks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from sandbox.profiling import Node, Profile
from sandbox.profiling.tree import printable
from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.promise_checks import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from sandbox.profiling import FunctionCost
    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.upgrading import UpgradeRun

THE_UPGRADE: Final = "the upgrade"
_TOO_MANY: Final = ("P02", "Q04")
_OVER_BUDGET: Final = "E02"
_OF_INSTRUCTIONS: Final = ": instructions"
_COMPILE: Final = "compile"  # the price of a size, in which no function runs
# With the finding's own facts, as many as the report for the terminal shows.
_MOST_NAMED: Final = 4
# What is cheaper is not worth a look: leaving it out changes nothing.
_WORTH: Final = 0.01
_MOST_LETTERS: Final = 120


class PhaseCost(NamedTuple):
    """What a function cost in one phase: ``pre_upgrade``, ``start``, ``post_upgrade``, ``init``.

    instructions: of the whole phase.
    """

    phase: str
    function: FunctionCost
    instructions: int

    @property
    def share(self) -> float:
        """Which part of the phase it used, the functions it called left out."""
        return self.function.own / (self.instructions or 1)

    @property
    def total_share(self) -> float:
        """Which part of the phase it used, with what it called."""
        return self.function.total / (self.instructions or 1)


@dataclass(frozen=True, slots=True)
class UpgradeProfile:
    """Which functions used up the instructions of one upgrade.

    upgrade: which one: ``the upgrade``, or what else was profiled.
    instructions: of all phases. Those of ``compile``, the price of the new module's size, are no
        function's, and not in the profile.
    """

    upgrade: str
    instructions: int
    profile: Profile

    @property
    def entries(self) -> Mapping[str, Node]:
        """The hooks that ran, by name, each with the functions below it."""
        found: dict[str, Node] = {}
        for canister in self.profile.root.below.values():  # no other runs in an upgrade
            found |= canister.below
        return found

    def costs(self) -> tuple[PhaseCost, ...]:
        """Return the functions of each phase, the most expensive (of their own) first."""
        found = [
            PhaseCost(name.removeprefix("canister_"), cost, node.total)
            for name, node in self.entries.items()
            for cost in self.profile.functions(entry=name)
        ]
        return tuple(sorted(found, key=lambda it: -it.function.own))


def explained(
    bench: Bench,
    found: Iterable[Finding],
    again: Callable[[], UpgradeRun],
    progress: Callable[[str], None],
    *,
    upgrade: str = THE_UPGRADE,
    always: bool = False,
) -> tuple[list[Finding], tuple[UpgradeProfile, ...]]:
    """Name the functions in findings about an upgrade's instructions; return its profile, too.

    again: does the upgrade once more. always: profile it even if there is no such finding.
    """
    listed = list(found)
    if not always and not any(_phases(item) for item in listed):
        return listed, ()
    progress(f"{upgrade}, function by function")
    with bench.fork(), bench.ic.profile() as collecting:
        run = again()
    profile = UpgradeProfile(upgrade, run.instructions, Profile(collecting.root))
    return [_with_functions(item, profile) for item in listed], (profile,)


def dearest(
    profile: UpgradeProfile, phases: Container[str] = frozenset({WHOLE}), *, among: int = 0
) -> tuple[Fact, ...]:
    """Name the few functions that cost most.

    phases: of these only. among: the instructions to which theirs must make a difference; 0 is
    those of all functions in these phases.
    """
    costs = [it for it in profile.costs() if WHOLE in phases or it.phase in phases]
    least = _WORTH * (among or sum(it.function.own for it in costs))
    worth = [it for it in costs if it.function.own >= max(least, 1)]
    return tuple(_fact(it) for it in worth[:_MOST_NAMED])


def joined(parts: Iterable[tuple[str, Profile | None]]) -> Profile | None:
    """Return one profile of several upgrades, each under its name; None when there is none."""
    root = Node("all")
    for name, profile in parts:
        if profile is not None:
            top = root.child(_another(printable(name), root))
            for canister in profile.root.below.values():
                top.below |= canister.below
    return Profile(root) if root.below else None


def _another(name: str, root: Node) -> str:
    """Return a name that is not there yet: steps may be called the same."""
    number, found = 1, name
    while found in root.below:
        number += 1
        found = f"{name} ({number})"
    return found


def _with_functions(item: Finding, profile: UpgradeProfile) -> Finding:
    phases = _phases(item)
    if not phases:
        return item
    named = dearest(profile, phases, among=profile.instructions if WHOLE in phases else 0)
    if not named:
        said = f"{profile.profile.instructions:,} instructions; the others are {_COMPILE}'s"
        named = (Fact("all functions", "", said),)
    return replace(item, evidence=(*item.evidence, *named))


def _phases(item: Finding) -> frozenset[str]:
    """Return the phases whose instructions a finding is about; empty when about others."""
    if item.code in _TOO_MANY:
        return frozenset({WHOLE})
    if item.code != _OVER_BUDGET:
        return frozenset()
    names = (fact.what for fact in item.evidence)
    over = {it.removesuffix(_OF_INSTRUCTIONS) for it in names if it.endswith(_OF_INSTRUCTIONS)}
    return frozenset(over - {_COMPILE})


def _fact(item: PhaseCost) -> Fact:
    cost = item.function
    said = f"{cost.own:,} instructions, {item.share:.1%} of {item.phase}"
    if cost.total != cost.own:
        said += f" ({item.total_share:.1%} with what it called)"
    return Fact(f"{item.phase}: {shortened(cost.name)}", "", said)


def shortened(name: str) -> str:
    """Return a function's name as long as a line of a report has room for."""
    return name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…"
