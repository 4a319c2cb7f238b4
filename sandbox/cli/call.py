"""``call``: one message in, one answer out."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from textwrap import indent
from typing import TYPE_CHECKING, Any, Final

import click

from sandbox.candid.errors import CandidError
from sandbox.cli.arguments import Argument, argument_file_option, encoded, given_argument
from sandbox.cli.commands import command
from sandbox.cli.common import (
    as_option,
    existing,
    json_option,
    log_shown,
    opened,
)
from sandbox.cli.completion import complete_canisters, complete_methods
from sandbox.cli.exits import CanisterFailed
from sandbox.cli.managing import MANAGEMENT
from sandbox.cli.output import print_json, say
from sandbox.cli.profiles import profile_option, profiled
from sandbox.cli.values import cycles as cycles_of
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.history import Point
    from sandbox.interface import MethodCodec
    from sandbox.principal import Principal
    from sandbox.sandbox import Sandbox

_QUERY: Final = "query"
_UPDATE: Final = "update"


@command()
@click.argument("name", shell_complete=complete_canisters)
@click.argument("method", shell_complete=complete_methods)
@click.argument("argument", required=False)
@click.option("--query", "as_query", is_flag=True, help="Call as a query.")
@click.option("--update", "as_update", is_flag=True, help="Call as an update.")
@argument_file_option
@click.option(
    "--cycles",
    type=cycles_of,
    metavar="CYCLES",
    default="0",
    help="Cycles to attach to an update: a number, or 5T.",
)
@click.option("--raw", is_flag=True, help="Print the reply's bytes in hex.")
@click.option(
    "--keep-trap",
    is_flag=True,
    help="If a canister traps, keep its state just before as a snapshot, and say how to replay.",
)
@profile_option
@as_option
@json_option
def call(
    name: str,
    method: str,
    argument: str | None,
    argument_file: Path | None,
    cycles: int,
    profile_to: Path | None,
    caller: Principal | None,
    *,
    as_query: bool,
    as_update: bool,
    raw: bool,
    keep_trap: bool,
    as_json: bool,
) -> None:
    """Call METHOD of canister NAME with ARGUMENT, Candid text, and print its answer.

    A single value needs no parentheses, and a text no quotes: call ledger balance_of ada.
    A method that the interface calls a query is called as one, unless told otherwise.
    What the canister prints meanwhile goes to standard error. When the answer is printed,
    the new state is saved. A query changes nothing: its log is shown and not kept.

    NAME may be aaaaa-aa, the management canister, for all that has no command here.

    \b
    Examples:
      canister-sandbox call counter inc
      canister-sandbox call ledger icrc1_balance_of '(record { owner = principal "aaaaa-aa" })'
      canister-sandbox call counter get --query --json
      echo '("ada", 5)' | canister-sandbox call ledger award --argument-file -
      canister-sandbox call counter migrate --keep-trap
      canister-sandbox call aaaaa-aa update_settings --argument-file settings.txt
      canister-sandbox call ledger icrc1_transfer '(…)' --profile transfer.svg
    """
    if as_query and as_update:
        raise UsageError("a call is a query or an update: give --query or --update, not both")
    kind = _QUERY if as_query else _UPDATE if as_update else None
    message = _Message(
        name,
        method,
        given_argument(argument, argument_file),
        cycles,
        caller,
        kind,
        keep_trap,
        profile_to,
    )
    codec, reply = _answered(message)
    _show(codec, reply, raw=raw, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Message:
    """What to send. kind: None when the interface says whether it is a query."""

    name: str
    method: str
    argument: Argument
    cycles: int
    caller: Principal | None
    kind: str | None
    keeps_trap: bool
    profile_to: Path | None

    def is_query(self, ic: Sandbox) -> bool:
        if self.kind is not None:
            return self.kind == _QUERY
        if self.name == MANAGEMENT:  # it decides itself what is one
            return False
        return existing(ic, self.name).codec(self.method).is_query


def _answered(message: _Message) -> tuple[MethodCodec, bytes]:
    """Open the world and call: a query looks only, and needs not wait for others that look.

    What is a query stands in the world, so it is looked at first unless it was said.
    """
    if message.kind != _UPDATE and not message.keeps_trap:
        with opened(saving=False) as ic:
            if message.is_query(ic):
                return _sent(ic, message)
    with opened() as ic, _trap_kept(ic) if message.keeps_trap else nullcontext():
        return _sent(ic, message)


def _managed(ic: Sandbox, message: _Message) -> tuple[MethodCodec, bytes]:
    """Call the management canister."""
    from sandbox.management.interface import interface

    codec = interface().method(message.method)
    data = encoded(codec, message.argument)
    with profiled(ic, message.profile_to):
        reply = ic.management.call_raw(
            message.method, data, caller=message.caller, cycles=message.cycles
        )
    return codec, reply


def _sent(ic: Sandbox, message: _Message) -> tuple[MethodCodec, bytes]:
    if message.name == MANAGEMENT:
        return _managed(ic, message)
    canister = existing(ic, message.name)
    codec = canister.codec(message.method)
    data = encoded(codec, message.argument)
    who, cycles = message.caller, message.cycles
    is_query = message.is_query(ic)
    if is_query and cycles:
        raise UsageError("a query cannot carry cycles; call it with --update")
    with log_shown(canister), profiled(ic, message.profile_to):
        if is_query:
            return codec, canister.query_raw(message.method, data, caller=who)
        return codec, canister.update_raw(message.method, data, caller=who, cycles=cycles)


@contextmanager
def _trap_kept(ic: Sandbox) -> Iterator[None]:
    """Keep the state before a trap; the error then says where it is and how to go on."""
    ic.history.record(keeps_traps=True)
    try:
        yield
    finally:
        error = sys.exception()
        if error is not None:
            for point in ic.history:
                for line in _kept(ic, point):
                    error.add_note(line)


def _kept(ic: Sandbox, point: Point) -> Iterator[str]:
    if point.not_kept:
        yield f"The state before {point.entry!r} could not be kept: {point.not_kept}"
    if point.snapshot is None:
        return
    command = ic.history.command(point)
    yield f"The state just before is kept as snapshot {point.snapshot.id}."
    if command is None:
        yield "Its message was no call from outside; canister-sandbox snapshot show looks into it."
    else:
        yield f"To replay the message:\n{indent(command, '  ')}"


def _show(codec: MethodCodec, reply: bytes, *, raw: bool, as_json: bool) -> None:
    is_candid = codec.func is not None or reply.startswith(b"DIDL")
    if not is_candid and not raw and not as_json:
        say("the reply is not Candid; its bytes in hex:", err=True)
    try:
        if raw or not is_candid:
            shown: Any = reply
        else:
            shown = codec.decode(reply) if as_json else codec.format(reply)
    except CandidError as error:
        raise CanisterFailed(
            f"the reply is not what the interface promises: {error}\n"
            f"The call was made; --raw shows the bytes of such a reply: {reply[:32].hex()}…"
        ) from error
    if as_json:
        print_json(shown)
    else:
        say(shown.hex() if isinstance(shown, bytes) else shown)
