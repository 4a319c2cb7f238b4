"""Certificates for queries: of a canister's certified data, signed with the root key.

As on the IC, a query from outside gets one, and a message does not. Signing takes some 0.3 ms,
so a certificate is made only for modules that import the system calls to read it, and once for
the same data at the same time. Without the extra ``[crypto]`` certificates are not signed.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from sandbox.keys.root import SECRET
from sandbox.wasm.encode import encode_u

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.certification.hash_tree import State
    from sandbox.state import CanisterState


class Certifier:
    """Makes the certificate that a canister may read in a query."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns

    def __call__(self, state: CanisterState) -> bytes:
        """Return the certificate; empty for a module that cannot read it."""
        if state.module is None or not state.module.facts.reads_certificate:
            return b""
        return _certificate(bytes(state.id), state.certified_data, self._now_ns())


def certificate_of(canister: bytes, data: bytes, time_ns: int | None, secret: int | None) -> bytes:
    """Return a certificate of what a canister has certified.

    time_ns: None to name no time.
    secret: what it is signed with, None to leave it unsigned.
    """
    # Few modules ask, and every command would wait for the import.
    from sandbox.certification import issued

    state: dict[bytes, bytes | State] = {b"canister": {canister: {b"certified_data": data}}}
    if time_ns is not None:
        state[b"time"] = encode_u(time_ns)
    return issued(state, secret)


@lru_cache(maxsize=64)
def _certificate(canister: bytes, data: bytes, time_ns: int) -> bytes:
    return certificate_of(canister, data, time_ns, SECRET if _can_sign() else None)


@cache
def _can_sign() -> bool:
    return find_spec("py_arkworks_bls12381") is not None
