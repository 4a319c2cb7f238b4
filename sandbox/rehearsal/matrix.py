"""Every version to every other: which upgrades, also those that skip a version, would do well,
and which ways back.

Each hop starts from a canister of the version it leaves, with that version's own state, and is
a rehearsal of its own; the hops run on all cores.
"""  # noqa: D205 - one sentence

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations
from typing import TYPE_CHECKING

from sandbox.candid.errors import CandidError
from sandbox.errors import SandboxError, UsageError
from sandbox.rehearsal.parallel import WorkerLost, in_parallel
from sandbox.rehearsal.pipeline import rehearse_on
from sandbox.rehearsal.plan import BY_DOWNGRADE, FromCanister, FromWorld, PlanRefused
from sandbox.rehearsal.profiling import joined
from sandbox.rehearsal.starting import base
from sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sandbox.profiling import Profile
    from sandbox.rehearsal.parallel import Progress
    from sandbox.rehearsal.plan import Plan, Start, Step
    from sandbox.rehearsal.rehearsal import Rehearsal


@dataclass(frozen=True, slots=True)
class Version:
    """One version. start: a canister of it; step: the upgrade to it, with its name."""

    start: Start
    step: Step

    @property
    def name(self) -> str:
        """What it is called."""
        return self.step.name


@dataclass(frozen=True, slots=True)
class Hop:
    """What one rehearsal of a matrix needs. elsewhere: methods of the other versions."""

    start: Start
    step: Step
    plan: Plan
    elsewhere: frozenset[str]


@dataclass(frozen=True, slots=True)
class Matrix:
    """What became of the hops.

    names: of the versions, oldest first. cells: by the numbers of the versions left and come
    to; a text says why a hop could not begin. counts_back: whether hops to older versions must
    do well, too.
    """

    names: tuple[str, ...]
    cells: Mapping[tuple[int, int], Rehearsal | str]
    counts_back: bool = False

    @property
    def parts(self) -> tuple[tuple[str, Rehearsal | str], ...]:
        """The hops by name."""
        return tuple((self.hop_name(*hop), found) for hop, found in self.cells.items())

    @property
    def profile(self) -> Profile | None:
        """The profiles of the hops, each under its name; None when no hop has one."""
        return joined(
            (name, found.profile) for name, found in self.parts if not isinstance(found, str)
        )

    @property
    def is_ok(self) -> bool:
        """Whether every upgrade would do well, and every downgrade if they count."""
        return not self._bad(self.cells if self.counts_back else self._ups)

    @property
    def exit_code(self) -> int:
        """0 when all is well, 1 when it is not."""
        return int(not self.is_ok)

    @property
    def verdict(self) -> str:
        """The outcome on one line."""
        counted = [("UPGRADES", self._ups), ("DOWNGRADES", self._downs)]
        return "; ".join(self._told(what, hops) for what, hops in counted if hops)

    def hop_name(self, old: int, new: int) -> str:
        """Return what to call a hop."""
        return f"{self.names[old]} to {self.names[new]}"

    @property
    def _ups(self) -> list[tuple[int, int]]:
        return [hop for hop in self.cells if hop[0] < hop[1]]

    @property
    def _downs(self) -> list[tuple[int, int]]:
        return [hop for hop in self.cells if hop[0] > hop[1]]

    def _bad(self, hops: Iterable[tuple[int, int]]) -> list[str]:
        return [self.hop_name(*hop) for hop in hops if not does_well(self.cells[hop])]

    def _told(self, what: str, hops: list[tuple[int, int]]) -> str:
        bad = self._bad(hops)
        if not bad:
            which = f"ALL {len(hops)} {what}" if len(hops) > 1 else f"THE {what.removesuffix('S')}"
            return f"{which} WOULD DO WELL"
        good = f"{len(hops) - len(bad)} OF {len(hops)} {what} WOULD DO WELL"
        return f"{good} - not {', '.join(bad)}"


def does_well(found: Rehearsal | str) -> bool:
    """Whether a hop could begin and nothing in it fails."""
    return not isinstance(found, str) and found.is_ok


def rehearse_matrix(
    versions: Sequence[Version],
    plan: Plan,
    *,
    newest_only: bool = False,
    workers: int | None = None,
    told: Callable[[Progress], None] = lambda _progress: None,
) -> Matrix:
    """Rehearse the hops between versions, oldest first, on all cores.

    newest_only: only those to and from the last. workers, told: see ``in_parallel``.

    Raises: UsageError, PlanRefused when the versions or the plan make no sense; WorkerLost.
    """
    if len(versions) < 2:
        raise UsageError("a matrix takes two versions or more")
    if any(isinstance(it.start, FromCanister) for it in versions):
        raise UsageError("a canister of a sandbox cannot be sent to other processes; save it first")
    if plan.safety_copy is not None:
        raise PlanRefused("safety_copy", "it is of one state, and every version has its own")
    last = len(versions) - 1
    hops = [hop for hop in permutations(range(len(versions)), 2) if not newest_only or last in hop]
    methods = _methods(versions)
    inputs = [_hop(versions[old], versions[new], plan, methods) for old, new in hops]
    found = in_parallel(hopped, inputs, workers=workers, told=told)
    names = tuple(version.name for version in versions)
    return Matrix(names, dict(zip(hops, found, strict=True)), BY_DOWNGRADE in plan.rollback)


def hopped(hop: Hop) -> Rehearsal | str:
    """Rehearse one hop; say why if it cannot begin. Called in worker processes."""
    step = hop.step
    plan = replace(hop.plan, argument=step.argument, persistence=step.persistence, mode=step.mode)
    try:
        with base(hop.start, plan, None) as found:
            return rehearse_on(found, step.module, plan, _unheard, elsewhere=hop.elsewhere)
    except (PlanRefused, WorkerLost):
        raise
    except (SandboxError, CandidError) as error:
        return str(error)


def _hop(old: Version, new: Version, plan: Plan, methods: frozenset[str]) -> Hop:
    start = old.start
    if isinstance(start, FromWorld):
        start = replace(start, waiting=None)  # nobody can be told from another process
    return Hop(start, new.step, plan, methods)


def _methods(versions: Sequence[Version]) -> frozenset[str]:
    """Return the methods of all versions; one that cannot be loaded is a finding of its hops."""
    with Sandbox() as ic:
        modules = [ic.world.loader.peek(version.step.module) for version in versions]
        return frozenset(name for it in modules if it is not None for name in it.methods)


def _unheard(_stage: str) -> None:
    """Take no notice: stages of several hops at once tell nobody anything."""
