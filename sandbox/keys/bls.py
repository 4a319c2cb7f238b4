"""BLS signatures on BLS12-381 as the IC makes them: signatures in G1, public keys in G2.

The curve is arkworks', through ``py_arkworks_bls12381``.
Source: IC interface specification, "Certificate"; RFC 9380 for the hash to the curve.
"""

from __future__ import annotations

from typing import Final

from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar

_SUITE: Final = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"


def public_key(secret: int) -> bytes:
    """Return the public key of a secret scalar: a compressed point of G2 (96 bytes)."""
    return bytes((G2Point() * _scalar(secret)).to_compressed_bytes())


def sign(secret: int, message: bytes) -> bytes:
    """Sign a message: a compressed point of G1 (48 bytes)."""
    point = G1Point.hash_to_curve(message, _SUITE) * _scalar(secret)
    return bytes(point.to_compressed_bytes())


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature is that of a message; False as well for bytes that are no points."""
    try:
        key = G2Point.from_compressed_bytes(public)
        point = G1Point.from_compressed_bytes(signature)
    except ValueError:
        return False
    if key == G2Point.identity():
        return False
    expected = G1Point.hash_to_curve(message, _SUITE)
    return bool(GT.pairing_check([point, -expected], [G2Point(), key]))


def _scalar(number: int) -> Scalar:
    return Scalar.from_be_bytes(number.to_bytes(32, "big"))
