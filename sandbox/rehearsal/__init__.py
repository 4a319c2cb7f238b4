"""Rehearse an upgrade and its rollback on real state, and say what would go wrong.

from sandbox.rehearsal import Plan, rehearse

outcome = rehearse("./snapshot-directory", "new.wasm", Plan(argument="()"))
print(outcome.verdict)
for finding in outcome.findings:
    print(finding.code, finding.title, finding.evidence)
"""

from sandbox.rehearsal.chain import Chain, Member, rehearse_chain
from sandbox.rehearsal.findings import Entry, Fact, Finding, Harm, Severity
from sandbox.rehearsal.matrix import Matrix, Version, rehearse_matrix
from sandbox.rehearsal.pipeline import rehearse
from sandbox.rehearsal.plan import (
    Acceptance,
    Budget,
    Call,
    FromCanister,
    FromDirectory,
    FromModule,
    FromStore,
    FromWorld,
    Growth,
    Migration,
    Plan,
    PlanRefused,
    Step,
)
from sandbox.rehearsal.planfile import PlanInvalid, Script, read_plan
from sandbox.rehearsal.registry import REGISTRY, entry
from sandbox.rehearsal.rehearsal import Rehearsal

__all__ = [
    "REGISTRY",
    "Acceptance",
    "Budget",
    "Call",
    "Chain",
    "Entry",
    "Fact",
    "Finding",
    "FromCanister",
    "FromDirectory",
    "FromModule",
    "FromStore",
    "FromWorld",
    "Growth",
    "Harm",
    "Matrix",
    "Member",
    "Migration",
    "Plan",
    "PlanInvalid",
    "PlanRefused",
    "Rehearsal",
    "Script",
    "Severity",
    "Step",
    "Version",
    "entry",
    "read_plan",
    "rehearse",
    "rehearse_chain",
    "rehearse_matrix",
]
