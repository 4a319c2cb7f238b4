"""``http_request``: checks, price, answer, the caller's transform function.

Source: IC interface specification, "IC method http_request"; the price is the one of
reference/limits_and_costs.md section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.candid.errors import CandidError
from sandbox.cycles.uses import Use
from sandbox.management import interface
from sandbox.management.call import Refused, refuse
from sandbox.messages import Reply, Task
from sandbox.system_api.table import Context
from sandbox.wasm.methods import MethodKind
from sandbox.world.outcalls import HttpRequest, HttpResponse, OutcallFailed

if TYPE_CHECKING:
    from sandbox.candid.values import FuncRef
    from sandbox.management.call import ManagementCall

_LONGEST_RESPONSE_BYTES: Final = 2_000_000
_LONGEST_URL: Final = 8_192
_MOST_HEADERS: Final = 64
_NON_REPLICATED_ONLY: Final = frozenset({"put", "delete", "patch"})


def request(call: ManagementCall) -> dict[str, Any]:
    """Make an outcall and return what the transform function made of the answer."""
    arguments = call.argument
    longest = arguments["max_response_bytes"]
    longest = _LONGEST_RESPONSE_BYTES if longest is None else longest
    _check(arguments, longest)
    fee = call.world.bank.prices.http_outcall(_request_bytes(arguments), longest)
    if call.cycles < fee:
        text = (
            f"http_request request sent with {call.cycles} cycles, but {fee} cycles are required."
        )
        raise refuse("IC0406", text)
    asked = HttpRequest(
        str(arguments["method"].tag),
        arguments["url"],
        tuple((header["name"], header["value"]) for header in arguments["headers"]),
        arguments["body"] or b"",
    )
    call.accepted = fee
    call.world.bank.consume(call.caller, Use.HTTP_OUTCALLS, fee)
    try:
        response = call.world.outcalls.answer(asked, longest)
    except OutcallFailed as error:
        raise refuse("IC0202", f"HTTP outcall failed: {error}") from error
    if len(response.body) > longest:
        raise refuse("IC0101", f"Http body exceeds size limit of {longest} bytes.")
    answer = _shown(response)
    transform = arguments["transform"]
    return answer if transform is None else _transformed(call, transform, answer)


def _check(arguments: Any, longest: int) -> None:
    method = str(arguments["method"].tag)
    if longest > _LONGEST_RESPONSE_BYTES:
        raise refuse(
            "IC0406",
            f"max_response_bytes expected to be in the range [0..{_LONGEST_RESPONSE_BYTES}], "
            f"got {longest}",
        )
    if len(arguments["url"]) > _LONGEST_URL:
        text = f"url size {len(arguments['url'])} exceeds the maximum allowed size {_LONGEST_URL}"
        raise refuse("IC0406", text)
    if len(arguments["headers"]) > _MOST_HEADERS:
        text = f"number of headers {len(arguments['headers'])} exceeds the maximum {_MOST_HEADERS}"
        raise refuse("IC0406", text)
    if method in _NON_REPLICATED_ONLY and arguments["is_replicated"] is not False:
        raise refuse("IC0406", f"{method} is only possible with is_replicated = opt false")


def _request_bytes(arguments: Any) -> int:
    headers = sum(len(row["name"]) + len(row["value"]) for row in arguments["headers"])
    transform = arguments["transform"]
    context = len(transform["context"]) + len(transform["function"].method) if transform else 0
    return len(arguments["url"]) + headers + len(arguments["body"] or b"") + context


def _shown(response: HttpResponse) -> dict[str, Any]:
    headers = [{"name": name, "value": value} for name, value in response.headers]
    return {"status": response.status, "headers": headers, "body": response.body}


def _transformed(call: ManagementCall, transform: Any, answer: dict[str, Any]) -> dict[str, Any]:
    function: FuncRef = transform["function"]
    if function.principal != call.caller:
        text = "The transform function must be a query of the canister that makes the outcall"
        raise refuse("IC0406", text)
    runtime = call.runtime(call.caller)
    method = runtime.module.methods.get(function.method)
    if method is None or method.kind is not MethodKind.QUERY:
        text = f"Error from Canister {call.caller}: Canister has no query method "
        raise refuse("IC0536", f"{text}'{function.method}'.")
    argument = interface.transform().encode(
        ({"response": answer, "context": transform["context"]},)
    )
    outcome = runtime.execute(
        Task(
            method.export_name,
            Context.TRANSFORM,
            call.world.limits.query_instructions,
            argument=argument,
            method=function.method,
            keeps=False,
            is_replicated=False,
        )
    )
    if outcome.failure is not None:
        raise Refused(outcome.failure)
    if not isinstance(outcome.answer, Reply):
        text = f"Canister {call.caller} did not produce a response"
        raise Refused(outcome.answer) if outcome.answer else refuse("IC0506", text)
    try:
        (result,) = interface.results("http_request").decode(outcome.answer.data)
    except CandidError as error:
        raise refuse(
            "IC0202", f"The transform function's reply does not decode: {error}"
        ) from error
    return dict(result)
