"""``call``: one message in, one answer out."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

import click

from sandbox.candid.errors import CandidError
from sandbox.cli.commands import command
from sandbox.cli.common import (
    as_option,
    candid_argument,
    existing,
    json_option,
    log_shown,
    opened,
)
from sandbox.cli.completion import complete_canisters, complete_methods
from sandbox.cli.exits import CanisterFailed
from sandbox.cli.output import print_json, say
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.history import Point
    from sandbox.interface import MethodCodec
    from sandbox.principal import Principal
    from sandbox.sandbox import Sandbox


@command()
@click.argument("name", shell_complete=complete_canisters)
@click.argument("method", shell_complete=complete_methods)
@click.argument("argument", required=False)
@click.option("--query", "kind", flag_value="query", help="Call as a query.")
@click.option("--update", "kind", flag_value="update", help="Call as an update.")
@click.option(
    "--argument-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The argument as bytes or Candid text, instead of ARGUMENT.",
)
@click.option(
    "--cycles", type=click.IntRange(min=0), default=0, help="Cycles to attach to an update."
)
@click.option("--raw", is_flag=True, help="Print the reply's bytes in hex.")
@click.option(
    "--keep-trap",
    is_flag=True,
    help="If a canister traps, keep its state just before as a snapshot, and say how to replay.",
)
@as_option
@json_option
def call(
    name: str,
    method: str,
    argument: str | None,
    kind: str | None,
    argument_file: Path | None,
    cycles: int,
    caller: Principal | None,
    *,
    raw: bool,
    keep_trap: bool,
    as_json: bool,
) -> None:
    """Call METHOD of canister NAME with ARGUMENT, Candid text, and print its answer.

    A method that the interface calls a query is called as one, unless told otherwise.
    What the canister prints meanwhile goes to standard error. When the answer is printed,
    the new state is saved.

    \b
    Examples:
      canister-sandbox call counter inc
      canister-sandbox call ledger icrc1_balance_of '(record { owner = principal "aaaaa-aa" })'
      canister-sandbox call counter get --query --json
      canister-sandbox call counter migrate --keep-trap
    """
    with opened() as ic:
        canister = existing(ic, name)
        codec = canister.codec(method)
        data = candid_argument(codec, argument, argument_file)
        is_query = kind == "query" or (kind is None and codec.is_query)
        if is_query and cycles:
            raise UsageError("a query cannot carry cycles; call it with --update")
        with log_shown(canister), _trap_kept(ic) if keep_trap else nullcontext():
            if is_query:
                reply = canister.query_raw(method, data, caller=caller)
            else:
                reply = canister.update_raw(method, data, caller=caller, cycles=cycles)
    _show(codec, reply, raw=raw, as_json=as_json)


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
