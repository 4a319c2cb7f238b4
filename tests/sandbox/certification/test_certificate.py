"""Certificates: signed, delegated, forged; and the ones that queries get."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.certification import (
    Certificate,
    CertificateInvalid,
    Unproven,
    cbor,
    issued,
    root_hash,
    verified,
)
from sandbox.errors import UsageError
from sandbox.keys import bls
from sandbox.keys.root import DER_PREFIX, ROOT_KEY, SECRET
from sandbox.principal import Principal
from sandbox.wasm.encode import encode_u
from sandbox.world import certifying

if TYPE_CHECKING:
    from collections.abc import Callable

    from canisters.build import Built
    from sandbox import Sandbox
    from sandbox.handle import Canister

CANISTER = Principal.from_index(7)
SUBNET = bytes(Principal.self_authenticating(b"a subnet's key"))
SUBNET_SECRET = 77
STATE = {b"canister": {bytes(CANISTER): {b"certified_data": b"data"}}, b"time": encode_u(1 << 60)}

# --- what a query gets


def test_a_query_gets_a_certificate_that_the_root_key_verifies(
    ic: Sandbox, run_wat: Callable[..., Canister]
) -> None:
    canister = run_wat("certificate")
    canister.update_raw("certify")

    for method in ("get", "get_composite"):
        certificate = verified(canister.query_raw(method), ic.root_key, canister=canister.id)

        assert certificate.certified_data(canister.id) == b"certified"
        assert certificate.time_ns == ic.time_ns


def test_before_anything_is_certified_the_certificate_is_of_nothing(
    run_wat: Callable[..., Canister],
) -> None:
    canister = run_wat("certificate")

    assert verified(canister.query_raw("get")).certified_data(canister.id) == b""


def test_a_certificate_without_a_time_tells_none() -> None:
    with pytest.raises(Unproven, match="not a number"):
        _ = verified(issued({b"canister": {}})).time_ns


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80", b"\x05\x05", encode_u(1 << 64), b"\x80" * 10 + b"\x01"],
    ids=["nothing", "cut off", "something behind it", "65 bits", "71 bits"],
)
def test_a_time_that_is_not_one_number_of_64_bits_is_unproven(data: bytes) -> None:
    certificate = verified(issued({b"time": data}))

    with pytest.raises(Unproven, match="not a number of 64 bits"):
        _ = certificate.time_ns


def test_the_last_time_of_64_bits_is_told() -> None:
    assert verified(issued({b"time": encode_u((1 << 64) - 1)})).time_ns == (1 << 64) - 1


def test_an_update_has_no_certificate(run_wat: Callable[..., Canister]) -> None:
    canister = run_wat("certificate")

    assert canister.update_raw("certify") == bytes(4)
    assert canister.update_raw("get") == b""  # a query called as an update


def test_a_certificate_follows_the_clock_and_a_rollback(
    ic: Sandbox, run_wat: Callable[..., Canister]
) -> None:
    canister = run_wat("certificate")
    with ic.anchor():
        canister.update_raw("certify")
        ic.advance(days=1)
        later = verified(canister.query_raw("get"))

    now = verified(canister.query_raw("get"))

    assert later.time_ns - now.time_ns >= 86_400 * 10**9
    assert (later.certified_data(canister.id), now.certified_data(canister.id)) == (
        b"certified",
        b"",
    )


@pytest.mark.parametrize("mode", ["eop", "classical"])
def test_motoko_hands_its_certificate_on(ic: Sandbox, built: Built, mode: str) -> None:
    canister = ic.install(built(f"motoko/{mode}/certified_data"))
    canister.set(b"one")

    value, certificate = canister.get()

    assert value == b"one"
    assert verified(certificate, ic.root_key).certified_data(canister.id) == b"one"


def test_without_the_library_certificates_are_there_and_do_not_verify(
    run_wat: Callable[..., Canister], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certifying, "_can_sign", lambda: False)
    canister = run_wat("certificate")
    canister.update_raw("certify")
    certifying._certificate.cache_clear()

    data = canister.query_raw("get")

    certifying._certificate.cache_clear()
    assert Certificate.read(data).certified_data(canister.id) == b"certified"
    with pytest.raises(CertificateInvalid, match="signature"):
        verified(data)


def test_without_the_library_nothing_can_be_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    data = issued(STATE)
    monkeypatch.setitem(sys.modules, "sandbox.keys.bls", None)

    with pytest.raises(UsageError, match=r"pip install 'canister-sandbox\[crypto\]'"):
        verified(data)


# --- signatures


def test_the_root_key_is_that_of_the_known_secret() -> None:
    assert DER_PREFIX + bls.public_key(SECRET) == ROOT_KEY
    assert len(ROOT_KEY) == 133


def test_a_changed_value_a_changed_signature_and_another_key_are_noticed() -> None:
    data = issued(STATE)
    other_key = DER_PREFIX + bls.public_key(5)
    forged = cbor.decode(data)
    assert isinstance(forged, dict)

    assert verified(data, canister=CANISTER).certified_data(CANISTER) == b"data"
    for bad, key in (
        (data.replace(b"\x44data", b"\x44dato"), ROOT_KEY),
        (cbor.encode(forged | {"signature": bls.sign(SECRET, b"else")}), ROOT_KEY),
        (cbor.encode(forged | {"signature": bytes(48)}), ROOT_KEY),
        (cbor.encode(forged | {"signature": b"short"}), ROOT_KEY),
        (data, other_key),
        (data, DER_PREFIX + bytes.fromhex("c0") + bytes(95)),  # the neutral element
        (data, DER_PREFIX + bytes(96)),
    ):
        with pytest.raises(CertificateInvalid):
            verified(bad, key)


@pytest.mark.parametrize("key", [b"", ROOT_KEY[:-1], bytes(133)])
def test_a_key_in_another_form_is_refused(key: bytes) -> None:
    with pytest.raises(CertificateInvalid, match="not a BLS12-381 key"):
        verified(issued(STATE), key)


@pytest.mark.parametrize(
    "data", [b"", b"\xa0", b"\xa1\x64tree\x81\x00", b"\x81\x00", issued(STATE)[:-1], b"\xff"]
)
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(CertificateInvalid, match="not a certificate"):
        Certificate.read(data)


def test_a_certificate_of_an_ill_formed_tree_is_refused() -> None:
    swapped: cbor.Item = [1, [2, b"time", [3, b"1"]], [2, b"canister", [0]]]

    with pytest.raises(CertificateInvalid, match="not a certificate: not well-formed"):
        Certificate.read(cbor.encode({"tree": swapped, "signature": bytes(48)}))


def test_a_certificate_with_two_trees_is_refused() -> None:
    first, second = issued(STATE), issued({b"time": encode_u(9)})
    other_tree = first[4 : first.index(b"\x69signature")]
    twice = b"\xd9\xd9\xf7\xa3" + other_tree + second[4:]

    with pytest.raises(CertificateInvalid, match="not a certificate: the key 'tree' twice"):
        Certificate.read(twice)


# --- delegations


def delegated(
    root_state: dict[bytes, Any], *, signed_by: int = SUBNET_SECRET, subnet: bytes = SUBNET
) -> bytes:
    """Return a certificate of STATE by a subnet that the root vouches for with a state."""
    inner = cbor.decode(issued(STATE, signed_by))
    assert isinstance(inner, dict)
    delegation: cbor.Item = {"subnet_id": subnet, "certificate": issued(root_state)}
    return cbor.encode(inner | {"delegation": delegation})


def vouching(first: int, last: int, *, is_new: bool) -> dict[bytes, Any]:
    """Return the root's state about the subnet, which has these canisters."""
    ranges = cbor.encode([[bytes(Principal.from_index(n)) for n in (first, last)]])
    key = DER_PREFIX + bls.public_key(SUBNET_SECRET)
    if is_new:
        start = bytes(Principal.from_index(first))
        return {
            b"subnet": {SUBNET: {b"public_key": key}},
            b"canister_ranges": {SUBNET: {start: ranges}},
        }
    return {b"subnet": {SUBNET: {b"public_key": key, b"canister_ranges": ranges}}}


