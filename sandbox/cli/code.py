"""``install``, ``upgrade``, ``reinstall``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sandbox.cli.common import as_option, json_option, log_shown, opened, print_json
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.handle import Canister
    from sandbox.lifecycle import InstallReport
    from sandbox.principal import Principal

_MODULE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _code_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--argument", metavar="CANDID", help="The argument as Candid text."),
        click.option("--argument-file", type=_MODULE, help="The argument's bytes, or Candid text."),
        click.option("--did", type=_MODULE, help="The interface, if the module carries none."),
        as_option,
        json_option,
    ):
        command = option(command)
    return command


@click.command()
@click.argument("name")
@click.argument("module", type=_MODULE)
@click.option("--cycles", type=int, help="The canister's balance.")
@click.option("--id", "specified_id", help="Give the canister this id.")
@_code_options
def install(
    name: str,
    module: Path,
    cycles: int | None,
    specified_id: str | None,
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
    with opened() as ic:
        options: dict[str, Any] = {} if cycles is None else {"cycles": cycles}
        canister = ic.create_canister(
            name=name, specified_id=specified_id, caller=caller, **options
        )
        try:
            with log_shown(canister):
                data = _argument(canister, module, argument, argument_file, did)
                report = canister.install(module, data, did=did, caller=caller)
        except BaseException:
            ic.world.forget(canister.id)
            raise
        _say(canister, name, "installed", report, as_json=as_json)


@click.command()
@click.argument("name")
@click.argument("module", type=_MODULE)
@click.option("--skip-pre-upgrade", is_flag=True, help="Do not run the old pre_upgrade.")
@click.option(
    "--persistence",
    type=click.Choice(["auto", "keep", "replace", "null"]),
    default="auto",
    show_default=True,
    help="What becomes of the heap; auto keeps it for Motoko's enhanced persistence.",
)
@_code_options
def upgrade(
    name: str,
    module: Path,
    persistence: str,
    argument: str | None,
    argument_file: Path | None,
    did: Path | None,
    caller: Principal | None,
    *,
    skip_pre_upgrade: bool,
    as_json: bool,
) -> None:
    """Upgrade canister NAME to MODULE, keeping stable memory.

    If any step fails, everything is as it was, and the exit code is 1. Take a snapshot
    first (`snapshot take`) to get back from an upgrade that succeeds and is wrong.

    \b
    Example:
      canister-sandbox upgrade counter v2.wasm --argument '()'
    """
    with opened() as ic:
        canister = ic.canister(name)
        with log_shown(canister):
            report = canister.upgrade(
                module,
                _argument(canister, module, argument, argument_file, did),
                did=did,
                skip_pre_upgrade=skip_pre_upgrade,
                persistence=None if persistence == "null" else persistence,
                caller=caller,
            )
        _say(canister, name, "upgraded", report, as_json=as_json)


@click.command()
@click.argument("name")
@click.argument("module", type=_MODULE)
@click.confirmation_option(prompt="Heap and stable memory will be lost. Go on?")
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
    """Install MODULE into canister NAME anew; its heap and stable memory are lost."""
    with opened() as ic:
        canister = ic.canister(name)
        with log_shown(canister):
            data = _argument(canister, module, argument, argument_file, did)
            report = canister.reinstall(module, data, did=did, caller=caller)
        _say(canister, name, "reinstalled", report, as_json=as_json)


def _argument(
    canister: Canister, module: Path, text: str | None, file: Path | None, did: Path | None
) -> bytes:
    if text is not None and file is not None:
        raise UsageError("give --argument or --argument-file, not both")
    codec = canister.init_codec(module, did)
    if file is None:
        return codec.encode_text(text if text is not None else "()")
    data = file.read_bytes()
    return (
        data if data.startswith(b"DIDL") or not _is_text(data) else codec.encode_text(data.decode())
    )


def _is_text(data: bytes) -> bool:
    return data.lstrip().startswith(b"(")


def _say(canister: Canister, name: str, done: str, report: InstallReport, *, as_json: bool) -> None:
    module_hash = (canister.module_hash or b"").hex()
    if as_json:
        stages = [
            {"name": stage.name, "instructions": stage.instructions} for stage in report.stages
        ]
        print_json(
            {"name": name, "id": str(canister.id), "module_hash": module_hash, "stages": stages}
        )
        return
    click.echo(f"{done} {name} ({canister.id}), module {module_hash[:16]}…")
    for stage in report.stages:
        click.echo(f"  {stage.name}: {stage.instructions:,} instructions")
