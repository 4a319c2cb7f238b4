"""``call``: one message in, one answer out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sandbox.cli.common import as_option, json_option, log_shown, opened, print_json
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from sandbox.principal import Principal


@click.command()
@click.argument("name")
@click.argument("method")
@click.argument("argument", default="()")
@click.option("--query", "kind", flag_value="query", help="Call as a query.")
@click.option("--update", "kind", flag_value="update", help="Call as an update.")
@click.option(
    "--argument-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The argument's bytes, instead of ARGUMENT.",
)
@click.option("--cycles", default=0, help="Cycles to attach to an update.")
@as_option
@json_option
def call(
    name: str,
    method: str,
    argument: str,
    kind: str | None,
    argument_file: Path | None,
    cycles: int,
    caller: Principal | None,
    *,
    as_json: bool,
) -> None:
    """Call METHOD of canister NAME with ARGUMENT, Candid text, and print its answer.

    A method that the interface calls a query is called as one, unless told otherwise.
    What the canister prints meanwhile goes to standard error.

    \b
    Examples:
      canister-sandbox call counter inc
      canister-sandbox call ledger icrc1_balance_of '(record { owner = principal "aaaaa-aa" })'
      canister-sandbox call counter get --query --json
    """
    with opened() as ic:
        canister = ic.canister(name)
        codec = canister.codec(method)
        data = argument_file.read_bytes() if argument_file else codec.encode_text(argument)
        is_query = kind == "query" or (kind is None and codec.is_query)
        if is_query and cycles:
            raise UsageError("a query cannot carry cycles")
        with log_shown(canister):
            if is_query:
                reply = canister.query_raw(method, data, caller=caller)
            else:
                reply = canister.update_raw(method, data, caller=caller, cycles=cycles)
        if as_json:
            print_json(codec.decode(reply))
        else:
            click.echo(codec.format(reply))
