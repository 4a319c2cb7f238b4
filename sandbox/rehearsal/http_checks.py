"""Stage 4, browsers: certified answers that a gateway would not let through any more (A08)."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

from sandbox.candid import encode
from sandbox.rehearsal.calling import Probe
from sandbox.rehearsal.certification import witnesses
from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.registry import findings_of
from sandbox.wasm.methods import MethodKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sandbox.execution.modules import InstalledModule
    from sandbox.rehearsal.calling import Reader, Reading
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.structure import Change
    from sandbox.rehearsal.viewing import View

_METHOD: Final = "http_request"
_NOWHERE: Final = "/no/such/page"
_PATHS: Final = ("/", "/index.html", _NOWHERE)
_REFUSED: Final = "400"  # as text: a status has three figures
_NO_WITNESS: Final = "no certificate"
_CERTIFIED: Final = "certified"


def http_probes(module: InstalledModule) -> tuple[Probe, ...]:
    """Return the requests to make of a canister that answers browsers."""
    method = module.methods.get(_METHOD)
    if method is None or method.kind is MethodKind.UPDATE:
        return ()
    return tuple(Probe(f"GET {path}", _METHOD, _request(path)) for path in _PATHS)


@cache
def _request(path: str) -> bytes:
    return encode(
        f'(record {{ method = "GET"; url = "{path}"; headers = vec {{}}; body = blob ""; '
        "certificate_version = opt (2 : nat16) })"
    )


def page_changes(name: str, found: Iterable[Change]) -> Iterator[Change]:
    """Weigh how a page differs: it may look another way, and must be there if it was.

    name: of the probe. What a site says of a page that it does not have may change.
    """
    for change in found:
        is_status = change.path == ".status_code" and not name.endswith(_NOWHERE)
        yield replace(change, is_loss=is_status and change.before < _REFUSED <= change.after)


def is_page(name: str) -> bool:
    """Whether a probe is one of our requests for a page."""
    return name.startswith("GET /")


def check_certification(reader: Reader, before: View, after: View) -> list[Finding]:
    """Say which replies were certified and are not any more."""
    return findings_of("A08", _uncertified(reader, before, after))


def verifies(reader: Reader, view: View) -> bool:
    """Whether some reply proves that the canister has the tree behind its certified data."""
    asked = (it for it in view.probes if it.data is not None)
    return any(_certification(reader, it, view.certified_data) == _CERTIFIED for it in asked)


def _uncertified(reader: Reader, before: View, after: View) -> Iterator[Fact]:
    for old, new in zip(before.probes, after.probes, strict=True):
        if old.data is None or new.data is None:
            continue
        was = _certification(reader, old, before.certified_data)
        now = _certification(reader, new, after.certified_data)
        if was in (_CERTIFIED, _NO_WITNESS) and now not in (_CERTIFIED, was):
            yield Fact(old.name, was, now)


def _certification(reader: Reader, reading: Reading, certified: bytes) -> str:
    assert reading.data is not None, "only of replies"
    for root in witnesses(reader.value(reading.probe.method, reading.data)):
        if root is None:
            return "its tree cannot be read"
        if root != certified:
            data = f"{certified.hex()[:16]}…" if certified else "nothing"
            return f"its tree is of {root.hex()[:16]}…, certified is {data}"
        return _CERTIFIED
    return _NO_WITNESS
