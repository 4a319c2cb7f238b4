"""``repl``: a Python prompt with the world loaded."""

from __future__ import annotations

import builtins
import code
import re
from contextlib import suppress
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final

import click

from sandbox.cli.commands import command, json_wanted
from sandbox.cli.common import opened
from sandbox.cli.interrupts import let_python_handle_ctrl_c
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_TAKEN: Final = frozenset({"ic", "Principal", "_", *dir(builtins)})


@command()
@click.option("--keep", is_flag=True, help="Save what you did; otherwise it is forgotten.")
def repl(*, keep: bool) -> None:
    """Open a Python prompt with the world as `ic` and each named canister by its name.

    A name that is no Python name, or one of Python's own, gets underscores: `my-ledger` is
    `my_ledger`, `print` is `print_`. The tabulator completes names and methods.

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
        named = _variables(ic.names)
        shown = (it if it == name else f"{it} is {name!r}" for it, name in named.items())
        listed = ", ".join(shown) or "no canisters yet"
        banner = f"ic: {ic!r}; {listed}. " + (
            "Saved at the end." if keep else "Nothing you do here is saved (--keep)."
        )
        banner += "\nprint(ic.history) lists your messages; ic.rewind(-1) takes the last one back."
        variables = {"ic": ic, "Principal": Principal}
        variables |= {variable: ic.canister(name) for variable, name in named.items()}
        _complete_from(variables)
        let_python_handle_ctrl_c()
        with suppress(SystemExit):  # exit() ends the prompt, not the command
            code.interact(banner, local=variables, exitmsg="")


def _variables(names: Iterable[str]) -> dict[str, str]:
    """Return what each canister is called at the prompt: variable -> name.

    All are there, and none hides what a prompt has; a name that needs no change keeps it.
    """
    found: dict[str, str] = {}
    for name in sorted(names, key=lambda name: not name.isidentifier()):
        variable = re.sub(r"\W|^(?=\d)", "_", name)
        while variable in found or variable in _TAKEN or iskeyword(variable):
            variable += "_"
        found[variable] = name
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
