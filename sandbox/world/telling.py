"""A trace as text: a line per call, below it a line per message that ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.messages import Answer, Reject, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.principal import Principal
    from sandbox.world.tracing import Execution, Span


class Wording:
    """What canisters are called and how bytes are shown: here, as the world knows them."""

    def name(self, who: Principal) -> str:
        """Return what a canister or user is called, as long as a table can bear."""
        text = str(who)
        return text if len(text) <= 27 else f"{text[:11]}…{text[-3:]}"

    def arguments(self, canister: Principal, method: str, data: bytes) -> str:  # noqa: ARG002
        """Return a call's arguments in parentheses; empty when there is nothing to tell."""
        return ""

    def reply(self, canister: Principal, method: str, data: bytes) -> str:  # noqa: ARG002
        """Return what was answered."""
        return f"{len(data):,} bytes"

    def answer(self, canister: Principal, method: str, answer: Answer | None) -> str:
        """Return an answer in a few words."""
        match answer:
            case Reply():
                return self.reply(canister, method, answer.data)
            case Reject():
                first_line = answer.message.partition("\n")[0]
                return f"reject {int(answer.code)} {answer.error_code}: {first_line}"
            case None:
                return "no answer yet"


def told(roots: list[Span], wording: Wording) -> Iterator[str]:
    """Yield the lines of some trees."""
    for root in roots:
        yield from _lines(root, "", "", wording)


def _lines(span: Span, first: str, rest: str, wording: Wording) -> Iterator[str]:
    yield first + _headline(span, wording)
    for item in span.executions:
        yield f"{rest}{'│' if span.calls else ' '}   {_execution_line(item)}"
    for number, call in enumerate(span.calls):
        is_last = number == len(span.calls) - 1
        branch, trunk = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
        yield from _lines(call, rest + branch, rest + trunk, wording)


def _headline(span: Span, wording: Wording) -> str:
    text = f"{wording.name(span.canister)}.{span.method}"
    if span.argument is not None:
        text += wording.arguments(span.canister, span.method, span.argument)
    if span.caller is not None:
        text += f" from {wording.name(span.caller)}"
    if span.cycles:
        text += f" with {span.cycles:,} cycles"
    if span.accepted_cycles:
        text += f", {span.accepted_cycles:,} accepted"
    if span.is_continued:
        text += " (continued)"
    if span.caller is not None or span.answer is not None:
        text += f" → {wording.answer(span.canister, span.method, span.answer)}"
    return text


def _execution_line(item: Execution) -> str:
    pages = item.heap_pages + item.stable_pages
    size = f"{item.instructions:,} instructions, {pages:,} page{'' if pages == 1 else 's'}"
    failed = "" if item.failure is None else f", rolled back: {item.failure.error_code}"
    return f"{item.entry}: {size}{failed}"
