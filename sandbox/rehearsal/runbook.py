"""Stage 5, the runbook: the steps somebody is going to type, done in their order (R05).

A step is a line with words that dfx, icp-cli and this command share: ``stop``, ``start``,
``snapshot create``, ``install --mode upgrade``, ``snapshot restore``. What only looks
(``status``, ``logs``, ``snapshot download``) is passed over.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final
from warnings import catch_warnings, simplefilter

from sandbox.errors import CanisterRejected, OpenCallsWarning, UsageError
from sandbox.rehearsal.calling import said
from sandbox.rehearsal.findings import Fact, Severity
from sandbox.rehearsal.registry import finding, findings_of
from sandbox.rehearsal.restoring import oldest
from sandbox.rehearsal.stop_checks import cannot_stop
from sandbox.rehearsal.upgrading import planned
from sandbox.state import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.rehearsal.bench import Bench
    from sandbox.rehearsal.findings import Finding
    from snapshot.record import Snapshot


class Action(Enum):
    """What a step of a runbook does."""

    STOP = auto()
    START = auto()
    TAKE = auto()
    LOAD = auto()
    UPGRADE = auto()
    REINSTALL = auto()
    LOOK = auto()


# The first row all of whose words are in the line, with - and _ as spaces, decides.
_WORDS: Final = (
    ("call", Action.LOOK),
    ("reinstall", Action.REINSTALL),
    ("snapshot create", Action.TAKE),
    ("snapshot take", Action.TAKE),
    ("take snapshot", Action.TAKE),
    ("snapshot restore", Action.LOAD),
    ("snapshot load", Action.LOAD),
    ("load snapshot", Action.LOAD),
    ("snapshot", Action.LOOK),
    ("upgrade", Action.UPGRADE),
    ("install", Action.UPGRADE),
    ("deploy", Action.UPGRADE),
    ("stop", Action.STOP),
    ("start", Action.START),
    ("status", Action.LOOK),
    ("logs", Action.LOOK),
    ("info", Action.LOOK),
)


def action_of(step: str) -> Action:
    """Return what a step does. Raises: UsageError when that cannot be told."""
    words = step.lower().replace("-", " ").replace("_", " ").split()
    for wanted, action in _WORDS:
        if set(wanted.split()) <= {*words}:
            return action
    raise UsageError(
        f"{step!r} is no step of a runbook; they are stop, start, snapshot create, "
        "install --mode upgrade, snapshot restore, and what only looks, like status"
    )


def check_runbook(bench: Bench) -> Iterator[Finding]:
    """Do the plan's runbook in a fork, and say where it fails and how it leaves the canister."""
    runbook = bench.plan.runbook
    if not runbook:
        return
    actions = [action_of(step) for step in runbook]
    with bench.fork(), catch_warnings():
        simplefilter("ignore", OpenCallsWarning)
        hand = _Hand(bench)
        facts = [
            Fact(f"step {number}, {step}", "", failure)
            for number, (step, action) in enumerate(zip(runbook, actions, strict=True), start=1)
            if (failure := hand.do(action))
        ]
        status = bench.runtime.state.status
    if status is not Status.RUNNING:
        facts.append(Fact("status at the end of the runbook", "", status.name.lower()))
    yield from findings_of("R05", facts, Severity.FAILURE)
    if Action.REINSTALL in actions:
        step = runbook[actions.index(Action.REINSTALL)]
        yield finding("S11", Fact("the runbook", "", f"{step}: all data would be gone"))
    if Action.UPGRADE in actions and Action.TAKE not in actions[: actions.index(Action.UPGRADE)]:
        fact = Fact("the runbook", "", "takes no snapshot before it upgrades")
        yield finding("R06", fact, severity=Severity.WARNING)


@dataclass(slots=True)
class _Hand:
    """Does one step after the other. taken: the newest snapshot of the runbook's own."""

    bench: Bench
    taken: Snapshot | None = None

    def do(self, action: Action) -> str:
        """Do a step; return how it failed, empty when it did not."""
        try:
            return self._do(action)
        except CanisterRejected as error:
            return said(error)

    def _do(self, action: Action) -> str:
        bench, caller = self.bench, self.bench.caller
        match action:
            case Action.STOP:
                return "; ".join(f"{it.what} {it.after}" for it in cannot_stop(bench))
            case Action.START:
                bench.canister.start(caller=caller)
            case Action.TAKE:
                self.taken = bench.canister.take_snapshot(replace=oldest(bench), caller=caller)
            case Action.LOAD:
                if self.taken is None:
                    return "there is no snapshot yet that it could mean"
                bench.ic.load_snapshot(self.taken, caller=caller)
            case Action.UPGRADE:
                return planned(bench).reason
            case Action.REINSTALL | Action.LOOK:
                with suppress(CanisterRejected):
                    bench.canister.status(caller=caller)
        return ""
