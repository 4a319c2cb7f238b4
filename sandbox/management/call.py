"""One call to the management canister, as its methods see it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from sandbox.messages import Reject, reject
from sandbox.world.controlling import origin_of, with_help

if TYPE_CHECKING:
    from sandbox.candid.values import VariantValue
    from sandbox.execution.canister import CanisterRuntime
    from sandbox.principal import Principal
    from sandbox.world.traffic import Request
    from sandbox.world.world import World


class Later(Enum):
    """What a method returns when its answer comes later."""

    LATER = "the method keeps the request and answers it itself"


LATER = Later.LATER


class Refused(Exception):  # named for what happened (conventions 5)
    """A method refuses the call; nothing has changed."""

    def __init__(self, refusal: Reject) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def refuse(error_code: str, message: str) -> Refused:
    """Return the exception that answers the call with a reject."""
    return Refused(reject(error_code, message))


def check(refusal: Reject | None) -> None:
    """Refuse the call when there is a reason to. Raises: Refused."""
    if refusal is not None:
        raise Refused(refusal)


@dataclass(slots=True)
class ManagementCall:
    """A call being answered.

    argument: the decoded argument; None for a method without one.
    request: how it came; None for a query, which can neither change anything nor wait.
    accepted: how much of the attached cycles the method took.
    """

    world: World
    method: str
    argument: Any
    caller: Principal
    cycles: int
    request: Request | None
    accepted: int = 0

    @property
    def is_from_canister(self) -> bool:
        """Whether a canister calls, not a user."""
        return self.caller in self.world.canisters

    @property
    def origin(self) -> VariantValue:
        """What the history says of the caller."""
        return origin_of(self.world, self.caller, self.sender_version)

    @property
    def sender_version(self) -> int | None:
        """What a calling canister says its version is."""
        return self.argument.get("sender_canister_version") if self.argument else None

    def runtime(self, canister: Principal) -> CanisterRuntime:
        """Return a canister. Raises: Refused (IC0301) when there is none."""
        runtime = self.world.canisters.get(canister)
        if runtime is None:
            raise refuse("IC0301", f"Canister {canister} not found")
        return runtime

    def target(self) -> CanisterRuntime:
        """Return the canister the argument names."""
        field = "target_canister" if "target_canister" in self.argument else "canister_id"
        return self.runtime(self.argument[field])

    def require_controller(self, runtime: CanisterRuntime) -> None:
        """Refuse the call unless the caller controls the canister. Raises: Refused."""
        controllers = runtime.state.settings.controllers
        if self.caller in controllers:
            return
        id_ = runtime.state.id
        if not self.is_from_canister:
            text = f"Only controllers of canister {id_} can call ic00 method {self.method}"
            raise refuse("IC0512", text)
        text = (
            f"Only the controllers of the canister {id_} can control it.\n"
            f"Canister's controllers: {' '.join(map(str, controllers))}\n"
            f"Sender's ID: {self.caller}"
        )
        help_ = (
            "Execute this call from a controller of the target canister or "
            "add the current caller as a controller."
        )
        raise refuse("IC0512", with_help(text, help_, "invalid-controller"))
