"""What to rehearse: the plan, with its calls and probes, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from sandbox.errors import UsageError
from sandbox.limits import MAINNET, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import date
    from pathlib import Path

    from sandbox.execution.modules import Source
    from sandbox.handle import Canister
    from sandbox.principal import Principal
    from sandbox.sandbox import Sandbox
    from snapshot.record import Snapshot

NO_ARGUMENTS: Final = b"DIDL\x00\x00"
_DAY_S: Final = 86_400.0
# The ways back.
BY_SNAPSHOT: Final = "snapshot"
BY_UPLOAD: Final = "uploaded"
BY_DOWNGRADE: Final = "downgrade"
WAYS_BACK: Final = (BY_SNAPSHOT, BY_UPLOAD, BY_DOWNGRADE)


class PlanRefused(UsageError):
    """A plan asks for something that is not there. place: where, like ``probes[1]``."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason

    def within(self, place: str) -> PlanRefused:
        """Return the same with its place in a larger plan."""
        return PlanRefused(place, self.reason)


@dataclass(frozen=True, slots=True)
class Call:
    """A method with its argument. argument: Candid text, or the bytes.

    expect: what a probe or traffic must answer after the upgrade, as Candid text;
        ``0x…`` for the bytes of a reply that is no Candid. matches: or a regular expression,
        found in the answer as Candid text. instructions: the most it may need.
    """

    method: str
    argument: str | bytes = NO_ARGUMENTS
    caller: Principal | None = None
    expect: str | None = None
    matches: str | None = None
    instructions: int | None = None

    @classmethod
    def parsed(cls, text: str) -> Call:
        """Read ``inc``, ``inc ()`` or ``inc (5 : nat)``. Raises: UsageError."""
        method, bracket, rest = text.strip().partition("(")
        if not method.strip() or (bracket and not rest.rstrip().endswith(")")):
            raise UsageError(f"a call reads like 'inc ()' or 'add (5 : nat)', not {text!r}")
        return cls(method.strip(), bracket + rest if bracket else NO_ARGUMENTS)

    @property
    def is_checked(self) -> bool:
        """Whether its answer is compared with an expectation."""
        return self.expect is not None or self.matches is not None

    def __str__(self) -> str:
        words = [self.method]
        if self.argument != NO_ARGUMENTS:
            data = self.argument
            words.append(data if isinstance(data, str) else f"({data.hex()})")
        if self.caller is not None:
            words.append(f"as {self.caller}")
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A finding that is meant to be. until: the last day on which that holds."""

    code: str
    reason: str = ""
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """The most an upgrade, or one phase of it, may use; None is no limit.

    growth: of a memory, in bytes. cycles: of the whole upgrade only.
    """

    instructions: int | None = None
    cycles: int | None = None
    heap_growth: int | None = None
    stable_growth: int | None = None


@dataclass(frozen=True, slots=True)
class Growth:
    """How to grow the state for a forecast.

    by: calls that add to it, or a function that does; repeated until the state is large enough.
    factors: at how many times today's bytes in use to measure.
    """

    by: tuple[Call, ...] | Callable[[Canister], object]
    factors: tuple[float, ...] = (2.0, 4.0, 8.0)


@dataclass(frozen=True, slots=True)
class FromModule:
    """Start from a module, installed anew, and calls that give it its state."""

    source: Source
    argument: str | bytes = "()"
    calls: tuple[Call, ...] = ()
    canister_id: Principal | None = None


@dataclass(frozen=True, slots=True)
class FromDirectory:
    """Start from a snapshot directory as dfx and icp-cli write it.

    canister_id: the directory does not say whose it is; some canisters depend on it.
    """

    path: Path
    canister_id: Principal | None = None


@dataclass(frozen=True, slots=True)
class FromCanister:
    """Start from a canister of a sandbox; both are afterwards as they were.

    snapshot: what to load into it first; None is the canister as it is.
    """

    sandbox: Sandbox
    canister: Canister
    snapshot: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class FromWorld:
    """Start from a canister of a world on disk, by name or id; the world is only read.

    snapshot: what to load into it first, by label, number or id. wait_s, waiting: for another
    process that has the world open, as in ``WorldDirectory``.
    """

    directory: Path
    canister: str
    snapshot: str | None = None
    wait_s: float = 30.0
    waiting: Callable[[], None] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class FromStore:
    """Start from a snapshot of a store. name: its label, or its id. See ``Store.find``."""

    store: Path
    name: str
    canister_id: Principal | None = None


Start: TypeAlias = FromModule | FromDirectory | FromCanister | FromWorld | FromStore


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration that goes on after the upgrade, by timers or heartbeats.

    done: the query, and what it answers at the end. within_s: virtual time it may take.
    """

    done: Call
    within_s: float = 7 * _DAY_S


