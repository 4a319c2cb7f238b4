"""``canister-sandbox doctor``: engine, platform, and which fast paths are active."""

from __future__ import annotations

import platform
from importlib import metadata

from sandbox.cli.commands import command
from sandbox.cli.common import json_option
from sandbox.cli.output import print_json, say
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
        say(f"{name + ':':18} {value}")
    say()
    for item in capabilities:
        mark, colour = ("yes", "green") if item.active else ("no ", "yellow")
        say(mark, fg=colour, nl=False)
        say(f"  {item.name}: {item.detail}")
