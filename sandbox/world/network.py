"""The real network, for HTTP outcalls: the only module that opens connections."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Final

from sandbox.world.outcalls import HttpRequest, HttpResponse, OutcallFailed

_TIMEOUT_S: Final = 30


def fetch(request: HttpRequest, max_response_bytes: int) -> HttpResponse:
    """Send a request. Raises: OutcallFailed when there is no answer, or one too long."""
    if not request.url.startswith(("https://", "http://")):
        raise OutcallFailed(f"{request.url!r} is not an HTTP address")
    sent = urllib.request.Request(  # noqa: S310  # the scheme was checked
        request.url,
        data=request.body or None,
        headers=dict(request.headers),
        method=request.method.upper(),
    )
    try:
        with urllib.request.urlopen(sent, timeout=_TIMEOUT_S) as answer:  # noqa: S310  # as above
            return _response(answer.status, answer, max_response_bytes)
    except urllib.error.HTTPError as error:
        with error:
            return _response(error.code, error, max_response_bytes)
    except OSError as error:
        raise OutcallFailed(f"{request.url}: {error}") from error


def _response(status: int, answer: object, max_response_bytes: int) -> HttpResponse:
    import http.client

    assert isinstance(answer, http.client.HTTPResponse | urllib.error.HTTPError)
    body = answer.read(max_response_bytes + 1)
    return HttpResponse(status, body, tuple(answer.headers.items()))
