"""The table of management methods: name, who may call, which canister it is about, who does it.

Source: reference/management_canister.md section 1; ``ic.did`` has the types.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sandbox.management import (
    bitcoin,
    canisters,
    chunks,
    code,
    logs,
    outcalls,
    settings,
    signing,
    snapshots,
    status,
    subnet,
    transfer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.management.call import ManagementCall

    Handler = Callable[[ManagementCall], Any]


class Who(Enum):
    """Who may call a method."""

    ANYBODY = "users and canisters; the method itself may check more"
    CANISTERS = "canisters only"
    CONTROLLERS = "the target's controllers"
    CONTROLLERS_OR_SELF = "the target's controllers and the target itself"
    QUERIES = "anybody, but not as a replicated ingress message; the method checks more"


@dataclass(frozen=True, slots=True)
class Method:
    """One row. target: the argument's field with the effective canister id, if any."""

    name: str
    who: Who
    target: str | None
    handler: Handler


def _rows(*rows: tuple[str, Who, str | None, Handler]) -> Mapping[str, Method]:
    return MappingProxyType({row[0]: Method(*row) for row in rows})


_ID: Final = "canister_id"
# fmt: off
METHODS: Final = _rows(
    # name                          who may call             target  done by
    ("create_canister",             Who.CANISTERS,           None, canisters.create),
    ("provisional_create_canister_with_cycles", Who.ANYBODY, None, canisters.provide),
    ("provisional_top_up_canister", Who.ANYBODY,             _ID,  canisters.top_up),
    ("deposit_cycles",              Who.CANISTERS,           _ID,  canisters.deposit),
    ("start_canister",              Who.CONTROLLERS,         _ID,  canisters.start),
    ("stop_canister",               Who.CONTROLLERS,         _ID,  canisters.stop),
    ("delete_canister",             Who.CONTROLLERS,         _ID,  canisters.delete),
    ("update_settings",             Who.CONTROLLERS,         _ID,  settings.update),
    ("upload_chunk",                Who.CONTROLLERS_OR_SELF, _ID,  chunks.upload),
    ("clear_chunk_store",           Who.CONTROLLERS_OR_SELF, _ID,  chunks.clear),
    ("stored_chunks",               Who.CONTROLLERS_OR_SELF, _ID,  chunks.stored),
    ("install_code",                Who.CONTROLLERS,         _ID,  code.install),
    ("install_chunked_code",        Who.CONTROLLERS, "target_canister", code.install_chunked),
    ("uninstall_code",              Who.CONTROLLERS,         _ID,  code.uninstall),
    ("canister_status",             Who.ANYBODY,             _ID,  status.status),
    ("canister_metrics",            Who.CONTROLLERS_OR_SELF, _ID,  status.metrics),
    ("canister_info",               Who.CANISTERS,           _ID,  status.info),
    ("canister_metadata",           Who.CANISTERS,           _ID,  status.metadata),
    ("fetch_canister_logs",         Who.QUERIES,             _ID,  logs.logs),
    ("raw_rand",                    Who.CANISTERS,           None, subnet.raw_rand),
    ("node_metrics_history",        Who.CANISTERS,           None, subnet.node_metrics),
    ("subnet_info",                 Who.CANISTERS,           None, subnet.info),
    ("list_canisters",              Who.ANYBODY,             None, subnet.canisters),
    ("http_request",                Who.CANISTERS,           None, outcalls.request),
    ("ecdsa_public_key",            Who.CANISTERS,           None, signing.ecdsa_key),
    ("sign_with_ecdsa",             Who.CANISTERS,           None, signing.ecdsa_sign),
    ("schnorr_public_key",          Who.CANISTERS,           None, signing.schnorr_key),
    ("sign_with_schnorr",           Who.CANISTERS,           None, signing.schnorr_sign),
    ("vetkd_public_key",            Who.CANISTERS,           None, signing.vetkd_key),
    ("vetkd_derive_key",            Who.CANISTERS,           None, signing.vetkd_derive),
    ("take_canister_snapshot",      Who.CONTROLLERS,         _ID,  snapshots.take),
    ("load_canister_snapshot",      Who.CONTROLLERS,         _ID,  snapshots.load),
    ("list_canister_snapshots",     Who.ANYBODY,             _ID,  snapshots.listed),
    ("delete_canister_snapshot",    Who.CONTROLLERS,         _ID,  snapshots.delete),
    ("read_canister_snapshot_metadata",   Who.ANYBODY,       _ID,  transfer.read_metadata),
    ("read_canister_snapshot_data",       Who.ANYBODY,       _ID,  transfer.read_data),
    ("upload_canister_snapshot_metadata", Who.CONTROLLERS,   _ID,  transfer.upload_metadata),
    ("upload_canister_snapshot_data",     Who.CONTROLLERS,   _ID,  transfer.upload_data),
    *((f"bitcoin_{name}", Who.CANISTERS, None, bitcoin.refuse_all) for name in bitcoin.METHODS),
)
# fmt: on
