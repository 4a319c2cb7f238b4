"""Threshold signatures and vetKD: everything verifies under keys derived from the seed."""

from __future__ import annotations

from typing import Any

import pytest

from calling_room import ask_management, caller
from engine_room import compiler
from sandbox import CanisterRejected, Sandbox

pytest.importorskip("cryptography")

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.hashes import SHA256

from sandbox.keys import ed25519 as our_ed25519
from sandbox.keys import secp256k1

FEE = 10_000_000_000
ECDSA = {"curve": "secp256k1", "name": "key_1"}
BIP340 = {"algorithm": "bip340secp256k1", "name": "key_1"}
ED25519 = {"algorithm": "ed25519", "name": "key_1"}
VETKD = {"curve": "bls12_381_g2", "name": "key_1"}


def public_key(canister: Any, method: str, key_id: Any, path: list[bytes]) -> Any:
    return ask_management(canister, method, {"derivation_path": path, "key_id": key_id})


def sign(canister: Any, method: str, cycles: int = FEE, **fields: Any) -> bytes:
    answer = ask_management(canister, method, {"derivation_path": [], **fields}, cycles=cycles)
    return bytes(answer.signature)


def test_an_ecdsa_signature_verifies_and_has_a_low_s(ic: Sandbox) -> None:
    canister = caller(ic)
    key = public_key(canister, "ecdsa_public_key", ECDSA, [b"a", b"b"])

    signature = sign(
        canister, "sign_with_ecdsa", message_hash=bytes(range(32)), key_id=ECDSA,
        derivation_path=[b"a", b"b"],
    )  # fmt: skip

    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    assert s <= secp256k1.ORDER // 2
    verifier = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), key.public_key)
    der, algorithm = utils.encode_dss_signature(r, s), ec.ECDSA(utils.Prehashed(SHA256()))
    verifier.verify(der, bytes(range(32)), algorithm)
    with pytest.raises(InvalidSignature):
        verifier.verify(der, bytes(32), algorithm)


def test_an_ed25519_signature_verifies(ic: Sandbox) -> None:
    canister = caller(ic)
    key = public_key(canister, "schnorr_public_key", ED25519, [b"x"])

    signature = sign(
        canister, "sign_with_schnorr", message=b"hello", key_id=ED25519, derivation_path=[b"x"]
    )

    verifier = ed25519.Ed25519PublicKey.from_public_bytes(key.public_key)
    verifier.verify(signature, b"hello")
    with pytest.raises(InvalidSignature):
        verifier.verify(signature, b"hallo")


