"""Stage 4, identities: principals and keys that an upgrade must not change (A07).

What a canister derives from a salt or a key of its own (its users' principals, addresses of
its subaccounts) is theirs for ever; a value of that kind that changes is data lost, however
whole it looks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.rehearsal.findings import Fact, Severity
from sandbox.rehearsal.registry import findings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.caller_checks import ProbeDiff
    from sandbox.rehearsal.findings import Finding


def told_apart(
    diffs: tuple[ProbeDiff, ...], marked: frozenset[str]
) -> tuple[list[Finding], list[ProbeDiff]]:
    """Return what became of identities, and the differences without those.

    marked: the probes that the plan calls identities. Elsewhere principals are held for one,
    and keys where they are all that changed: a hash of changed data is no identity.
    """
    named = [diff for diff in diffs if diff.name in marked]
    others = [diff for diff in diffs if diff.name not in marked]
    rest = [_only(diff, is_identity=False) for diff in others]
    if any(change.is_loss or not change.is_key for diff in rest for change in diff.changes):
        suspects = [_only(diff, is_identity=True) for diff in others]
    else:
        suspects, rest = others, [replace(diff, changes=()) for diff in others]
    is_certain = any(diff.changes for diff in named)
    severity = None if is_certain else Severity.WARNING
    found = findings_of("A07", _changed([*named, *suspects]), severity)
    return found, [*rest, *(replace(diff, changes=()) for diff in named)]


def _only(diff: ProbeDiff, *, is_identity: bool) -> ProbeDiff:
    kept = (change for change in diff.changes if change.is_principal is is_identity)
    return replace(diff, changes=tuple(kept))


def _changed(diffs: list[ProbeDiff]) -> Iterator[Fact]:
    for diff in diffs:
        for change in diff.changes:
            yield Fact(diff.name + change.path, change.before or "absent", change.after)
