"""How a sandbox tells of its canisters: by the names it gave them, values instead of bytes."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Final
from weakref import ref

from sandbox.candid.errors import CandidError
from sandbox.errors import SandboxError
from sandbox.interface import MethodCodec
from sandbox.management.interface import interface
from sandbox.principal import DEFAULT_IDENTITY, Principal
from sandbox.world.telling import Wording

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.handle import Canister
    from sandbox.sandbox import Sandbox

# Of arguments or a reply: a trace is looked over, not read like a dump.
_MOST_CHARACTERS: Final = 120
_ONE_LINE: Final = 1_000_000
_CANDID: Final = b"DIDL"


class SandboxWording(Wording):
    """The words of one sandbox, as long as there is one: a trace does not keep it alive."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = ref(sandbox)

    def name(self, who: Principal) -> str:
        """Return the sandbox's name for a canister; ``you`` for its identity."""
        sandbox = self._sandbox()
        if sandbox is None:
            return super().name(who)
        if who == sandbox.identity:
            return "you"
        return sandbox.name_of(who) or super().name(who)

    def arguments(self, canister: Principal, method: str, data: bytes) -> str:
        """Return a call's arguments as Candid text, shortened."""
        return self._shown(canister, method, data, MethodCodec.format_arguments)

    def reply(self, canister: Principal, method: str, data: bytes) -> str:
        """Return a reply as Candid text, shortened."""
        return self._shown(canister, method, data, MethodCodec.format)

    def _shown(
        self, canister: Principal, method: str, data: bytes, form: Callable[..., str]
    ) -> str:
        size = f"({len(data):,} bytes)" if data else "()"
        sandbox = self._sandbox()
        if sandbox is None or not data.startswith(_CANDID):
            return size
        try:
            text = form(_codec(sandbox, canister, method), data, width=_ONE_LINE)
        except (CandidError, SandboxError):
            return size
        return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


def _codec(sandbox: Sandbox, canister: Principal, method: str) -> MethodCodec:
    if canister == Principal.management():
        return interface().method(method)
    return sandbox.canister(canister).codec(method)


def call_command(
    canister: Canister,
    method: str,
    data: bytes,
    *,
    caller: Principal | None,
    cycles: int = 0,
    is_query: bool = False,
) -> str | None:
    """Return the command that makes a call, from ``call`` on.

    None when no Candid text encodes to the argument's bytes.
    """
    codec = canister.codec(method)
    try:
        text = codec.format_arguments(data)
        if codec.encode_text(text) != data:
            return None
    except CandidError:
        return None
    name = canister.sandbox.name_of(canister.id) or str(canister.id)
    words = ["call", quote(name), quote(method), quote(text)]
    words += ["--query" if is_query else "--update"]
    words += ["--as", str(caller)] if caller not in (None, DEFAULT_IDENTITY) else []
    words += ["--cycles", str(cycles)] if cycles else []
    return " ".join(words)
