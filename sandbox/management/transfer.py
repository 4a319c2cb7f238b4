"""Snapshots in pieces: reading them out and uploading them, by ``ic.did``.

The rules are ``snapshot.transfer``'s; here are the forms and the fees.
Source: reference/management_canister.md sections 3.9 and 3.10.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sandbox.candid.values import VariantValue
from sandbox.execution import ratelimits
from sandbox.management.call import Refused, check
from sandbox.management.chunks import chunk_store_error
from sandbox.management.snapshots import pay, require_funds, require_viewer, snapshot_id
from sandbox.messages import Reject
from snapshot.content import GlobalValue
from snapshot.record import CHUNK_ACCOUNTED_BYTES, Source
from snapshot.transfer import Metadata, Part, Piece

if TYPE_CHECKING:
    from sandbox.management.call import ManagementCall

T = TypeVar("T")

_BEGIN_INSTRUCTIONS: Final = 2_000_000_000
_READ_INSTRUCTIONS: Final = 5_000_000
_CHUNK_UPLOAD_INSTRUCTIONS: Final = 200_000_000
_FLOATS: Final = {"f32": ("<f", "<I"), "f64": ("<d", "<Q")}
_SIGNED_BITS: Final = {"i32": 32, "i64": 64}


def read_metadata(call: ManagementCall) -> dict[str, Any]:
    """Return all of a snapshot but its bytes."""
    runtime, id_ = call.target(), snapshot_id(call.argument["snapshot_id"])
    require_viewer(call, runtime)
    found = _checked(call.world.snapshots.read_metadata(id_, runtime.state.id))
    assert found.source is not None, "a snapshot comes from somewhere"
    return {
        "source": VariantValue(str(found.source)),
        "taken_at_timestamp": found.taken_on,
        "wasm_module_size": found.module_bytes,
        "globals": [_shown_global(item) for item in found.globals],
        "wasm_memory_size": found.heap_bytes,
        "stable_memory_size": found.stable_bytes,
        "wasm_chunk_store": [{"hash": hash_} for hash_ in found.chunk_hashes],
        "canister_version": found.canister_version,
        "certified_data": found.certified_data,
        "global_timer": _shown_timer(found.timer_ns),
        "on_low_wasm_memory_hook_status": (
            None if found.low_memory_hook is None else VariantValue(str(found.low_memory_hook))
        ),
    }


def read_data(call: ManagementCall) -> dict[str, Any]:
    """Return a piece of a snapshot."""
    runtime, id_ = call.target(), snapshot_id(call.argument["snapshot_id"])
    require_viewer(call, runtime)
    piece = _piece(call.argument["kind"])
    size = CHUNK_ACCOUNTED_BYTES if piece.part is Part.CHUNK else piece.size_bytes
    require_funds(call, runtime, _READ_INSTRUCTIONS + size)
    data = _checked(call.world.snapshots.read_data(id_, runtime.state.id, piece))
    pay(call, runtime, _READ_INSTRUCTIONS + size)
    return {"chunk": data}


def upload_metadata(call: ManagementCall) -> dict[str, Any]:
    """Begin a snapshot; its bytes come in pieces."""
    runtime, wanted = call.target(), call.argument
    timer = wanted["global_timer"]
    hook = wanted["on_low_wasm_memory_hook_status"]
    metadata = Metadata(
        module_bytes=wanted["wasm_module_size"],
        globals=tuple(_read_global(item) for item in wanted["globals"]),
        heap_bytes=wanted["wasm_memory_size"],
        stable_bytes=wanted["stable_memory_size"],
        certified_data=wanted["certified_data"],
        timer_ns=None if timer is None else timer.value or 0,
        low_memory_hook=None if hook is None else str(hook.tag),
    )
    size = metadata.module_bytes + metadata.heap_bytes + metadata.stable_bytes
    replaced = (
        None if wanted["replace_snapshot"] is None else snapshot_id(wanted["replace_snapshot"])
    )
    shelf = call.world.snapshots
    check(shelf.refuse_upload(runtime, metadata, replaced))
    check(ratelimits.refuse_heap_delta(runtime))
    require_funds(call, runtime, _BEGIN_INSTRUCTIONS + size)
    begun = _checked(shelf.upload_metadata(runtime, metadata, replaced=replaced))
    pay(call, runtime, _BEGIN_INSTRUCTIONS + size)
    return {"snapshot_id": begun.id.raw}


def upload_data(call: ManagementCall) -> None:
    """Fill in a piece of a snapshot that is being uploaded."""
    runtime, id_ = call.target(), snapshot_id(call.argument["snapshot_id"])
    piece, chunk = _piece(call.argument["kind"]), call.argument["chunk"]
    is_chunk = piece.part is Part.CHUNK
    instructions = _CHUNK_UPLOAD_INSTRUCTIONS if is_chunk else len(chunk)
    found = _checked(call.world.snapshots.owned(id_, runtime.state.id))
    if found.origin.source is Source.UPLOADED and (text := ratelimits.heap_delta_text(runtime)):
        raise chunk_store_error(text)
    require_funds(call, runtime, instructions)
    check(call.world.snapshots.upload_data(id_, runtime.state.id, piece, chunk))
    pay(call, runtime, instructions)
    ratelimits.note_heap_delta(runtime, CHUNK_ACCOUNTED_BYTES if is_chunk else len(chunk))


def _piece(kind: VariantValue) -> Piece:
    part, place = Part(str(kind.tag)), kind.value or {}
    return Piece(part, place.get("offset", 0), place.get("size", 0), place.get("hash", b""))


def _checked(result: T | Reject) -> T:
    if isinstance(result, Reject):
        raise Refused(result)
    return result


def _shown_timer(timer_ns: int | None) -> VariantValue | None:
    if timer_ns is None:
        return None
    return VariantValue("active", timer_ns) if timer_ns else VariantValue("inactive")


def _shown_global(item: GlobalValue) -> VariantValue:
    if item.type in _FLOATS:
        as_float, as_bits = _FLOATS[item.type]
        (number,) = struct.unpack(as_float, struct.pack(as_bits, item.bits))
        return VariantValue(item.type, number)
    width = _SIGNED_BITS.get(item.type)
    is_negative = width is not None and item.bits >> (width - 1)
    return VariantValue(item.type, item.bits - (1 << width) if is_negative and width else item.bits)


def _read_global(item: VariantValue) -> GlobalValue:
    type_ = str(item.tag)
    if type_ in _FLOATS:
        as_float, as_bits = _FLOATS[type_]
        (bits,) = struct.unpack(as_bits, struct.pack(as_float, item.value))
        return GlobalValue(type_, bits)
    width = _SIGNED_BITS.get(type_, 128)
    return GlobalValue(type_, item.value & ((1 << width) - 1))
