"""A rehearsal as plain values, for ``--json``; fields are added, never renamed or removed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from sandbox.rehearsal.forecasting import trends

if TYPE_CHECKING:
    from sandbox.limits import Limits
    from sandbox.rehearsal.caller_checks import ProbeDiff
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.growing import Curve
    from sandbox.rehearsal.layout import Layout
    from sandbox.rehearsal.profiling import UpgradeProfile
    from sandbox.rehearsal.rehearsal import Part, Picture, Rehearsal
    from sandbox.rehearsal.restoring import Return, Rollback
    from sandbox.rehearsal.upgrading import UpgradeRun

FORMAT: Final = 1
_MOST_FUNCTIONS: Final = 50


def rehearsal_as_dict(outcome: Rehearsal) -> dict[str, Any]:
    """Return all of a rehearsal as dictionaries, lists, strings and numbers."""
    back = outcome.rollback
    return {
        "format": FORMAT,
        "verdict": outcome.verdict,
        "ok": outcome.is_ok,
        "exit_code": outcome.exit_code,
        "limits": str(outcome.limits),
        "limits_profile": outcome.limits.summary(),
        "old_module": _module(outcome.old),
        "new_module": None if outcome.new is None else _module(outcome.new),
        "findings": [_finding(item) for item in outcome.findings],
        "upgrade": None if outcome.run is None else _run(outcome.run, outcome.limits),
        "probes": [_probe(item) for item in outcome.probes],
        "by_itself": [
            {"seconds": it.seconds, "ran": it.ran, "failed": it.failed} for it in outcome.soaks
        ],
        "stable_memory": [_layout(item) for item in outcome.layouts],
        "changed": [_picture(item) for item in outcome.pictures],
        "rollback": None if back is None else _rollback(back),
        "growth": None if outcome.growth is None else _growth(outcome.growth),
        "with_calls_in_flight": [
            {
                "call": it.call,
                "waits_for": list(it.waits_for),
                "refusal": it.refusal or None,
                "failed_replies": [fact._asdict() for fact in it.failures],
            }
            for it in outcome.flights
        ],
        "untried_methods": list(outcome.untried),
        "profiles": [_profile(item) for item in outcome.profiles],
    }


def _growth(curve: Curve) -> dict[str, Any]:
    return {
        "points": [
            {
                "factor": point.factor,
                "bytes_in_use": point.used_bytes,
                "rounds": point.rounds,
                **asdict(point.needs),
                "phases": dict(point.phases),
                "failure": point.failure or None,
            }
            for point in curve.points
        ],
        "ended": curve.ended or None,
        "forecast": [
            {
                "need": trend.need,
                "limit": trend.limit or None,
                "coefficients": list(trend.coefficients),
                "hits_at": trend.hits_at,
            }
            for trend in trends(curve)
        ],
    }


def _rollback(back: Rollback) -> dict[str, Any]:
    """Say how the taken snapshot loaded, as always, and the uploaded copy beside it."""
    return {
        "bytes_compared": back.bytes_compared,
        **_return(back.taken),
        "uploaded": _return(back.uploaded),
    }


def _return(back: Return) -> dict[str, Any]:
    return {
        "exact": back.is_exact,
        "failure": back.failure or None,
        "left": [fact._asdict() for fact in back.left],
        "by_itself": [fact._asdict() for fact in back.by_itself],
    }


def _module(part: Part) -> dict[str, Any]:
    return {"sha256": part.module_hash, "bytes": part.size_bytes}


def _finding(item: Finding) -> dict[str, Any]:
    return {
        "code": item.code,
        "severity": item.severity.value,
        "harm": item.harm.value,
        "title": item.title,
        "evidence": [fact._asdict() for fact in item.evidence],
        "advice": item.advice,
        "doc": item.doc,
    }


def _run(run: UpgradeRun, limits: Limits) -> dict[str, Any]:
    return {
        "succeeds": run.failure is None,
        "failed_in": run.failed_in or None,
        "failure": run.reason or None,
        "instructions": run.instructions,
        "instruction_limit": limits.install_instructions,
        "cycles": run.cycles,
        "phases": [
            {
                "name": stage.name,
                "instructions": stage.instructions,
                "heap_bytes": stage.heap_bytes,
                "stable_bytes": stage.stable_bytes,
                "stable_dirty_pages": stage.stable_dirty_pages,
            }
            for stage in run.stages
        ],
        "heap_bytes": list(run.heap_bytes),
        "stable_bytes": list(run.stable_bytes),
        "heap_kept": run.heap is not None,
    }


def _profile(item: UpgradeProfile) -> dict[str, Any]:
    """List the functions that cost most; the whole tree is for ``--profile FILE.json``."""
    costs = item.costs()
    return {
        "upgrade": item.upgrade,
        "instructions": item.instructions,
        "functions": [
            {
                "phase": it.phase,
                "name": it.function.name,
                "calls": it.function.calls,
                "own": it.function.own,
                "total": it.function.total,
                "share_of_phase": it.share,
            }
            for it in costs[:_MOST_FUNCTIONS]
        ],
        "functions_in_all": len(costs),
    }


def _probe(diff: ProbeDiff) -> dict[str, Any]:
    return {
        "probe": diff.name,
        "before": diff.before,
        "after": diff.after,
        "failure": diff.failure or None,
        "expected": diff.is_expected,
        "instructions": list(diff.instructions),
        "changes": [
            {"path": it.path, "before": it.before, "after": it.after, "loss": it.is_loss}
            for it in diff.changes
        ],
    }


def _layout(layout: Layout) -> dict[str, Any]:
    return {
        "bytes": layout.size_bytes,
        "kind": layout.kind,
        "bucket_pages": layout.bucket_pages or None,
        "parts": [
            {"id": part.number, "bytes": part.size_bytes, "structure": part.structure}
            for part in layout.parts
        ],
    }


def _picture(picture: Picture) -> dict[str, Any]:
    return {
        "memory": picture.name,
        "bytes": [picture.size_before, picture.size_after],
        "os_pages_changed": picture.pages_changed,
    }
