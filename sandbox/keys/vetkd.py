"""vetKD on BLS12-381: derived public keys, and keys encrypted to a transport key.

The curve is arkworks', through ``py_arkworks_bls12381``.
Source: replica rs/crypto/internal/crypto_lib/bls12_381/vetkd.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Final

from py_arkworks_bls12381 import G1Point, G2Point, Scalar

_ORDER: Final = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
_CANISTER_DST: Final = b"ic-vetkd-bls12-381-g2-canister-id"
_CONTEXT_DST: Final = b"ic-vetkd-bls12-381-g2-context"
_MESSAGE_DST: Final = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_AUG_"


@dataclass(frozen=True)
class Key:
    """A secret scalar modulo the group's order."""

    secret: int

    @cached_property
    def public(self) -> bytes:
        """The public key, a compressed point of G2 (96 bytes)."""
        return bytes((G2Point() * _scalar(self.secret)).to_compressed_bytes())

    def derive(self, canister: bytes, context: bytes) -> Key:
        """Return a canister's key, and with a context the key of that."""
        offset = _hash_to_scalar(self.public, canister, _CANISTER_DST)
        key = Key((self.secret + offset) % _ORDER)
        if not context:
            return key
        offset = _hash_to_scalar(key.public, context, _CONTEXT_DST)
        return Key((key.secret + offset) % _ORDER)

    def encrypted(self, data: bytes, transport_public_key: bytes, randomness: bytes) -> bytes:
        """Return the key of ``data``, encrypted for the owner of a transport key (192 bytes).

        Raises: ValueError when the transport key is no point of G1.
        """
        transport = G1Point.from_compressed_bytes(transport_public_key)
        blind = _scalar(int.from_bytes(randomness, "big") % _ORDER)
        point = G1Point.hash_to_curve(self.public + data, _MESSAGE_DST)
        parts = (
            G1Point() * blind,
            G2Point() * blind,
            transport * blind + point * _scalar(self.secret),
        )
        return b"".join(bytes(part.to_compressed_bytes()) for part in parts)


def master(secret: bytes) -> Key:
    """Return a key made of 32 random bytes."""
    return Key(int.from_bytes(secret, "big") % _ORDER)


def _scalar(number: int) -> Scalar:
    return Scalar.from_be_bytes(number.to_bytes(32, "big"))


def _hash_to_scalar(first: bytes, second: bytes, tag: bytes) -> int:
    message = b"".join(len(part).to_bytes(8, "big") + part for part in (first, second))
    return int.from_bytes(_expand(message, tag, 48), "big") % _ORDER


def _expand(message: bytes, tag: bytes, length: int) -> bytes:
    """Return ``expand_message_xmd`` with SHA-256 (RFC 9380 section 5.3.1)."""
    suffix = tag + bytes([len(tag)])
    first = sha256(bytes(64) + message + length.to_bytes(2, "big") + b"\x00" + suffix).digest()
    block = sha256(first + b"\x01" + suffix).digest()
    result, number = block, 2
    while len(result) < length:
        mixed = bytes(a ^ b for a, b in zip(first, block, strict=True))
        block = sha256(mixed + bytes([number]) + suffix).digest()
        result, number = result + block, number + 1
    return result[:length]
