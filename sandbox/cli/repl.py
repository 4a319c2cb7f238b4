"""``repl``: a Python prompt with the world loaded."""

from __future__ import annotations

import code
import re
from contextlib import suppress
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

import click

from sandbox.cli.commands import command, json_wanted
from sandbox.cli.common import opened
from sandbox.cli.interrupts import let_python_handle_ctrl_c
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from sandbox.sandbox import Sandbox


@command()
@click.option("--keep", is_flag=True, help="Save what you did; otherwise it is forgotten.")
def repl(*, keep: bool) -> None:
    """Open a Python prompt with the world as `ic` and each named canister by its name.

    A name that is no Python name gets underscores: `my-ledger` is `my_ledger`. The tabulator
    completes names and methods.

    \b
    Example:
      canister-sandbox repl --keep
      >>> counter.inc()
      >>> ic.advance(days=1)
      >>> ic.rewind(-1)
    """
    from sandbox.principal import Principal

    if json_wanted():
        raise UsageError("a prompt answers people; call and the other commands answer in JSON")
    with opened(saving=keep, begins=keep) as ic:
        ic.history.record()
        names = _named(ic)
        listed = ", ".join(names) or "no canisters yet"
        banner = f"ic: {ic!r}; {listed}. " + (
            "Saved at the end." if keep else "Nothing you do here is saved (--keep)."
        )
        banner += "\nic.history lists your messages; ic.rewind(-1) takes the last one back."
        variables = {"ic": ic, "Principal": Principal, **names}
        _complete_from(variables)
        let_python_handle_ctrl_c()
        with suppress(SystemExit):  # exit() ends the prompt, not the command
            code.interact(banner, local=variables, exitmsg="")


def _named(ic: Sandbox) -> dict[str, Any]:
    """Return the canisters by names that Python takes; of two that are alike, the first."""
    found: dict[str, Any] = {}
    for name in ic.names:
        variable = re.sub(r"\W|^(?=\d)", "_", name)
        if variable not in ("ic", "Principal") and not iskeyword(variable):
            found.setdefault(variable, ic.canister(name))
    return found


def _complete_from(variables: dict[str, Any]) -> None:
    """Let the tabulator complete names, and the arrows edit lines, where Python can."""
    try:
        import readline
        import rlcompleter
    except ImportError:  # not everywhere, as on Windows
        return
    readline.set_completer(rlcompleter.Completer(variables).complete)
    readline.parse_and_bind("tab: complete")
