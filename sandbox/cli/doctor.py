"""``canister-sandbox doctor``: engine, platform, and which fast paths are active."""

from __future__ import annotations

import platform
from importlib import metadata

import click

from sandbox.cli.commands import command
from sandbox.cli.common import json_option, print_json
from sandbox.engine.cache import default_directory
from sandbox.engine.compiler import usable_stack_bytes
from sandbox.limits import MAINNET
from sandbox.memory import diagnose


@command()
@json_option
def doctor(*, as_json: bool) -> None:
    """Say what this machine offers and which fast paths are active.

    Everything works without the fast paths; messages then cost time in proportion to the
    canister's memory instead of to what they change.

    \b
    Example:
      canister-sandbox doctor --json
    """
    facts = {
        "canister-sandbox": metadata.version("canister-sandbox"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "wasmtime": metadata.version("wasmtime"),
        "limits profile": str(MAINNET),
        "compile cache": str(default_directory() or "off"),
        "stack for Wasm": f"{usable_stack_bytes() >> 10:,} KiB",
    }
    capabilities = diagnose()
    if as_json:
        rows = [
            {"name": item.name, "active": item.active, "detail": item.detail}
            for item in capabilities
        ]
        print_json(facts | {"capabilities": rows})
        return
    for name, value in facts.items():
        click.echo(f"{name + ':':18} {value}")
    click.echo()
    for item in capabilities:
        mark = click.style("yes", fg="green") if item.active else click.style("no ", fg="yellow")
        click.echo(f"{mark}  {item.name}: {item.detail}")
