"""secp256k1: BIP-32 derivation with byte-string indices, ECDSA, BIP-340 and BIP-341.

The curve itself is OpenSSL's, through ``cryptography``.
Source: replica packages/ic-secp256k1 (``DerivationPath``), BIP-340, BIP-341.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256, sha512
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Iterable

ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
_CURVE: Final = ec.SECP256K1()


@dataclass(frozen=True, slots=True)
class Key:
    """A secret scalar, 1 ≤ secret < ORDER, and the chain code its children are made with."""

    secret: int
    chain_code: bytes = bytes(32)

    @property
    def public(self) -> bytes:
        """The public key, SEC1 compressed (33 bytes)."""
        public = self._private().public_key()
        return public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)

    def derive(self, path: Iterable[bytes]) -> Key:
        """Return the descendant at the end of a path."""
        key = self
        for index in path:
            chain_code, offset = _child(index, key.public, key.chain_code)
            key = Key((key.secret + offset) % ORDER, chain_code)
        return key

    def sign_ecdsa(self, message_hash: bytes) -> bytes:
        """Sign a 32-byte hash; return r and s, the smaller of the two, in 64 bytes."""
        algorithm = ec.ECDSA(utils.Prehashed(SHA256()), deterministic_signing=True)
        der = self._private().sign(message_hash, algorithm)
        r, s = utils.decode_dss_signature(der)
        return _bytes(r) + _bytes(min(s, ORDER - s))

    def sign_bip340(self, message: bytes) -> bytes:
        """Sign a message of any length; return 64 bytes. No randomness is mixed in."""
        public = self.public
        secret = self.secret if public[0] == 2 else ORDER - self.secret
        mask = int.from_bytes(_tagged("BIP0340/aux", bytes(32)), "big")
        nonce = _scalar(_tagged("BIP0340/nonce", _bytes(secret ^ mask), public[1:], message))
        point = Key(nonce).public
        if point[0] == 3:
            nonce = ORDER - nonce
        challenge = _scalar(_tagged("BIP0340/challenge", point[1:], public[1:], message))
        return point[1:] + _bytes((nonce + challenge * secret) % ORDER)

    def tweaked(self, merkle_root: bytes) -> Key:
        """Return the key that spends a Taproot output. merkle_root: 32 bytes, or none."""
        public = self.public
        secret = self.secret if public[0] == 2 else ORDER - self.secret
        tweak = _scalar(_tagged("TapTweak", public[1:], merkle_root))
        return Key((secret + tweak) % ORDER, self.chain_code)

    def _private(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(self.secret, _CURVE)


def master(secret: bytes) -> Key:
    """Return a key made of 32 random bytes."""
    return Key(int.from_bytes(secret, "big") % (ORDER - 1) + 1)


def _child(index: bytes, data: bytes, chain_code: bytes) -> tuple[bytes, int]:
    mac = hmac.digest(chain_code, data + index, sha512)
    offset = int.from_bytes(mac[:32], "big")
    if offset >= ORDER:  # SLIP-10: try again with what came out
        return _child(index, b"\x01" + mac[32:], chain_code)
    return mac[32:], offset


def _tagged(tag: str, *parts: bytes) -> bytes:
    prefix = sha256(tag.encode()).digest()
    return sha256(prefix + prefix + b"".join(parts)).digest()


def _scalar(digest: bytes) -> int:
    return int.from_bytes(digest, "big") % ORDER


def _bytes(number: int) -> bytes:
    return number.to_bytes(32, "big")
