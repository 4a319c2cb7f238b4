"""A canister's method as a Python function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.handle.canister import Canister
    from sandbox.sandbox import PrincipalLike


class Method:
    """What ``ledger.icrc1_name`` is; calling it is ``ledger.call("icrc1_name", …)``."""

    def __init__(self, canister: Canister, name: str) -> None:
        self._canister = canister
        self.__name__ = name

    @property
    def type(self) -> str:
        """Its Candid type: ``() -> (text) query``."""
        return self._canister.methods[self.__name__].removeprefix("func ")

    def __call__(
        self, *arguments: Any, caller: PrincipalLike | None = None, cycles: int = 0
    ) -> Any:
        """Call the method the way the interface says. See ``Canister.call``."""
        return self._canister.call(self.__name__, *arguments, caller=caller, cycles=cycles)

    def __repr__(self) -> str:
        """Return ``ledger.icrc1_name``, by the canister's name or id."""
        canister = self._canister
        return f"{canister.sandbox.name_of(canister.id) or canister.id}.{self.__name__}"
