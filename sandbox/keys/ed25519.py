"""Ed25519 with derived keys: OpenSSL signs with seeds only, so the curve is done here.

Slow (some milliseconds a signature) and not constant-time, which matters for secrets, not
for tests. Source: RFC 8032; replica packages/ic-ed25519 (``DerivationPath::derive_offset``).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha512
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

ORDER: Final = (1 << 252) + 27742317777372353535851937790883648493
_P: Final = (1 << 255) - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_BASE_X: Final = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE_Y: Final = 4 * pow(5, -1, _P) % _P

# Extended coordinates: x = X/Z, y = Y/Z, xy = T/Z.
_Point = tuple[int, int, int, int]
_NEUTRAL: Final[_Point] = (0, 1, 1, 0)
_BASE: Final[_Point] = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)


@dataclass(frozen=True)
class Key:
    """A secret scalar modulo ORDER, and the chain code its children are made with."""

    secret: int
    chain_code: bytes = bytes(32)

    @cached_property
    def public(self) -> bytes:
        """The public key (32 bytes)."""
        return _compressed(_times_base(self.secret))

    def derive(self, path: Iterable[bytes]) -> Key:
        """Return the descendant at the end of a path."""
        key = self
        for index in path:
            okm = _hkdf(key.public + index, key.chain_code, b"Ed25519", 96)
            offset = int.from_bytes(okm[:64], "big")
            key = Key((key.secret + offset) % ORDER, okm[64:])
        return key

    def sign(self, message: bytes) -> bytes:
        """Sign a message; return 64 bytes."""
        prefix = sha512(b"canister-sandbox nonce" + self.secret.to_bytes(32, "little")).digest()
        nonce = _reduced(prefix + message)
        point = _compressed(_times_base(nonce))
        challenge = _reduced(point + self.public + message)
        answer = (nonce + challenge * self.secret) % ORDER
        return point + answer.to_bytes(32, "little")


def master(secret: bytes) -> Key:
    """Return a key made of 32 random bytes."""
    return Key(_reduced(secret))


def _reduced(data: bytes) -> int:
    return int.from_bytes(sha512(data).digest(), "little") % ORDER


def _add(a: _Point, b: _Point) -> _Point:
    p = (a[1] - a[0]) * (b[1] - b[0]) % _P
    q = (a[1] + a[0]) * (b[1] + b[0]) % _P
    r = 2 * a[3] * b[3] * _D % _P
    s = 2 * a[2] * b[2] % _P
    e, f, g, h = q - p, s - r, s + r, q + p
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times_base(scalar: int) -> _Point:
    result, power = _NEUTRAL, _BASE
    while scalar:
        if scalar & 1:
            result = _add(result, power)
        power = _add(power, power)
        scalar >>= 1
    return result


def _compressed(point: _Point) -> bytes:
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _hkdf(material: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    key = hmac.digest(salt, material, sha512)
    result, block, number = b"", b"", 1
    while len(result) < length:
        block = hmac.digest(key, block + info + bytes([number]), sha512)
        result, number = result + block, number + 1
    return result[:length]
