"""Threshold ECDSA, Schnorr and vetKD: real keys, derived from the sandbox's seed.

The libraries are an extra (``pip install 'canister-sandbox[crypto]'``); without it the
methods refuse. Source: IC interface specification, "IC method sign_with_ecdsa" and others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sandbox.cycles.costs import KEY_NAMES
from sandbox.cycles.uses import Use
from sandbox.management.call import refuse

if TYPE_CHECKING:
    from types import ModuleType

    from sandbox.management.call import ManagementCall


def ecdsa_key(call: ManagementCall) -> dict[str, Any]:
    """Return the derived secp256k1 key and its chain code."""
    return _shown(_derived(call, "secp256k1", "ecdsa"))


def ecdsa_sign(call: ManagementCall) -> dict[str, Any]:
    """Sign a 32-byte hash."""
    message_hash = call.argument["message_hash"]
    if len(message_hash) != 32:
        raise refuse("IC0406", "message_hash must be 32 bytes")
    key = _derived(call, "secp256k1", "ecdsa")
    _pay(call)
    return {"signature": key.sign_ecdsa(message_hash)}


def schnorr_key(call: ManagementCall) -> dict[str, Any]:
    """Return the derived BIP-340 or Ed25519 key and its chain code."""
    return _shown(_schnorr(call))


def schnorr_sign(call: ManagementCall) -> dict[str, Any]:
    """Sign a message; for BIP-341 with the key tweaked by a Merkle root."""
    key = _schnorr(call)
    message, aux = call.argument["message"], call.argument["aux"]
    is_ed25519 = call.argument["key_id"]["algorithm"].tag == "ed25519"
    if aux is not None:
        root = aux.value["merkle_root_hash"]
        if is_ed25519 or len(root) not in (0, 32):
            raise refuse("IC0406", "bip341 takes a bip340secp256k1 key and a root of 0 or 32 bytes")
        key = key.tweaked(root)
    _pay(call)
    return {"signature": key.sign(message) if is_ed25519 else key.sign_bip340(message)}


def vetkd_key(call: ManagementCall) -> dict[str, Any]:
    """Return the derived public key of a canister and a context."""
    return {"public_key": _vetkd(call).public}


def vetkd_derive(call: ManagementCall) -> dict[str, Any]:
    """Return the key of an input, encrypted for the transport key."""
    key = _vetkd(call)
    try:
        encrypted = key.encrypted(
            call.argument["input"],
            call.argument["transport_public_key"],
            call.world.random.secret(f"vetkd blinding {call.argument['input'].hex()}"),
        )
    except ValueError as error:
        raise refuse("IC0406", f"invalid transport_public_key: {error}") from error
    _pay(call)
    return {"encrypted_key": encrypted}


def _schnorr(call: ManagementCall) -> Any:
    algorithm = str(call.argument["key_id"]["algorithm"].tag)
    module = "ed25519" if algorithm == "ed25519" else "secp256k1"
    return _derived(call, module, f"schnorr {algorithm}")


def _derived(call: ManagementCall, module: str, scheme: str) -> Any:
    root = _library(call, module).master(_secret(call, scheme))
    return root.derive([bytes(_owner(call)), *call.argument["derivation_path"]])


def _vetkd(call: ManagementCall) -> Any:
    root = _library(call, "vetkd").master(_secret(call, "vetkd"))
    return root.derive(bytes(_owner(call)), call.argument["context"])


def _owner(call: ManagementCall) -> Any:
    wanted = call.argument.get("canister_id")
    return call.caller if wanted is None else wanted


def _secret(call: ManagementCall, scheme: str) -> bytes:
    name = call.argument["key_id"]["name"]
    if name not in KEY_NAMES:
        known = ", ".join(sorted(KEY_NAMES))
        raise refuse("IC0406", f"Requested unknown threshold key: {name}, existing keys: {known}")
    return call.world.random.secret(f"{scheme} {name}")


def _library(call: ManagementCall, module: str) -> ModuleType:
    try:
        return import_module(f"sandbox.keys.{module}")
    except ModuleNotFoundError as error:
        raise refuse(
            "IC0406",
            f"{call.method} needs the package {error.name}: pip install 'canister-sandbox[crypto]'",
        ) from error


def _pay(call: ManagementCall) -> None:
    fee = call.world.bank.prices.signature
    if call.cycles < fee:
        text = (
            f"{call.method} request sent with {call.cycles} cycles, but {fee} cycles are required."
        )
        raise refuse("IC0406", text)
    call.accepted = fee
    call.world.bank.consume(call.caller, Use.INSTRUCTIONS, fee)


def _shown(key: Any) -> dict[str, Any]:
    return {"public_key": key.public, "chain_code": key.chain_code}
