"""HTTP outcalls: mocks, cassettes, prices, limits, the transform function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from calling_room import ask_management, caller
from canisters import universal as u
from sandbox import CanisterRejected, Sandbox, UsageError
from sandbox.candid.values import FuncRef
from sandbox.management import interface
from sandbox.world.outcalls import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://example.com/price?of=icp"
PLENTY = 50_000_000_000


def fetch(canister: Any, url: str = URL, cycles: int = PLENTY, **fields: Any) -> Any:
    argument = {"url": url, "method": "get", "headers": [], **fields}
    return ask_management(canister, "http_request", argument, cycles=cycles)


def test_a_function_answers_by_pattern(ic: Sandbox) -> None:
    asking = caller(ic)
    ic.http.mock("https://example.com/*", "42", status=201)

    answer = fetch(asking, headers=[{"name": "Accept", "value": "text/plain"}])

    assert (answer.status, answer.body, answer.headers) == (201, b"42", [])
    assert ic.http.seen == [HttpRequest("get", URL, (("Accept", "text/plain"),))]


def test_the_newest_mock_goes_first_and_an_anchor_forgets_it(ic: Sandbox) -> None:
    asking = caller(ic)
    ic.http.mock("*", b"old")

    with ic.anchor():
        ic.http.mock(URL, lambda request: HttpResponse(200, request.method.encode()))
        inside = fetch(asking).body

    assert (inside, fetch(asking).body) == (b"get", b"old")


def test_without_anybody_to_answer_the_network_is_not_asked(ic: Sandbox) -> None:
    with pytest.raises(CanisterRejected, match="nothing answers GET https"):
        fetch(caller(ic))


def test_an_outcall_costs_what_the_table_says(ic: Sandbox) -> None:
    asking = caller(ic)
    ic.http.mock("*", "")
    fee = ic.world.bank.prices.http_outcall(len(URL), 1000)

    with pytest.raises(CanisterRejected, match=f"but {fee} cycles are required"):
        fetch(asking, cycles=fee - 1, max_response_bytes=1000)
    fetch(asking, cycles=fee + 5, max_response_bytes=1000)

    used = ic.management.canister_metrics(canister_id=asking.id).cycles_consumed
    assert used.http_outcalls == fee
    assert fee == 49_140_000 + 13 * (400 * len(URL) + 800 * 1000)


def test_an_answer_that_is_too_long_is_no_answer(ic: Sandbox) -> None:
    ic.http.mock("*", "12345")

    with pytest.raises(CanisterRejected, match="exceeds size limit of 4 bytes"):
        fetch(caller(ic), max_response_bytes=4)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"max_response_bytes": 2_000_001}, "max_response_bytes expected"),
        ({"url": "h" * 8193}, "url size 8193 exceeds"),
        ({"headers": [{"name": "a", "value": ""}] * 65}, "number of headers 65"),
        ({"method": "put"}, "only possible with is_replicated"),
    ],
)
def test_wrong_arguments_are_refused(ic: Sandbox, fields: dict[str, Any], text: str) -> None:
    ic.http.mock("*", "")

    with pytest.raises(CanisterRejected, match=text):
        fetch(caller(ic), **fields)

    assert ic.http.seen == []


def test_the_transform_function_has_the_last_word(ic: Sandbox) -> None:
    canister = caller(ic)
    ic.http.mock("*", "raw")
    fixed = interface.results("http_request").encode(
        ({"status": 200, "headers": [], "body": b"transformed"},)
    )
    canister.update_raw("update", u.on(u.Hook.TRANSFORM, u.reply(fixed)) + u.reply())

    answer = fetch(
        canister,
        transform={"function": FuncRef(canister.id, "transform"), "context": b""},
    )

    assert answer.body == b"transformed"


def test_a_transform_function_of_somebody_else_is_refused(ic: Sandbox) -> None:
    ic.http.mock("*", "raw")
    function = FuncRef(caller(ic).id, "transform")

    with pytest.raises(CanisterRejected, match="must be a query of the canister that makes"):
        fetch(caller(ic), transform={"function": function, "context": b""})


def test_a_cassette_gives_each_answer_once(ic: Sandbox, tmp_path: Path) -> None:
    tape = tmp_path / "tape.json"
    tape.write_text(
        f'[{{"method": "get", "url": "{URL}", "headers": [], "body": "", '
        '"response": {"status": 200, "headers": [["a", "b"]], "body": "NDI="}}]'
    )
    ic.http.cassette(tape)
    asking = caller(ic)

    with ic.anchor():
        inside = fetch(asking)
    again = fetch(asking)

    assert inside == again
    assert again.body == b"42"
    assert again.headers == [{"name": "a", "value": "b"}]
    with pytest.raises(CanisterRejected, match="nothing answers"):
        fetch(asking)


def test_a_missing_or_broken_cassette_is_a_mistake_of_the_user(ic: Sandbox, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")

    with pytest.raises(UsageError, match="there is no cassette"):
        ic.http.cassette(tmp_path / "missing.json")
    with pytest.raises(UsageError, match="is not a cassette"):
        ic.http.cassette(broken)


def test_the_network_is_reached_only_when_allowed_and_recorded_when_wished(
    ic: Sandbox, tmp_path: Path
) -> None:
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name http.server asks for
            self.send_response(200)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"real")

        def log_message(self, *_arguments: object) -> None:
            pass

    asking, tape = caller(ic), tmp_path / "tape.json"
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        ic.http.allow_network()
        ic.http.cassette(tape, record=True)
        url = f"http://127.0.0.1:{server.server_port}/"
        real = fetch(asking, url)
        thread.join()
    ic.http.allow_network(allowed=False)
    ic.http.cassette(tape)

    assert real.body == fetch(asking, url).body == b"real"
