"""``Rehearsal``: everything a rehearsal found out, and the verdict on one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.rehearsal.findings import Severity
from sandbox.rehearsal.profiling import THE_UPGRADE

if TYPE_CHECKING:
    from sandbox.limits import Limits
    from sandbox.profiling import Profile
    from sandbox.rehearsal.caller_checks import ProbeDiff
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.flight_checks import Flight
    from sandbox.rehearsal.growing import Curve
    from sandbox.rehearsal.layout import Layout
    from sandbox.rehearsal.profiling import UpgradeProfile
    from sandbox.rehearsal.restoring import Return, Rollback
    from sandbox.rehearsal.upgrading import UpgradeRun
    from sandbox.rehearsal.viewing import Soak
    from snapshot.insight import Cell

_WHOLE_UPGRADE = ("UPGRADE WOULD SUCCEED", "UPGRADE WOULD FAIL")


@dataclass(frozen=True, slots=True)
class Part:
    """One module of the two: its SHA-256 and its size in bytes."""

    module_hash: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Picture:
    """What an upgrade changed of a memory, as cells of equal size."""

    name: str
    size_before: int
    size_after: int
    pages_changed: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The outcome of a rehearsal.

    findings: worst first, then in the order of the stages.
    run: the upgrade; None when the module was refused before.
    soaks, layouts: before and after; what runs by itself, and stable memory.
    rollback: None when there was nothing to roll back. untried: methods no check could use.
    growth: None when it was not asked for. flights: upgrades during calls of the traffic.
    profiles: the functions of upgrades whose instructions were looked into; see ``profile``.
    limits: the profile in force, with ``install_instructions`` for a whole upgrade.
    """

    old: Part
    new: Part | None
    findings: tuple[Finding, ...]
    limits: Limits
    run: UpgradeRun | None = None
    probes: tuple[ProbeDiff, ...] = ()
    soaks: tuple[Soak, ...] = ()
    layouts: tuple[Layout, ...] = ()
    pictures: tuple[Picture, ...] = ()
    rollback: Rollback | None = None
    growth: Curve | None = None
    flights: tuple[Flight, ...] = ()
    untried: tuple[str, ...] = ()
    profiles: tuple[UpgradeProfile, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Whether the upgrade would succeed and nothing found is a failure."""
        return self.succeeds and not self.of(Severity.FAILURE)

    @property
    def exit_code(self) -> int:
        """0 when all is well, 1 when it is not."""
        return int(not self.is_ok)

    @property
    def profile(self) -> Profile | None:
        """Which functions used up the upgrade's instructions.

        None unless the plan asked, or they are too many or nearly so (P02, Q04, E02).
        """
        found = (it.profile for it in self.profiles if it.upgrade == THE_UPGRADE)
        return next(found, None)

    @property
    def codes(self) -> frozenset[str]:
        """The codes found."""
        return frozenset(item.code for item in self.findings)

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """Return the findings of one severity."""
        return tuple(item for item in self.findings if item.severity is severity)

    @property
    def verdict(self) -> str:
        """The outcome on one line."""
        return "; ".join([self._upgrade(), *self._ways_back()])

    @property
    def succeeds(self) -> bool:
        """Whether the upgrade as such would go through."""
        return self.run is not None and self.run.failure is None

    def _upgrade(self) -> str:
        failures, warnings = self.of(Severity.FAILURE), self.of(Severity.WARNING)
        counted = [
            f"{len(found)} {word}{'s' * (len(found) != 1)} ({', '.join(_codes(found))})"
            for found, word in ((failures, "failure"), (warnings, "warning"))
            if found
        ]
        head = _WHOLE_UPGRADE[not self.succeeds]
        if self.succeeds and failures:
            head = f"{head}, AND DO HARM"
        return f"{head} - {', '.join(counted)}" if counted else head

    def _ways_back(self) -> list[str]:
        if self.rollback is None:
            return []
        timer = " BUT FOR THE TIMER (R02)" if "R02" in self.codes else ""
        taken, uploaded = self.rollback.taken, self.rollback.uploaded
        parts = [f"ROLLBACK BY SNAPSHOT {_how(taken)}{timer * taken.is_exact}"]
        if taken.is_exact and not uploaded.is_exact:
            parts.append(f"FROM AN UPLOADED COPY IT {_how(uploaded)}")
        if "R01" in self.codes:
            parts.append("NO WAY BACK BY DOWNGRADE (R01)")
        return parts


def _how(back: Return) -> str:
    if back.failure:
        return "IS REFUSED"
    return "OK" if back.is_exact else "DOES NOT RESTORE THE STATE"


def _codes(found: tuple[Finding, ...]) -> list[str]:
    return list(dict.fromkeys(item.code for item in found))
