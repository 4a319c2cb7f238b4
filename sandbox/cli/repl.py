"""``repl``: a Python prompt with the world loaded."""

from __future__ import annotations

import code
from contextlib import suppress

import click

from sandbox.cli.common import opened


@click.command()
@click.option("--keep", is_flag=True, help="Save what you did; otherwise it is forgotten.")
def repl(*, keep: bool) -> None:
    """Open a Python prompt with the world as `ic` and each named canister by its name.

    \b
    Example:
      canister-sandbox repl --keep
      >>> counter.inc()
      >>> ic.advance(days=1)
      >>> ic.rewind(-1)
    """
    with opened(saving=keep, begins=keep) as ic:
        ic.history.record()
        names = {name: ic.canister(name) for name in ic.names if name.isidentifier()}
        listed = ", ".join(names) or "no canisters yet"
        banner = f"ic: {ic!r}; {listed}. " + (
            "Saved at the end." if keep else "Nothing you do here is saved (--keep)."
        )
        banner += "\nic.history lists your messages; ic.rewind(-1) takes the last one back."
        with suppress(SystemExit):  # exit() ends the prompt, not the command
            code.interact(banner, local={"ic": ic, **names}, exitmsg="")
