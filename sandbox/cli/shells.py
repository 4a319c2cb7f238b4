"""``completion``: the script that makes a shell complete commands, canisters and snapshots."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Final

import click
from click.shell_completion import get_completion_class

from sandbox.cli.commands import command
from sandbox.cli.common import json_option
from sandbox.cli.completion import prepare_shells
from sandbox.cli.output import print_document, print_json
from sandbox.errors import UsageError

_SHELLS: Final = ("bash", "zsh", "fish")


@command()
@click.argument("shell", type=click.Choice(_SHELLS), required=False)
@json_option
@click.pass_context
def completion(ctx: click.Context, shell: str | None, *, as_json: bool) -> None:
    """Print the script that completes commands, canisters, methods and snapshots in SHELL.

    Without SHELL it is the one that the variable SHELL names. The line belongs into the
    shell's start-up file: ~/.bashrc, ~/.zshrc (after compinit), ~/.config/fish/config.fish.

    \b
    Examples:
      eval "$(canister-sandbox completion bash)"
      eval "$(canister-sandbox completion zsh)"
      canister-sandbox completion fish | source
    """
    shell = shell or PurePath(os.environ.get("SHELL", "")).name
    if shell not in _SHELLS:
        raise UsageError(f"say which shell: {', '.join(_SHELLS)}")
    prepare_shells()
    kind = get_completion_class(shell)
    assert kind is not None
    root = ctx.find_root()
    script = kind(root.command, {}, "canister-sandbox", "_CANISTER_SANDBOX_COMPLETE").source()
    if as_json:
        print_json({"shell": shell, "script": script})
    else:
        print_document(script)
