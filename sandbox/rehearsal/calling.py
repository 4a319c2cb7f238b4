"""Calls of a plan, made; and what came of one, as a value that can be compared."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import dropwhile
from typing import TYPE_CHECKING, Any, Final

from sandbox.candid.errors import CandidError

if TYPE_CHECKING:
    from sandbox.errors import CanisterRejected
    from sandbox.handle import Canister
    from sandbox.interface import CanisterInterface, MethodCodec
    from sandbox.principal import Principal
    from sandbox.rehearsal.plan import Call


# How methods begin that compilers add: candid's, Motoko's.
HIDDEN: Final = ("__", "@")
# Whose error it is stands beside it already.
_FRAME: Final = re.compile(r"^Error from Canister [a-z0-9-]+: ")
# The functions of Rust's runtime that every panic goes through; what they call is the CDK's hook.
_RUNTIME: Final = re.compile(
    r"std::panicking::\w*panic|std::sys::backtrace::__rust_end_short|(__rustc::)?rust_begin_unwind"
)
# What panics, or traps, on behalf of whom it was called by: for an index, an unwrap, a borrow.
_HELPER: Final = re.compile(
    r"ic0::|ic_cdk\w*::(\S*::)?trap\b"
    r"|core::panicking::|core::(\w+::)+\w*(panic|fail)"
    r"|<?alloc::\S*(handle_\w*error|capacity_overflow|assert_failed)"
)
_SHOWN_FUNCTIONS: Final = 4


@dataclass(frozen=True, slots=True)
class Probe:
    """A call as an old client makes it: the same bytes before and after.

    name: the call as text.
    """

    name: str
    method: str
    data: bytes
    caller: Principal | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A probe and its outcome.

    data: the reply; None when it failed, and then ``failure`` says why.
    instructions: of the canister's own execution.
    """

    probe: Probe
    data: bytes | None
    failure: str = ""
    instructions: int = 0

    @property
    def name(self) -> str:
        """The probe's name."""
        return self.probe.name


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads replies as old clients do; what they cannot read, as the new module means it.

    ignore: what is not compared, as ``ignoring`` reads it.
    """

    old: CanisterInterface
    new: CanisterInterface
    ignore: frozenset[str] = frozenset()

    def value(self, method: str, data: bytes) -> Any:
        """Return a reply as values."""
        return value_of(data, (self.old.method(method), self.new.method(method)))


def encoded(codec: MethodCodec, argument: str | bytes) -> bytes:
    """Return an argument as bytes. Raises: CandidError."""
    return codec.encode_text(argument) if isinstance(argument, str) else argument


def send(canister: Canister, call: Call, caller: Principal | None = None) -> bytes:
    """Make a call as an update. Raises: CanisterRejected, CandidError."""
    data = encoded(canister.codec(call.method), call.argument)
    return canister.update_raw(call.method, data, caller=call.caller or caller)


def probe_of(interface: CanisterInterface, call: Call) -> Probe:
    """Return a call as clients of an interface make it. Raises: CandidError."""
    data = encoded(interface.method(call.method), call.argument)
    return Probe(str(call), call.method, data, call.caller)


def interface_for(call: Call, reader: Reader) -> CanisterInterface:
    """Return the interface to make a call by: the old one, which clients go on using."""
    return reader.old if call.method in reader.old.exported else reader.new


def ask(canister: Canister, probe: Probe, caller: Principal) -> bytes:
    """Make a probe as a query. Raises: CanisterRejected."""
    return canister.query_raw(probe.method, probe.data, caller=probe.caller or caller)


def tell(canister: Canister, probe: Probe, caller: Principal) -> bytes:
    """Make a probe as an update. Raises: CanisterRejected."""
    return canister.update_raw(probe.method, probe.data, caller=probe.caller or caller)


def said(error: CanisterRejected) -> str:
    """Return a reject on one line, with where it trapped."""
    lines = [line for line in error.message.splitlines() if line.strip()]
    first = _FRAME.sub("", lines[0]).rstrip(".") if lines else ""
    text = f"{error.error_code}: {first}"
    places = _places(error.backtrace)
    return f"{text} (in {' < '.join(places)})" if places else text


def _places(backtrace: tuple[str, ...]) -> tuple[str, ...]:
    """Return the innermost functions that say where it was, rather than how Rust panics."""
    runtime = [at for at, name in enumerate(backtrace) if _RUNTIME.match(name)]
    outside = backtrace[runtime[-1] + 1 :] if runtime else backtrace
    telling = tuple(dropwhile(_HELPER.match, outside))
    return (telling or backtrace)[:_SHOWN_FUNCTIONS]


def value_of(data: bytes, codecs: tuple[MethodCodec, ...]) -> Any:
    """Return a reply as values, by the first codec that can read it; else its bytes."""
    if data.startswith(b"DIDL"):
        for codec in codecs:
            with suppress(CandidError):
                return codec.decode(data)
    return data
