"""``install``, ``upgrade``, ``reinstall``."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sandbox.cli.arguments import Argument, argument_file_option, encoded, expected, given_argument
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
from sandbox.cli.completion import complete_canisters
from sandbox.cli.output import print_json, say
from sandbox.cli.profiles import profile_option, profiled
from sandbox.cli.values import cycles as cycles_of
from sandbox.errors import CanisterRejected, ModuleRefused, SandboxError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.execution.lifecycle import InstallReport
    from sandbox.handle import Canister
    from sandbox.principal import Principal

# The replica's code for a module that is none.
_NO_MODULE: Final = "IC0505"
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
@click.argument("name")
@click.argument("module", type=_MODULE)
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
    module: Path,
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

    \b
    Examples:
      canister-sandbox install counter counter.wasm
      canister-sandbox install ledger ledger.wasm.gz --did ledger.did --argument-file init.arg
    """
    given = given_argument(argument, argument_file)
    with opened(begins=True) as ic:
        options: dict[str, Any] = {} if cycles is None else {"cycles": cycles}
        canister = ic.create_canister(
            name=name, specified_id=specified_id, caller=caller, **options
        )
        try:
            with log_shown(canister), _module_named(module):
                data = _message(canister, module, given, did)
                report = canister.install(module, data, did=did, caller=caller)
        except BaseException:
            ic.world.forget(canister.id)
            raise
        done = _Done(name, str(canister.id), canister.module_hash or b"", report)
    _say("installed", done, as_json=as_json)


@command()
@click.argument("name", shell_complete=complete_canisters)
@click.argument("module", type=_MODULE)
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
    module: Path,
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

    If any step fails, everything is as it was, and the exit code is 1. Take a snapshot
    first (`snapshot take`) to get back from an upgrade that succeeds and is wrong.

    \b
    Examples:
      canister-sandbox upgrade counter v2.wasm --argument '()'
      canister-sandbox upgrade ledger v2.wasm --profile upgrade.svg
    """
    given = given_argument(argument, argument_file)
    with opened() as ic:
        canister = existing(ic, name)
        with log_shown(canister), profiled(ic, profile_to), _module_named(module):
            report = canister.upgrade(
                module,
                _message(canister, module, given, did),
                did=did,
                skip_pre_upgrade=skip_pre_upgrade,
                persistence=None if persistence == "null" else persistence,
                caller=caller,
            )
        done = _Done(name, str(canister.id), canister.module_hash or b"", report)
    _say("upgraded", done, as_json=as_json)


@command()
@click.argument("name", shell_complete=complete_canisters)
@click.argument("module", type=_MODULE)
@confirmed("Heap and stable memory will be lost. Go on?")
@_code_options
def reinstall(
    name: str,
    module: Path,
    argument: str | None,
    argument_file: Path | None,
    did: Path | None,
    caller: Principal | None,
    *,
    as_json: bool,
) -> None:
    """Install MODULE into canister NAME anew; its heap and stable memory are lost.

    \b
    Example:
      canister-sandbox reinstall counter counter.wasm --yes
    """
    given = given_argument(argument, argument_file)
    with opened() as ic:
        canister = existing(ic, name)
        with log_shown(canister), _module_named(module):
            data = _message(canister, module, given, did)
            report = canister.reinstall(module, data, did=did, caller=caller)
        done = _Done(name, str(canister.id), canister.module_hash or b"", report)
    _say("reinstalled", done, as_json=as_json)


@contextmanager
def _module_named(module: Path) -> Iterator[None]:
    """Say which file it was when it is no module: the replica's text cannot know."""
    try:
        yield
    except SandboxError as error:
        is_the_modules = isinstance(error, CanisterRejected) and error.error_code == _NO_MODULE
        if is_the_modules or isinstance(error, ModuleRefused):
            error.add_note(f"The module is {module}.")
        raise


@dataclass(frozen=True, slots=True)
class _Done:
    name: str
    canister_id: str
    module_hash: bytes
    report: InstallReport


def _say(what: str, done: _Done, *, as_json: bool) -> None:
    stages = done.report.stages
    if as_json:
        print_json(
            {
                "name": done.name,
                "id": done.canister_id,
                "module_hash": done.module_hash,
                "stages": [{"name": it.name, "instructions": it.instructions} for it in stages],
            }
        )
        return
    say(f"{what} {done.name} ({done.canister_id}), module {done.module_hash.hex()[:16]}…")
    for stage in stages:
        say(f"  {stage.name}: {stage.instructions:,} instructions")


def _message(canister: Canister, module: Path, given: Argument, did: Path | None) -> bytes:
    codec = canister.init_codec(module, did)
    if not given.is_given and codec.func is not None and codec.func.args:
        types = expected(codec.func, codec.env)
        raise UsageError(f"this module is installed with an argument; give --argument '{types}'")
    return encoded(codec, given)
