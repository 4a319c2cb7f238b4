"""What a canister certifies: the hash trees in its replies against its certified data.

A gateway checks a response with a certificate that the subnet has signed and a witness that
the canister adds. The signature is the subnet's business; that the witness hashes to the
certified data is the canister's, and can be checked without one.
Sources: IC interface specification, "Certification"; HTTP gateway protocol specification.
"""

from __future__ import annotations

import base64
import binascii
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sandbox.candid.types import field_hash
from sandbox.candid.values import Some
from sandbox.certification import TreeMalformed, decoded, root_hash
from sandbox.world.certifying import certificate_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.sandbox import Sandbox
    from sandbox.state import CanisterState

# Also how ``IC-CertificateExpression`` begins.
HEADER: Final = "ic-certificate"
_TREE: Final = re.compile(r"(?:^|[,\s])tree=:([A-Za-z0-9+/=\s]*):")
_PAGE_FIELDS: Final = {
    str(field_hash(name)): name
    for name in ("status_code", "headers", "body", "upgrade", "streaming_strategy")
}


@contextmanager
def certifying(ic: Sandbox) -> Iterator[None]:
    """Give queries an unsigned certificate for a block: without any, HTTP methods trap."""
    before, ic.world.certify = ic.world.certify, unsigned_certificate
    try:
        yield
    finally:
        ic.world.certify = before


def unsigned_certificate(state: CanisterState) -> bytes:
    """Return a certificate of the canister's certified data as the IC gives it, unsigned.

    It names no time, so that replies before and after an upgrade can be compared.
    """
    return certificate_of(bytes(state.id), state.certified_data, time_ns=None, secret=None)


def witnesses(value: Any) -> Iterator[bytes | None]:
    """Yield the root hash of each witness in a reply; None for one that cannot be read.

    That is the tree in an ``IC-Certificate`` header, and ``hash_tree`` of ICRC-3 tips.
    """
    match value:
        case dict():
            tree = _field(value, "hash_tree")
            if isinstance(tree, bytes):
                yield _root_of(tree)
            for item in value.values():
                yield from witnesses(item)
        case Some():
            yield from witnesses(value.value)
        case list():
            for item in value:
                header = _certificate_in(item)
                if header is not None:
                    yield _root_in(header)
                elif not isinstance(item, int | str):
                    yield from witnesses(item)


def without_certificates(value: Any) -> Any:
    """Return a reply without what certifies it, which differs with every certificate.

    Names of HTTP headers come in small letters: they mean the same in any.
    """
    match value:
        case dict():
            drops = _field(value, "hash_tree") is not None
            hidden = _keys("hash_tree") + _keys("certificate") if drops else ()
            if _field(value, "status_code") is not None:
                return _page(value)
            return {key: without_certificates(it) for key, it in value.items() if key not in hidden}
        case Some():
            return Some(without_certificates(value.value))
    return value


def _page(response: dict[Any, Any]) -> dict[Any, Any]:
    """Return an HTTP response with its fields by name, whether there is an interface or not."""
    named = {_PAGE_FIELDS.get(str(key), key): item for key, item in response.items()}
    cleaned = {"headers": _headers, "body": _body}
    return {key: cleaned[key](it) if key in cleaned else it for key, it in named.items()}


def _headers(headers: Any) -> Any:
    if not isinstance(headers, list):
        return headers
    pairs = [item for item in headers if isinstance(item, tuple) and len(item) == 2]
    small = [(str(name).lower(), text) for name, text in pairs]
    return [(name, text) for name, text in small if not name.startswith(HEADER)]


def _body(body: Any) -> Any:
    """Return a page's content as text where it is some, for people to read."""
    try:
        return body.decode() if isinstance(body, bytes) else body
    except UnicodeDecodeError:
        return body


def _certificate_in(header: Any) -> str | None:
    match header:
        case (str() as name, str() as text) if name.lower() == HEADER:
            return text
    return None


def _field(record: dict[Any, Any], name: str) -> Any:
    return next((record[key] for key in _keys(name) if key in record), None)


def _keys(name: str) -> tuple[str | int, ...]:
    """Return how a field may be called: without an interface there is only its hash."""
    number = field_hash(name)
    return name, number, str(number)


def _root_in(header: str) -> bytes | None:
    found = _TREE.search(header)
    if found is None:
        return None
    try:
        return _root_of(base64.b64decode(found[1]))
    except binascii.Error:
        return None


def _root_of(data: bytes) -> bytes | None:
    try:
        return root_hash(decoded(data))
    except TreeMalformed:
        return None
