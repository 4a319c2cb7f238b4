"""``canister-sandbox did``: show, check and compare Candid interfaces.

An interface is named by a ``.did`` file or by a module that carries one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sandbox.candid import format_interface, load_interface
from sandbox.candid.compat import Severity, compare
from sandbox.candid.errors import CandidError
from sandbox.candid.types import Service
from sandbox.cli.common import json_option
from sandbox.cli.groups import SuggestingGroup
from sandbox.cli.output import print_json, say
from sandbox.errors import SandboxError, UsageError

if TYPE_CHECKING:
    from sandbox.candid.types import Interface

_INTERFACE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(cls=SuggestingGroup)
def did() -> None:
    """Show, check and compare Candid interfaces.

    An interface is a .did file, or a module (.wasm, .wasm.gz, .wat) that carries one: as
    metadata candid:service, or in what its function get_candid_pointer returns, which
    ic_cdk::export_candid!() makes.

    \b
    Examples:
      canister-sandbox did show ledger.wasm.gz
      canister-sandbox did diff old.did new.did
      canister-sandbox did stub ledger.did > ledger.pyi
    """


@did.command()
@click.argument("interface", type=_INTERFACE)
@json_option
def show(interface: Path, *, as_json: bool) -> None:
    """Print an interface, laid out.

    \b
    Example:
      canister-sandbox did show ledger.wasm.gz
    """
    text = format_interface(read_interface(interface))
    if as_json:
        print_json({"interface": text})
    else:
        say(text, nl=False)


@did.command()
@click.argument("interface", type=_INTERFACE)
@json_option
def check(interface: Path, *, as_json: bool) -> None:
    """Say whether an interface is well formed; errors come with line and column.

    \b
    Example:
      canister-sandbox did check ledger.did
    """
    found = read_interface(interface)
    methods = len(found.service.methods) if isinstance(found.service, Service) else 0
    if as_json:
        print_json({"file": interface, "types": len(found.env), "methods": methods})
    else:
        say(f"{interface}: fine, {len(found.env)} types, {methods} methods")


@did.command()
@click.argument("old", type=_INTERFACE)
@click.argument("new", type=_INTERFACE)
@json_option
@click.pass_context
def diff(ctx: click.Context, old: Path, new: Path, *, as_json: bool) -> None:
    """Say what clients that know OLD notice when NEW takes its place.

    Exit code 1 when something breaks; places where only the special opt rule helps, so that
    old clients silently read null, are listed and leave the exit code 0.

    \b
    Example:
      canister-sandbox did diff old.did new.wasm
    """
    findings = compare(read_interface(new), read_interface(old))
    is_broken = any(item.severity is Severity.BREAKING for item in findings)
    if as_json:
        rows = [
            {"path": list(item.path), "message": item.message, "severity": item.severity.value}
            for item in findings
        ]
        print_json(rows)
    else:
        for item in findings:
            colour = "red" if item.severity is Severity.BREAKING else "yellow"
            say(f"{item.severity.value + ':':12}", fg=colour, nl=False)
            say(str(item))
        if not findings:
            say("compatible: old clients notice nothing")
    ctx.exit(1 if is_broken else 0)


@did.command()
@click.argument("interface", type=_INTERFACE)
@click.option("--name", default="Canister", show_default=True, help="Name of the class.")
@json_option
def stub(interface: Path, name: str, *, as_json: bool) -> None:
    """Print Python types for an interface, so that editors and mypy know the methods.

    \b
    Example:
      canister-sandbox did stub ledger.did --name Ledger > ledger.pyi
    """
    from sandbox.candid import generate_stub

    text = generate_stub(read_interface(interface), name=name)
    if as_json:
        print_json({"stub": text})
    else:
        say(text, nl=False)


def read_interface(path: Path) -> Interface:
    """Return the interface of a .did file or of a module. Raises: UsageError naming the file."""
    try:
        return load_interface(path) if path.suffix == ".did" else _carried(path)
    except (CandidError, SandboxError) as error:
        raise UsageError(f"{path}: {error}") from error


def _carried(path: Path) -> Interface:
    from sandbox.embedded import embedded_interface
    from sandbox.engine.compiler import Compiler, wat_to_wasm
    from sandbox.execution.modules import ModuleLoader
    from sandbox.wasm import describe, load_source, parse_module

    wasm = load_source(path, wat_to_wasm=wat_to_wasm).wasm
    # Compiled only where there is a function to call: reading metadata shall not take seconds.
    found = embedded_interface(
        describe(parse_module(wasm)), lambda: ModuleLoader(Compiler()).load(wasm)
    )
    if found.interface is None:
        problem = found.problem or (
            "it carries no interface (custom section candid:service, or function "
            "get_candid_pointer)"
        )
        raise UsageError(f"{problem}; give its .did file")
    return found.interface
