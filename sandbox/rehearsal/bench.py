"""The bench a rehearsal works on: the base canister, the plan, and forks of both.

Every stage works in a fork (an anchor of the whole sandbox) and leaves the base as it was;
a fork costs a mark, and at its end the pages it changed.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.candid.errors import CandidError
from sandbox.errors import UsageError
from sandbox.rehearsal.calling import encoded
from sandbox.rehearsal.plan import NO_ARGUMENTS, PlanRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.execution.canister import CanisterRuntime
    from sandbox.execution.modules import InstalledModule, Source
    from sandbox.handle import Canister
    from sandbox.principal import Principal
    from sandbox.rehearsal.findings import Fact
    from sandbox.rehearsal.plan import Plan, Start
    from sandbox.sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class Base:
    """The base canister, its sandbox, and what is missing of its state.

    start: from which another process could make the same; None when there is no such.
    """

    ic: Sandbox
    canister: Canister
    missing: tuple[Fact, ...] = ()
    start: Start | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """What all stages share.

    caller: a controller. argument: of the upgrade, encoded. start: as in ``Base``.
    """

    ic: Sandbox
    canister: Canister
    plan: Plan
    old: InstalledModule
    new: InstalledModule
    caller: Principal
    argument: bytes
    start: Start | None = None

    @property
    def runtime(self) -> CanisterRuntime:
        """The exact level below the canister."""
        return self.ic.world.existing(self.canister.id)

    @contextmanager
    def fork(self) -> Iterator[Canister]:
        """Give the canister for a block that leaves no trace."""
        with self.ic.anchor():
            yield self.canister

    def arguments(self) -> dict[str, bytes]:
        """Return the arguments to try, by what they are called; equal ones once."""
        given = {"as given": self.argument, "no bytes": b"", "()": NO_ARGUMENTS}
        seen: dict[bytes, str] = {}
        for name, data in given.items():
            seen.setdefault(data, name)
        return {name: data for data, name in seen.items()}


def bench_of(found: Base, plan: Plan, new: InstalledModule) -> Bench:
    """Return the bench for an upgrade of a base. Raises: UsageError."""
    old = found.ic.world.existing(found.canister.id).state.module
    if old is None:
        raise UsageError(f"canister {found.canister.id} is empty: there is nothing to upgrade")
    try:
        argument = encoded_argument(found.canister, new.raw, plan.argument)
    except CandidError as error:
        hint = "if post_upgrade takes something else than init, give its bytes in a file"
        raise PlanRefused("argument", f"{plan.argument!r}: {error}\n{hint}") from error
    caller = controller_of(found.ic, found.canister, plan.caller)
    return Bench(found.ic, found.canister, plan, old, new, caller, argument, found.start)


def controller_of(ic: Sandbox, canister: Canister, wanted: Principal | None) -> Principal:
    """Return who upgrades: the one wanted, our own identity, or any other controller."""
    controllers = ic.world.existing(canister.id).state.settings.controllers
    if wanted is not None:
        return wanted
    if ic.identity in controllers or not controllers:
        return ic.identity
    return controllers[0]


def encoded_argument(canister: Canister, source: Source, argument: str | bytes) -> bytes:
    """Return an argument encoded for a module; () is what dfx sends, whatever init takes.

    Raises: CandidError.
    """
    if isinstance(argument, str) and argument.strip() == "()":
        return NO_ARGUMENTS
    return encoded(canister.init_codec(source), argument)
