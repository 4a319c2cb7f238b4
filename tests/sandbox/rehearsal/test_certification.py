"""Witnesses are hashed as the IC does, and what is none is no witness."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from sandbox.candid.values import Some
from sandbox.certification import Certificate, encoded
from sandbox.rehearsal.certification import certifying, without_certificates, witnesses

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from sandbox.handle import Canister

# The example of the IC interface specification ("Example" below "Certificate"), whole.
TREE = bytes.fromhex(
    "8301830183024161830183018302417882034568656c6c6f810083024179820345776f726c64"
    "83024162820344676f6f648301830241638100830241648203476d6f726e696e67"
)
ROOT = bytes.fromhex("eb5c5b2195e62d996b84c9bcc8259d19a83786a2f59e0878cec84c811f669aa0")
# The same with three branches pruned: the root stays.
PRUNED = bytes.fromhex(
    "83018301830241618301820458201b4feff9bef8131788b0c9dc6dbad6e81e524249c879e9f10f71ce3749f5a638"
    "83024179820345776f726c6483024162820458207b32ac0c6ba8ce35ac82c255fc7906f7fc130dab2a090f80fe12"
    "f9c2cae83ba6830182045820ec8324b8a1f1ac16bd2e806edba78006479c9877fed4eb464a25485465af601d8302"
    "41648203476d6f726e696e67"
)


def _header(tree: bytes) -> tuple[str, str]:
    return "IC-Certificate", f"certificate=:AA==:, tree=:{base64.b64encode(tree).decode()}:"


@pytest.mark.parametrize("tree", [TREE, PRUNED, b"\xd9\xd9\xf7" + TREE])
def test_the_root_hash_is_that_of_the_specification(tree: bytes) -> None:
    page = {"status_code": 200, "headers": [("x", "y"), _header(tree)], "body": b""}

    assert list(witnesses(page)) == [ROOT]
    assert list(witnesses(Some({"certificate": b"", "hash_tree": tree}))) == [ROOT]


def test_a_rehearsals_certificates_are_unsigned_and_the_same_at_any_time(
    ic: Sandbox, run_wat: Callable[..., Canister]
) -> None:
    canister = run_wat("certificate")
    canister.update_raw("certify")

    with certifying(ic):
        data = canister.query_raw("get")
        ic.advance(days=1)
        later = canister.query_raw("get")

    certificate = Certificate.read(data)
    assert later == data
    assert certificate.certified_data(canister.id) == b"certified"
    assert (certificate.lookup("time"), certificate.signature) == (None, bytes(48))


def test_a_single_leaf_is_hashed_under_its_own_name() -> None:
    name = b"ic-hashtree-leaf"

    assert list(witnesses({"hash_tree": b"\x82\x03\x41z"})) == [
        sha256(bytes([len(name)]) + name + b"z").digest()
    ]


def test_what_is_damaged_is_no_witness() -> None:
    for end in range(len(TREE)):
        assert list(witnesses({"hash_tree": TREE[:end]})) == [None]
    deep = b"\x83\x02\x40" * 5_000 + b"\x81\x00"
    assert list(witnesses({"hash_tree": deep})) == [None]
    assert list(witnesses({"headers": [("ic-certificate", "tree=:?:")]})) == [None]


def test_a_tree_whose_labels_are_out_of_order_is_no_witness() -> None:
    swapped = encoded([1, [2, b"b", [0]], [2, b"a", [0]]])

    assert list(witnesses({"hash_tree": swapped})) == [None]
    assert list(witnesses({"headers": [_header(swapped)]})) == [None]


def test_pages_are_compared_without_what_certifies_them() -> None:
    before = {"status_code": 200, "headers": [("ETag", "1"), _header(TREE)]}
    after = {
        "status_code": 200,
        "headers": [("etag", "1"), _header(PRUNED), ("IC-CertificateExpression", "x")],
    }

    assert without_certificates(before) == without_certificates(after)
    assert without_certificates({"headers": [("ETag", "1")]}) == {"headers": [("ETag", "1")]}
