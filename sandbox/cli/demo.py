"""``canister-sandbox demo``: the rollback story, narrated."""

from __future__ import annotations

from typing import Final

import click

from sandbox.demo import tell
from sandbox.demo.story import Kind

_PREFIX: Final = {
    Kind.TITLE: "",
    Kind.STEP: "  > ",
    Kind.FACT: "    ",
    Kind.BAD: "  ✗ ",
    Kind.GOOD: "  ✓ ",
}
_COLOUR: Final = {Kind.TITLE: "cyan", Kind.BAD: "red", Kind.GOOD: "green"}


@click.command()
def demo() -> None:
    """Break a real Motoko canister with an upgrade, notice, roll back, and prove it.

    The canisters are part of the package; nothing is downloaded and nothing is kept.

    \b
    Example:
      canister-sandbox demo
    """
    for line in tell():
        if line.kind is Kind.TITLE:
            click.echo()
        text = f"{_PREFIX[line.kind]}{line.text}"
        click.secho(text, fg=_COLOUR.get(line.kind), bold=line.kind is Kind.TITLE)
