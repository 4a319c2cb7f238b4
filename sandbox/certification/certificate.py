"""Certificates: a hash tree of the state, signed by the root or by a subnet it vouches for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from sandbox.candid.binary.leb128 import read_length
from sandbox.candid.errors import CandidError
from sandbox.certification import cbor
from sandbox.certification.hash_tree import (
    HashTree,
    TreeMalformed,
    Unproven,
    checked,
    lookup,
    root_hash,
    subtree,
    tree_of,
    values,
)
from sandbox.errors import SandboxError, UsageError
from sandbox.keys import root
from sandbox.principal import MAX_LENGTH_BYTES, Principal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from sandbox.certification.hash_tree import State

_DOMAIN: Final = b"\x0dic-state-root"
_SIGNATURE_BYTES: Final = 48
_KEY_BYTES: Final = 96


class CertificateInvalid(SandboxError):
    """A certificate cannot be read, or does not prove what it says."""


@dataclass(frozen=True, slots=True)
class Delegation:
    """The root's word for a subnet: its id, and a certificate of its key and canisters."""

    subnet_id: bytes
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as it was read; nothing is known to be true before ``verified``."""

    tree: HashTree
    signature: bytes
    delegation: Delegation | None = None

    def lookup(self, *path: bytes | str) -> bytes | None:
        """Return the value at a path, None if there is provably none. Raises: Unproven."""
        return lookup(self.tree, *path)

    def certified_data(self, canister: Principal | str) -> bytes | None:
        """Return what a canister has certified. Raises: Unproven."""
        return self.lookup("canister", bytes(Principal(canister)), "certified_data")

    @property
    def time_ns(self) -> int:
        """The time of the state, ns since 1970. Raises: Unproven."""
        data = self.lookup("time") or b""
        try:
            value, end = read_length(data, 0)
        except (CandidError, IndexError) as error:
            raise Unproven("the tree's time is not a number of 64 bits") from error
        if end != len(data):
            raise Unproven("the tree's time is not a number of 64 bits, it goes on")
        return value

    @classmethod
    def read(cls, data: bytes) -> Certificate:
        """Read a certificate, believing nothing. Raises: CertificateInvalid."""
        try:
            return _certificate(cbor.decode(data), may_delegate=True)
        except (cbor.CborMalformed, TreeMalformed) as error:
            raise CertificateInvalid(f"not a certificate: {error}") from error


def issued(state: State, secret: int | None = root.SECRET) -> bytes:
    """Return a certificate of a state. Without a secret it is not signed, and never verifies.

    Raises: UsageError where the extra ``[crypto]`` is not installed.
    """
    tree = tree_of(state)
    signature = bytes(_SIGNATURE_BYTES)
    if secret is not None:
        signature = _bls().sign(secret, _DOMAIN + root_hash(tree))
    return cbor.encode({"tree": tree, "signature": signature})


def verified(
    data: bytes, root_key: bytes = root.ROOT_KEY, *, canister: Principal | str | None = None
) -> Certificate:
    """Read a certificate and check it down from the root key, as clients do.

    Clients also compare its time with their clock and refuse an old one. This does not, for
    lack of a clock: an old certificate verifies for ever, and ``time_ns`` tells how old it is.

    root_key: DER, ``ic.root_key`` or another network's.
    canister: whose it is; then a subnet's certificate must be of one that holds it.

    Raises: CertificateInvalid; UsageError where the extra ``[crypto]`` is not installed.
    """
    certificate = Certificate.read(data)
    key = _raw_key(root_key)
    if certificate.delegation is not None:
        key = _subnet_key(certificate.delegation, key, canister)
    _check(certificate, key)
    return certificate


def _check(certificate: Certificate, key: bytes) -> None:
    message = _DOMAIN + root_hash(certificate.tree)
    if not _bls().verify(key, message, certificate.signature):
        raise CertificateInvalid("the signature is not that of the root key or its subnet")


def _subnet_key(delegation: Delegation, root_key: bytes, canister: Any) -> bytes:
    _check(delegation.certificate, root_key)
    subnet = delegation.subnet_id
    if canister is not None and not _holds(delegation, bytes(Principal(canister))):
        raise CertificateInvalid(f"subnet {Principal(subnet)} does not hold {canister}")
    with suppress(Unproven):
        key = delegation.certificate.lookup("subnet", subnet, "public_key")
        if key is not None:
            return _raw_key(key)
    raise CertificateInvalid(f"the delegation names no key of subnet {Principal(subnet)}")


def _holds(delegation: Delegation, canister: bytes) -> bool:
    """Whether the delegation says that the subnet has the canister."""
    subnet = delegation.subnet_id
    # As subnets say it since 2025, and as they did before.
    for path in (("canister_ranges", subnet), ("subnet", subnet, "canister_ranges")):
        for listed in _values(delegation, *path):
            if any(first <= canister <= last for first, last in _ranges(listed)):
                return True
    return False


def _ranges(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    try:
        listed = cbor.decode(data)
    except cbor.CborMalformed as error:
        raise CertificateInvalid(f"a delegation's canister ranges: {error}") from error
    for item in listed if isinstance(listed, list) else ():
        match item:
            case [bytes() as first, bytes() as last]:
                yield first, last


def _values(delegation: Delegation, *path: bytes | str) -> Iterator[bytes]:
    """Yield what the root has signed at and below a path."""
    try:
        found = subtree(delegation.certificate.tree, *path)
    except Unproven:
        return
    yield from values(found or [0])


def _certificate(item: Any, *, may_delegate: bool) -> Certificate:
    match item:
        case {"tree": list() as tree, "signature": bytes() as signature, **rest}:
            delegation = _delegation(rest.get("delegation"), may_delegate=may_delegate)
            return Certificate(checked(tree), signature, delegation)
    raise cbor.CborMalformed("it has no tree and no signature")


def _delegation(item: Any, *, may_delegate: bool) -> Delegation | None:
    match item:
        case None:
            return None
        case {"subnet_id": bytes() as subnet, "certificate": bytes() as data} if may_delegate:
            if len(subnet) > MAX_LENGTH_BYTES:
                raise cbor.CborMalformed(f"a subnet's id of {len(subnet)} bytes")
            return Delegation(subnet, _certificate(cbor.decode(data), may_delegate=False))
    raise cbor.CborMalformed("its delegation is none, or delegates again")


def _raw_key(der: bytes) -> bytes:
    if len(der) != len(root.DER_PREFIX) + _KEY_BYTES or not der.startswith(root.DER_PREFIX):
        raise CertificateInvalid("the key is not a BLS12-381 key in DER form")
    return der[len(root.DER_PREFIX) :]


def _bls() -> ModuleType:
    try:
        return import_module("sandbox.keys.bls")
    except ModuleNotFoundError as error:
        raise UsageError(
            f"certificates need the package {error.name}: pip install 'canister-sandbox[crypto]'"
        ) from error