def verify_bip340(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether s·G = R + e·P, by school arithmetic on the curve."""
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), b"\x02" + public)
    nonce = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), b"\x02" + signature[:32])
    tagged = secp256k1._tagged("BIP0340/challenge", signature[:32], public, message)
    e, s = int.from_bytes(tagged, "big"), int.from_bytes(signature[32:], "big")
    left = _times(s, _generator())
    right = _plus(_numbers(nonce), _times(e, _numbers(point)))
    return left == right


_P = 2**256 - 2**32 - 977
_Pair = tuple[int, int] | None


def _numbers(key: ec.EllipticCurvePublicKey) -> _Pair:
    numbers = key.public_numbers()
    return numbers.x, numbers.y


def _generator() -> _Pair:
    return _numbers(ec.derive_private_key(1, ec.SECP256K1()).public_key())


def _plus(a: _Pair, b: _Pair) -> _Pair:
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % _P == 0:
        return None
    if a == b:
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, _P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, _P)
    x = (slope * slope - a[0] - b[0]) % _P
    return x, (slope * (a[0] - x) - a[1]) % _P


def _times(scalar: int, point: _Pair) -> _Pair:
    result: _Pair = None
    while scalar:
        if scalar & 1:
            result = _plus(result, point)
        point, scalar = _plus(point, point), scalar >> 1
    return result


@pytest.mark.parametrize("message", [b"", b"short", bytes(32), bytes(1000)])
def test_a_bip340_signature_verifies_for_every_length(ic: Sandbox, message: bytes) -> None:
    canister = caller(ic)
    key = public_key(canister, "schnorr_public_key", BIP340, [])

    signature = sign(canister, "sign_with_schnorr", message=message, key_id=BIP340)

    assert verify_bip340(key.public_key[1:], message, signature)
    assert not verify_bip340(key.public_key[1:], message + b"!", signature)


def test_bip340_gives_the_standard_s_first_test_vector() -> None:
    key = secp256k1.Key(3)

    signature = key.sign_bip340(bytes(32))

    assert signature.hex().upper() == (
        "E907831F80848D1069A5371B402410364BDF1C5F8307B0084C55F1CE2DCA8215"
        "25F66A4A85EA8B71E482A74F382D2CE5EBEEE8FDB2172F477DF4900D310536C0"
    )


def test_a_bip341_signature_verifies_under_the_tweaked_key(ic: Sandbox) -> None:
    canister = caller(ic)
    key = public_key(canister, "schnorr_public_key", BIP340, [])

    signature = sign(
        canister,
        "sign_with_schnorr",
        message=bytes(32),
        key_id=BIP340,
        aux={"bip341": {"merkle_root_hash": b""}},
    )

    tweak = int.from_bytes(secp256k1._tagged("TapTweak", key.public_key[1:]), "big")
    lifted = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256K1(), b"\x02" + key.public_key[1:]
    )
    output = _plus(_numbers(lifted), _times(tweak, _generator()))
    assert output is not None
    assert verify_bip340(output[0].to_bytes(32, "big"), bytes(32), signature)


def test_ed25519_keys_are_those_of_rfc_8032() -> None:
    # RFC 8032 section 7.1, test 1: the secret scalar is the clamped hash of the seed.
    from hashlib import sha512

    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    raw = bytearray(sha512(seed).digest()[:32])
    raw[0] &= 248
    raw[31] = raw[31] & 127 | 64
    key = our_ed25519.Key(int.from_bytes(raw, "little") % our_ed25519.ORDER)

    assert key.public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


def test_keys_differ_by_canister_path_name_and_seed(ic: Sandbox) -> None:
    one, two = caller(ic), caller(ic)

    keys = {
        bytes(public_key(one, "ecdsa_public_key", ECDSA, []).public_key),
        bytes(public_key(two, "ecdsa_public_key", ECDSA, []).public_key),
        bytes(public_key(one, "ecdsa_public_key", ECDSA, [b"x"]).public_key),
        bytes(public_key(one, "ecdsa_public_key", {**ECDSA, "name": "test_key_1"}, []).public_key),
    }
    with Sandbox(compiler=compiler(), seed=5) as other:
        keys.add(bytes(public_key(caller(other), "ecdsa_public_key", ECDSA, []).public_key))

    assert len(keys) == 5


def test_another_canister_s_key_can_be_asked_for(ic: Sandbox) -> None:
    one, two = caller(ic), caller(ic)

    seen = ask_management(
        two,
        "ecdsa_public_key",
        {"canister_id": one.id, "derivation_path": [], "key_id": ECDSA},
    )

    assert seen == public_key(one, "ecdsa_public_key", ECDSA, [])


def test_a_signature_costs_its_fee_and_the_rest_comes_back(ic: Sandbox) -> None:
    canister = caller(ic)

    with pytest.raises(CanisterRejected, match=f"but {FEE} cycles are required"):
        sign(canister, "sign_with_ecdsa", FEE - 1, message_hash=bytes(32), key_id=ECDSA)
    before = canister.status().cycles
    sign(canister, "sign_with_ecdsa", 3 * FEE, message_hash=bytes(32), key_id=ECDSA)

    assert FEE < before - canister.status().cycles < FEE + 100_000_000


@pytest.mark.parametrize(
    ("method", "fields", "text"),
    [
        ("sign_with_ecdsa", {"message_hash": b"", "key_id": ECDSA}, "must be 32 bytes"),
        (
            "sign_with_ecdsa",
            {"message_hash": bytes(32), "key_id": {**ECDSA, "name": "nope"}},
            "Requested unknown threshold key: nope",
        ),
        (
            "sign_with_schnorr",
            {
                "message": b"",
                "key_id": ED25519,
                "aux": {"bip341": {"merkle_root_hash": bytes(32)}},
            },
            "takes a bip340secp256k1 key",
        ),
    ],
)
def test_wrong_arguments_are_refused(
    ic: Sandbox, method: str, fields: dict[str, Any], text: str
) -> None:
    with pytest.raises(CanisterRejected, match=text):
        sign(caller(ic), method, **fields)


def test_a_vetkd_key_decrypts_to_a_signature_under_its_public_key(ic: Sandbox) -> None:
    bls = pytest.importorskip("py_arkworks_bls12381")
    canister = caller(ic)
    transport = bls.Scalar.from_be_bytes((7).to_bytes(32, "big"))
    public = ask_management(canister, "vetkd_public_key", {"context": b"mail", "key_id": VETKD})

    answer = ask_management(
        canister,
        "vetkd_derive_key",
        {
            "input": b"alice",
            "context": b"mail",
            "transport_public_key": bytes((bls.G1Point() * transport).to_compressed_bytes()),
            "key_id": VETKD,
        },
        cycles=FEE,
    )

    c1 = bls.G1Point.from_compressed_bytes(answer.encrypted_key[:48])
    c3 = bls.G1Point.from_compressed_bytes(answer.encrypted_key[144:])
    key = c3 + c1 * bls.Scalar.from_be_bytes(_minus(7))
    tag = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_AUG_"
    point = bls.G1Point.hash_to_curve(public.public_key + b"alice", tag)
    verifying = bls.G2Point.from_compressed_bytes(public.public_key)
    assert bls.GT.pairing(key, bls.G2Point()) == bls.GT.pairing(point, verifying)


def _minus(number: int) -> bytes:
    from sandbox.keys.vetkd import _ORDER

    return (_ORDER - number).to_bytes(32, "big")


def test_a_transport_key_that_is_no_point_is_refused(ic: Sandbox) -> None:
    pytest.importorskip("py_arkworks_bls12381")
    argument = {
        "input": b"",
        "context": b"",
        "transport_public_key": bytes(48),
        "key_id": VETKD,
    }

    with pytest.raises(CanisterRejected, match="invalid transport_public_key"):
        ask_management(caller(ic), "vetkd_derive_key", argument, cycles=FEE)
