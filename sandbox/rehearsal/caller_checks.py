"""Stage 4, callers: answers that changed, fail or cost more; updates (A03-A05, A07, Q05)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from sandbox.rehearsal.certification import without_certificates
from sandbox.rehearsal.findings import Fact, Severity
from sandbox.rehearsal.http_checks import is_page, page_changes
from sandbox.rehearsal.identity_checks import told_apart
from sandbox.rehearsal.ignoring import is_ignored
from sandbox.rehearsal.registry import finding, findings_of
from sandbox.rehearsal.structure import Change, changes, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sandbox.rehearsal.calling import Reader, Reading
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.viewing import View

Control: TypeAlias = "Callable[[], tuple[Reading, ...]]"
COSTLIER: Final = 1.2
# Below this a change of compiler makes more difference than a change of algorithm.
_WORTH_SAYING: Final = 10_000
_NO_METHOD: Final = "IC0536"


@dataclass(frozen=True, slots=True)
class ProbeDiff:
    """One probe before and after.

    changes: where the values differ, empty when they do not. is_expected: the answer after the
    upgrade is the one the plan expects, so that a difference is meant.
    """

    name: str
    before: str
    after: str
    failure: str
    changes: tuple[Change, ...]
    instructions: tuple[int, int]
    is_expected: bool = False

    @property
    def is_loss(self) -> bool:
        """Whether data seems to be lost."""
        return any(change.is_loss for change in self.changes)

    @property
    def is_same(self) -> bool:
        """Whether callers see no difference."""
        return not (self.changes or self.failure)

    @property
    def is_fine(self) -> bool:
        """Whether there is no difference but one that was expected."""
        return self.is_expected or self.is_same


def probe_diffs(
    reader: Reader, before: tuple[Reading, ...], after: tuple[Reading, ...]
) -> tuple[ProbeDiff, ...]:
    """Compare the probes that answered before; of the others nothing can be said."""
    return tuple(
        _compared(reader, old, new)
        for old, new in zip(before, after, strict=True)
        if old.data is not None
    )


def _compared(reader: Reader, old: Reading, new: Reading) -> ProbeDiff:
    assert old.data is not None, "probes that failed before are left out"
    value = without_certificates(reader.value(old.probe.method, old.data))
    costs = old.instructions, new.instructions
    if new.data is None:
        return ProbeDiff(old.name, shown(value), "", new.failure, (), costs)
    now = without_certificates(reader.value(old.probe.method, new.data))
    method = old.probe.method
    differing = changes(value, now) if old.data != new.data else ()
    differing = page_changes(old.name, differing) if is_page(old.name) else differing
    found = tuple(it for it in differing if not is_ignored(reader.ignore, method, it.path))
    return ProbeDiff(old.name, shown(value), shown(now), "", found, costs)


def check_callers(
    diffs: tuple[ProbeDiff, ...],
    before: View,
    after: View,
    identities: frozenset[str],
    control: Control,
) -> Iterator[Finding]:
    """Say what callers notice.

    identities: probes whose answers are identities.
    control: what the probes cost after an upgrade from the old module to itself. A heap that
        was just made is slower until it is used, and the new module is not to blame for that.
    """
    unmeant = tuple(diff for diff in diffs if not diff.is_expected)
    found, others = told_apart(unmeant, identities)
    lost = any(diff.is_loss for diff in others)
    yield from findings_of("A03", changed_values(others), Severity.FAILURE if lost else None)
    yield from found
    yield from findings_of(
        "A04", (Fact(it.name, it.before, it.failure) for it in unmeant if it.failure)
    )
    if any(_is_costlier(diff) for diff in diffs):
        fair = _against(diffs, control())
        yield from findings_of("A05", (_cost(diff) for diff in fair if _is_costlier(diff)))
    for old, new in zip(before.updates, after.updates, strict=True):
        is_gone = new.failure.startswith(_NO_METHOD)  # which S02 has said
        if old.data is not None and new.data is None and not is_gone:
            yield finding("Q05", Fact(f"{old.name} ()", "answers", new.failure))


def changed_values(diffs: Iterable[ProbeDiff], *, only_losses: bool = False) -> Iterator[Fact]:
    """Yield the values that differ, by probe and path."""
    for diff in diffs:
        for change in diff.changes:
            if change.is_loss or not only_losses:
                yield Fact(diff.name + change.path, change.before or "absent", change.after)


def _against(diffs: tuple[ProbeDiff, ...], control: tuple[Reading, ...]) -> list[ProbeDiff]:
    costs = {item.name: item.instructions for item in control if item.data is not None}
    return [
        replace(diff, instructions=(costs[diff.name], diff.instructions[1]))
        for diff in diffs
        if diff.name in costs
    ]


def _is_costlier(diff: ProbeDiff) -> bool:
    before, after = diff.instructions
    return diff.is_fine and after >= COSTLIER * before and after - before >= _WORTH_SAYING


def _cost(diff: ProbeDiff) -> Fact:
    before, after = diff.instructions
    more = f" ({after / before - 1:+.0%})" if before else ""
    return Fact(diff.name, f"{before:,} instructions", f"{after:,} instructions{more}")
