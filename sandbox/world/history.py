"""A canister's history: who changed it, when, and into what.

Changes are kept in the form ``canister_info`` gives them out (``ic.did``, type ``change``);
only the newest are kept, all are counted.
Source: IC interface specification, "Canister history".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from sandbox.candid.values import VariantValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sandbox.principal import Principal
    from sandbox.state import CanisterState, Settings
    from snapshot.record import Snapshot

KEPT_CHANGES: Final = 20


@dataclass(frozen=True, slots=True)
class Change:
    """One entry. version: the canister's, after the change.

    origin, details: variants ``change_origin`` and ``change_details`` of ``ic.did``.
    """

    time_ns: int
    version: int
    origin: VariantValue
    details: VariantValue


def from_user(user: Principal) -> VariantValue:
    """Return the origin of a change made by an ingress message."""
    return VariantValue("from_user", {"user_id": user})


def from_canister(canister: Principal, version: int | None) -> VariantValue:
    """Return the origin of a change made by a canister; version: what the canister said."""
    return VariantValue("from_canister", {"canister_id": canister, "canister_version": version})


def creation(settings: Settings) -> VariantValue:
    """Return the details of a canister's creation."""
    environment = settings.environment
    return VariantValue(
        "creation",
        {
            "controllers": list(settings.controllers),
            "environment_variables_hash": _hash_of_map(environment) if environment else None,
        },
    )


def code_uninstall() -> VariantValue:
    """Return the details of an uninstallation."""
    return VariantValue("code_uninstall")


def code_deployment(mode: str, module_hash: bytes) -> VariantValue:
    """Return the details of an installation; mode: install, reinstall or upgrade."""
    return VariantValue("code_deployment", {"mode": VariantValue(mode), "module_hash": module_hash})


def controllers_change(controllers: Iterable[Principal]) -> VariantValue:
    """Return the details of new controllers."""
    return VariantValue("controllers_change", {"controllers": list(controllers)})


def snapshot_load(snapshot: Snapshot, loader: Principal) -> VariantValue:
    """Return the details of a loaded snapshot; the owner is told when it is another canister."""
    owner = snapshot.canister_id
    return VariantValue(
        "load_snapshot",
        {
            "from_canister_id": None if owner == loader else owner,
            "snapshot_id": snapshot.id.raw,
            "canister_version": snapshot.canister_version,
            "taken_at_timestamp": snapshot.taken_on,
            "source": VariantValue(str(snapshot.origin.source)),
        },
    )


def recorded(
    state: CanisterState, time_ns: int, origin: VariantValue, details: VariantValue
) -> CanisterState:
    """Return the state with one more change, at the state's version."""
    change = Change(time_ns, state.version, origin, details)
    return replace(
        state,
        history=(*state.history, change)[-KEPT_CHANGES:],
        total_changes=state.total_changes + 1,
    )


def _hash_of_map(texts: Mapping[str, str]) -> bytes:
    """Return the representation-independent hash of a map of texts."""
    pairs = (
        sha256(name.encode()).digest() + sha256(value.encode()).digest()
        for name, value in texts.items()
    )
    return sha256(b"".join(sorted(pairs))).digest()
