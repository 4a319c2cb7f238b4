"""``install``, ``upgrade``, ``reinstall``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sandbox.cli.arguments import argument_file_option, given_argument
from sandbox.cli.commands import command
from sandbox.cli.common import (
    as_option,
    confirmed,
    did_option,
    existing,
    json_option,
    log_shown,
    opened,
    principal_of,
)
from sandbox.cli.completion import complete_canisters, complete_new_canisters
from sandbox.cli.installing import Done, install_new
from sandbox.cli.profiles import profile_option, profiled
from sandbox.cli.project import new_code, next_code
from sandbox.cli.values import cycles as cycles_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.principal import Principal

_MODULE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _code_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--argument", metavar="CANDID", help="The argument as Candid text."),
        argument_file_option,
        did_option,
        as_option,
        json_option,
    ):
        command = option(command)
    return command


@command()
@click.argument("name", shell_complete=complete_new_canisters)
@click.argument("module", type=_MODULE, required=False)
@click.option("--cycles", type=cycles_of, metavar="CYCLES", help="The balance: a number, or 5T.")
@click.option(
    "--id",
    "specified_id",
    metavar="PRINCIPAL",
    callback=lambda _ctx, _parameter, value: principal_of(value),
    help="Give the canister this id.",
)
@_code_options
def install(
    name: str,
    module: Path | None,
    cycles: int | None,
    specified_id: Principal | None,
    argument: str | None,
    argument_file: Path | None,
    did: Path | None,
    caller: Principal | None,
    *,
    as_json: bool,
) -> None:
    """Create a canister called NAME and install MODULE (.wasm, .wasm.gz, .wat) into it.

    Without MODULE, NAME is a canister of the project around the working directory (icp.yaml,
    dfx.json, mops.toml): its own build runs if sources changed, and init argument and interface
    are the project's unless given.

    \b
    Examples:
      canister-sandbox install backend
      canister-sandbox install counter counter.wasm
      canister-sandbox install ledger ledger.wasm.gz --did ledger.did --argument-file init.arg
    """
    code = new_code(name, module, given_argument(argument, argument_file), did)
    with opened(begins=True) as ic:
        options: dict[str, Any] = {} if cycles is None else {"cycles": cycles}
        canister, report = install_new(ic, name, code, caller, specified_id=specified_id, **options)
        done = Done.of(name, canister, report)
    done.say("installed", as_json=as_json)


@command()
@click.argument("name", shell_complete=complete_canisters)
@click.argument("module", type=_MODULE, required=False)
@click.option("--skip-pre-upgrade", is_flag=True, help="Do not run the old pre_upgrade.")
@click.option(
    "--persistence",
    type=click.Choice(["auto", "keep", "replace", "null"]),
    default="auto",
    show_default=True,
    help="What becomes of the heap; auto keeps it for Motoko's enhanced persistence.",
)
@profile_option
@_code_options
def upgrade(
    name: str,
    module: Path | None,
    persistence: str,
    argument: str | None,
    argument_file: Path | None,
    did: Path | None,
    profile_to: Path | None,
    caller: Principal | None,
    *,
    skip_pre_upgrade: bool,
    as_json: bool,
) -> None:
    """Upgrade canister NAME to MODULE, keeping stable memory.

    Without MODULE, to what the project around the working directory now builds by that NAME,
    with its init argument unless one is given.

    If any step fails, everything is as it was, and the exit code is 1. Take a snapshot
    first (`snapshot take`) to get back from an upgrade that succeeds and is wrong.

    \b
    Examples:
      canister-sandbox upgrade backend
      canister-sandbox upgrade counter v2.wasm --argument '()'
      canister-sandbox upgrade ledger v2.wasm --profile upgrade.svg
    """
    code = next_code(name, module, given_argument(argument, argument_file), did)
    with opened() as ic:
        canister = existing(ic, name)
        with log_shown(canister), profiled(ic, profile_to), code.named():
            report = canister.upgrade(
                code.module,
                code.message(canister),
                did=code.did,
                skip_pre_upgrade=skip_pre_upgrade,
                persistence=None if persistence == "null" else persistence,
                caller=caller,
            )
        done = Done.of(name, canister, report)
    done.say("upgraded", as_json=as_json)


@command()
@click.argument("name", shell_complete=complete_canisters)
@click.argument("module", type=_MODULE, required=False)
@confirmed("Heap and stable memory will be lost. Go on?")
@_code_options
def reinstall(
    name: str,
    module: Path | None,
    argument: str | None,
    argument_file: Path | None,
    did: Path | None,
    caller: Principal | None,
    *,
    as_json: bool,
) -> None:
    """Install MODULE into canister NAME anew; its heap and stable memory are lost.

    Without MODULE, what the project around the working directory builds by that NAME.

    \b
    Examples:
      canister-sandbox reinstall backend --yes
      canister-sandbox reinstall counter counter.wasm --yes
    """
    code = next_code(name, module, given_argument(argument, argument_file), did)
    with opened() as ic:
        canister = existing(ic, name)
        with log_shown(canister), code.named():
            data = code.message(canister)
            report = canister.reinstall(code.module, data, did=code.did, caller=caller)
        done = Done.of(name, canister, report)
    done.say("reinstalled", as_json=as_json)