@dataclass(frozen=True, slots=True)
class Step:
    """One upgrade of several. See ``Plan`` for argument, persistence and mode.

    name: of the version. canister: whose upgrade it is, in a group.
    """

    module: Source
    argument: str | bytes = "()"
    persistence: str | None = "auto"
    mode: str = "upgrade"
    name: str = ""
    canister: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to rehearse.

    argument: of the upgrade; Candid text or bytes. persistence: as in ``Canister.upgrade``.
    mode: what install_code is asked for: ``upgrade``, ``reinstall`` or ``install``.
    probes: asked besides the queries that take no argument. identities: such of whose answer
        an identity depends, so that not a byte may change.
    ignore: methods not to compare, or parts of their values: ``stats.uptime``, ``log[*].time``.
    accept: findings that are meant to be; they no longer fail the rehearsal, and stay in the
        report. traffic: calls between the upgrade and the rollback.
    soak_s: virtual time to look after.
    downgrade_argument: for the old module when it is installed again.
    caller: None is a controller of the canister. did: the interface, as text, when the modules
        carry none. limits: of the sandbox made for a module or a directory; a canister's sandbox
        has its own.
    budgets: by phase; ``"upgrade"`` is all phases together. tolerance_percent: by how much a
        budget may be exceeded. growth: grow the state and forecast; None leaves that out.
    migrated: how to know that a migration is done that goes on after the upgrade.
    guarded: updates that lock themselves while they wait for answers.
    rollback: the ways back that are counted on: ``snapshot``, ``uploaded``, ``downgrade``.
    safety_copy: a snapshot directory that is to bring the canister back.
    runbook: the steps somebody is going to type, as ``runbook`` reads them.
    profile: say which functions used up the upgrade's instructions even if they are few; where
        they are found to be too many, or nearly so, that is said in any case.
    """

    argument: str | bytes = "()"
    persistence: str | None = "auto"
    mode: str = "upgrade"
    probes: tuple[Call, ...] = ()
    identities: tuple[Call, ...] = ()
    ignore: Collection[str] = ()
    accept: Collection[str | Acceptance] = ()
    traffic: tuple[Call, ...] = ()
    soak_s: float = _DAY_S
    downgrade_argument: str | bytes = "()"
    caller: Principal | None = None
    did: str | None = None
    limits: Limits = field(default=MAINNET)
    budgets: Mapping[str, Budget] = field(default_factory=dict, hash=False)
    tolerance_percent: float = 0.0
    growth: Growth | None = None
    migrated: Migration | None = None
    guarded: tuple[Call, ...] = ()
    rollback: Collection[str] = (BY_SNAPSHOT,)
    safety_copy: Path | None = None
    runbook: tuple[str, ...] = ()
    profile: bool = False

    @property
    def acceptances(self) -> tuple[Acceptance, ...]:
        """What is accepted; the codes in capitals."""
        listed = (Acceptance(it) if isinstance(it, str) else it for it in self.accept)
        return tuple(replace(it, code=it.code.upper()) for it in listed)
