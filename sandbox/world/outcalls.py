"""HTTP outcalls: answered by registered functions, by a cassette, or by the network if allowed.

Functions come first, the newest before the older ones; then the cassette; then, only when
the user has switched it on, the real network. Otherwise an outcall fails.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sandbox.errors import SandboxError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

Headers: TypeAlias = tuple[tuple[str, str], ...]


class OutcallFailed(SandboxError):
    """Nobody answers an outcall; the canister gets a reject."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What a canister asks for.

    method: ``get``, ``head``, ``post`` and so on.
    """

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What it gets, before its transform function."""

    status: int = 200
    body: bytes = b""
    headers: Headers = ()


Responder: TypeAlias = "Callable[[HttpRequest], HttpResponse]"


@dataclass(frozen=True, slots=True)
class _Mock:
    pattern: str
    method: str | None
    respond: Responder

    def covers(self, request: HttpRequest) -> bool:
        return self.method in (None, request.method) and (
            self.pattern == request.url or fnmatchcase(request.url, self.pattern)
        )


@dataclass(frozen=True, slots=True)
class SavedOutcalls:
    """Mocks, requests seen, the cassette and its position, at one moment."""

    mocks: tuple[_Mock, ...] = ()
    seen: tuple[HttpRequest, ...] = ()
    played: frozenset[int] = frozenset()
    tape: tuple[tuple[HttpRequest, HttpResponse], ...] = ()
    recording: Path | None = None
    is_network_allowed: bool = False


@dataclass(slots=True)
class Outcalls:
    """Who answers the HTTP outcalls of a sandbox: ``ic.http``.

    seen: all requests so far, oldest first.
    """

    seen: list[HttpRequest] = field(default_factory=list)
    _mocks: list[_Mock] = field(default_factory=list)
    _tape: list[tuple[HttpRequest, HttpResponse]] = field(default_factory=list)
    _played: set[int] = field(default_factory=set)
    _recording: Path | None = None
    _is_network_allowed: bool = False

    def mock(
        self,
        url: str,
        response: HttpResponse | Responder | bytes | str,
        *,
        method: str | None = None,
        status: int = 200,
    ) -> None:
        """Answer requests for a URL; ``*`` in it stands for anything.

        response: the body, a whole response, or a function that makes one from the request.
        """
        self._mocks.append(_Mock(url, method and method.lower(), _responder(response, status)))

    def cassette(self, path: str | PathLike[str], *, record: bool = False) -> None:
        """Answer from a recording; each of its answers is given once, in order.

        record: add what the network answers to requests the recording lacks
            (needs ``allow_network``).
        Raises: UsageError when the file is not a cassette, or missing and not to be recorded.
        """
        file = Path(path)
        if not file.exists() and not record:
            raise UsageError(f"there is no cassette {file}; record it with record=True")
        self._tape = _read_tape(file) if file.exists() else []
        self._played.clear()
        self._recording = file if record else None

    def allow_network(self, *, allowed: bool = True) -> None:
        """Let outcalls that nothing else answers go out to the real network."""
        self._is_network_allowed = allowed

    def answer(self, request: HttpRequest, max_response_bytes: int) -> HttpResponse:
        """Answer a request. Raises: OutcallFailed."""
        self.seen.append(request)
        for mock in reversed(self._mocks):
            if mock.covers(request):
                return mock.respond(request)
        for place, (recorded, response) in enumerate(self._tape):
            if place not in self._played and recorded == request:
                self._played.add(place)
                return response
        if not self._is_network_allowed:
            raise OutcallFailed(
                f"nothing answers {request.method.upper()} {request.url}: register an answer with "
                "ic.http.mock(url, response), play a cassette, or allow the network"
            )
        from sandbox.world.network import fetch

        response = fetch(request, max_response_bytes)
        self._record(request, response)
        return response

    def saved(self) -> SavedOutcalls:
        """Return what ``restore`` needs."""
        return SavedOutcalls(
            tuple(self._mocks),
            tuple(self.seen),
            frozenset(self._played),
            tuple(self._tape),
            self._recording,
            self._is_network_allowed,
        )

    def restore(self, saved: SavedOutcalls) -> None:
        """Put back what ``saved`` returned."""
        self._mocks, self.seen = list(saved.mocks), list(saved.seen)
        self._played, self._tape = set(saved.played), list(saved.tape)
        self._recording = saved.recording
        self._is_network_allowed = saved.is_network_allowed

    def _record(self, request: HttpRequest, response: HttpResponse) -> None:
        if self._recording is None:
            return
        self._played.add(len(self._tape))
        self._tape.append((request, response))
        rows = [_as_json(*item) for item in self._tape]
        self._recording.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


def _responder(response: HttpResponse | Responder | bytes | str, status: int) -> Responder:
    if isinstance(response, HttpResponse):
        return lambda _request: response
    if isinstance(response, bytes | str):
        body = response.encode() if isinstance(response, str) else response
        return lambda _request: HttpResponse(status, body)
    return response


def _read_tape(file: Path) -> list[tuple[HttpRequest, HttpResponse]]:
    try:
        return [_from_json(row) for row in json.loads(file.read_text("utf-8"))]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file} is not a cassette: {error}") from error


def _as_json(request: HttpRequest, response: HttpResponse) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.url,
        "headers": request.headers,
        "body": b64encode(request.body).decode(),
        "response": {
            "status": response.status,
            "headers": response.headers,
            "body": b64encode(response.body).decode(),
        },
    }


def _from_json(row: dict[str, Any]) -> tuple[HttpRequest, HttpResponse]:
    answer = row["response"]
    return (
        HttpRequest(row["method"], row["url"], _headers(row["headers"]), b64decode(row["body"])),
        HttpResponse(answer["status"], b64decode(answer["body"]), _headers(answer["headers"])),
    )


def _headers(rows: list[list[str]]) -> Headers:
    return tuple((name, value) for name, value in rows)