@pytest.mark.parametrize("is_new", [False, True])
def test_a_subnet_that_the_root_vouches_for_is_believed(is_new: bool) -> None:
    certificate = verified(delegated(vouching(5, 9, is_new=is_new)), canister=CANISTER)

    assert certificate.certified_data(CANISTER) == b"data"


@pytest.mark.parametrize("is_new", [False, True])
def test_a_subnet_that_does_not_hold_the_canister_is_not_believed(is_new: bool) -> None:
    data = delegated(vouching(8, 9, is_new=is_new))

    with pytest.raises(CertificateInvalid, match=f"does not hold {CANISTER}"):
        verified(data, canister=CANISTER)


def test_a_delegation_that_proves_no_key_is_refused() -> None:
    with pytest.raises(CertificateInvalid, match="names no key"):
        verified(delegated({b"subnet": {}}))


def test_a_key_below_the_place_of_the_key_is_no_key() -> None:
    key = DER_PREFIX + bls.public_key(SUBNET_SECRET)
    data = delegated({b"subnet": {SUBNET: {b"public_key": {b"below": key}}}})

    with pytest.raises(CertificateInvalid, match="names no key"):
        verified(data)


def test_a_subnets_state_signed_by_somebody_else_is_refused() -> None:
    with pytest.raises(CertificateInvalid, match="signature"):
        verified(delegated(vouching(5, 9, is_new=True), signed_by=SECRET))


def test_a_delegation_that_delegates_again_is_refused() -> None:
    once = cbor.decode(delegated(vouching(5, 9, is_new=True)))
    assert isinstance(once, dict)
    twice: cbor.Item = {"subnet_id": SUBNET, "certificate": cbor.encode(once)}

    with pytest.raises(CertificateInvalid, match="delegates again"):
        Certificate.read(cbor.encode(once | {"delegation": twice}))


def test_a_subnet_id_that_is_no_principal_is_refused() -> None:
    # Nobody signs the id itself, so anybody may put another one beside a genuine delegation.
    data = delegated(vouching(5, 9, is_new=False), subnet=bytes(30))

    for canister in (CANISTER, None):
        with pytest.raises(CertificateInvalid, match="subnet's id of 30 bytes"):
            verified(data, canister=canister)


def test_the_signed_message_is_the_root_hash_behind_its_domain() -> None:
    certificate = Certificate.read(issued(STATE))

    message = b"\x0dic-state-root" + root_hash(certificate.tree)
    assert bls.verify(ROOT_KEY[len(DER_PREFIX) :], message, certificate.signature)
