"""Calls of a plan, made; and what came of one, as a value that can be compared."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sandbox.candid.errors import CandidError

if TYPE_CHECKING:
    from sandbox.errors import CanisterRejected
    from sandbox.handle import Canister
    from sandbox.interface import MethodCodec
    from sandbox.principal import Principal
    from sandbox.rehearsal.plan import Call


# Whose error it is stands beside it already.
_FRAME: Final = re.compile(r"^Error from Canister [a-z0-9-]+: ")


@dataclass(frozen=True, slots=True)
class Reading:
    """A call and its outcome.

    data: the reply; None when it failed, and then ``failure`` says why.
    instructions: of the canister's own execution.
    """

    call: Call
    data: bytes | None
    failure: str = ""
    instructions: int = 0

    @property
    def name(self) -> str:
        """The call as text."""
        return str(self.call)


def encoded(codec: MethodCodec, argument: str | bytes) -> bytes:
    """Return an argument as bytes. Raises: CandidError."""
    return codec.encode_text(argument) if isinstance(argument, str) else argument


def send(canister: Canister, call: Call, caller: Principal | None = None) -> bytes:
    """Make a call as an update. Raises: CanisterRejected, CandidError."""
    data = encoded(canister.codec(call.method), call.argument)
    return canister.update_raw(call.method, data, caller=call.caller or caller)


def ask(canister: Canister, call: Call, caller: Principal) -> bytes:
    """Make a call as a query. Raises: CanisterRejected, CandidError."""
    data = encoded(canister.codec(call.method), call.argument)
    return canister.query_raw(call.method, data, caller=call.caller or caller)


def said(error: CanisterRejected) -> str:
    """Return a reject on one line, with where it trapped."""
    lines = [line for line in error.message.splitlines() if line.strip()]
    first = _FRAME.sub("", lines[0]).rstrip(".") if lines else ""
    text = f"{error.error_code}: {first}"
    return f"{text} (in {' < '.join(error.backtrace[:4])})" if error.backtrace else text


def value_of(data: bytes, codecs: tuple[MethodCodec, ...]) -> Any:
    """Return a reply as values, by the first codec that can read it; else its bytes."""
    if data.startswith(b"DIDL"):
        for codec in codecs:
            with suppress(CandidError):
                return codec.decode(data)
    return data


def text_of(data: bytes, codecs: tuple[MethodCodec, ...]) -> str:
    """Return a reply as Candid text, by the first codec that can read it; else as hex."""
    if data.startswith(b"DIDL"):
        for codec in codecs:
            with suppress(CandidError):
                return codec.format(data)
    return f"0x{data.hex()}"
