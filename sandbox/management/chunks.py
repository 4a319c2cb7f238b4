"""The chunk store: pieces of large modules, kept by their SHA-256."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sandbox.cycles.usage import CHUNK_ACCOUNTED_BYTES
from sandbox.cycles.uses import Use
from sandbox.execution import ratelimits
from sandbox.management.call import check, refuse
from sandbox.world.controlling import with_help

if TYPE_CHECKING:
    from sandbox.management.call import ManagementCall, Refused

_UPLOAD_INSTRUCTIONS: Final = 200_000_000


def upload(call: ManagementCall) -> dict[str, Any]:
    """Store a chunk; one that is there already costs nothing more."""
    runtime, chunk = call.target(), call.argument["chunk"]
    limits = call.world.limits
    chunks = runtime.state.chunks
    hash_ = sha256(chunk).digest()
    if hash_ in chunks:
        return {"hash": hash_}
    if len(chunk) > limits.chunk_bytes:
        text = f"Wasm chunk size {len(chunk)} exceeds the maximum chunk size of"
        raise chunk_store_error(f"{text} {limits.chunk_bytes}")
    if len(chunks) >= limits.chunk_store_chunks:
        size = limits.chunk_store_chunks * limits.chunk_bytes
        raise chunk_store_error(
            f"Wasm chunk store has already reached maximum capacity of {size} bytes or the "
            f"maximum number of entries, {limits.chunk_store_chunks}"
        )
    if text := ratelimits.heap_delta_text(runtime):
        raise chunk_store_error(text)
    fee = call.world.bank.prices.execution(_UPLOAD_INSTRUCTIONS, is_64=False)
    check(call.world.bank.charge(runtime, fee, Use.INSTRUCTIONS))
    kept = MappingProxyType({**chunks, hash_: chunk})
    runtime.state = replace(runtime.state, chunks=kept)
    ratelimits.note_heap_delta(runtime, CHUNK_ACCOUNTED_BYTES)
    return {"hash": hash_}


def clear(call: ManagementCall) -> None:
    """Forget all chunks."""
    runtime = call.target()
    runtime.state = replace(runtime.state, chunks=MappingProxyType({}))


def stored(call: ManagementCall) -> list[dict[str, Any]]:
    """Return the hashes of all chunks, in order."""
    return [{"hash": hash_} for hash_ in sorted(call.target().state.chunks)]


def chunk_store_error(message: str) -> Refused:
    """Return the replica's refusal of a chunk."""
    return refuse(
        "IC0504",
        with_help(
            f"Error from Wasm chunk store: {message}.",
            "Use the `stored_chunks` API to check which hashes are present or top up the "
            "canister if it is low on cycles.",
            "wasm-chunk-store-error",
        ),
    )
