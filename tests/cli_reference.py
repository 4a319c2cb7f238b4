"""docs/cli.md, made from ``--help``: ``python tests/cli_reference.py`` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from click.testing import CliRunner

from sandbox.cli.root import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = Path(__file__).parents[1] / "docs" / "cli.md"
_HEAD: Final = """# The command line

This page is what `canister-sandbox COMMAND --help` prints; `python tests/cli_reference.py` writes
it, and a test keeps the two equal.

**The world.** Commands work on a world that is kept in a directory, `.canister-sandbox/` unless
`--state DIR` or `CANISTER_SANDBOX_STATE` says otherwise. An answer is printed after the world was
saved, so what you have read outlives a crash, and a killed command leaves the world before or
after it, never between. One command changes a world at a time, others wait for it (`--wait`);
commands that only look share it, and work on a read-only disk. Queries are among them, as on the
IC nothing of them stays: their log is shown and not kept, and they do not count in `query_stats`.

**Projects.** In a project's directory (`icp.yaml`, `dfx.json`, `mops.toml`) or below it, `install`,
`upgrade`, `reinstall` and `rehearse` need no MODULE: NAME is the project's canister, built by its
own command when sources changed, with the project's init argument (of upgrades, too, as in dfx),
Candid interface and, if it is new, settings; `--argument` and `--did` go before these. `deploy`
does so for all canisters but those that live elsewhere (`pull`, and `remote` of the network that
`DFX_NETWORK` names, else `local`). What runs is told on standard error, with its output when it
fails. Sources and kept builds are those of the [pytest
plugin](how-to-pytest.md#canisters-as-fixtures). The world is in the working directory, as ever.

**Exit codes.** 0: it worked. 1: the canister failed (its log is kept), interfaces broke, or faults
were found; or the answer could not be written. 2: it was asked wrongly, and nothing changed. 130:
Ctrl-C, which ends a command within a second, whatever Wasm code is doing.

**Streams.** Answers go to standard output; logs of canisters, questions, errors and progress to
standard error. `--json`, before or after any command, makes answers JSON, and errors, too: they are
then `{"error": {"message": …, "exit_code": 1, "error_code": "IC0503", …}}` on standard output. (The
prompt `repl` has no JSON; the `--json` of `rehearse` also takes a file to write to.) Colours
and progress bars appear on terminals only; `NO_COLOR` does without colours, and `TERM=dumb`
without both. Control characters in what canisters say are shown as escapes (`\\x1b`), and so is
what the terminal's encoding lacks; JSON is ASCII.

**Identities.** `--as NAME` calls as an identity of that name, always the same principal
(`canister-sandbox identity NAME` prints it); a principal or `anonymous` works too.

**Environment.** `CANISTER_SANDBOX_STATE`: the world, as `--state`. `CANISTER_SANDBOX_CACHE`: where
compiled modules are kept (empty: nowhere; without it, in the user's cache directory).

**Completion** of commands, canisters (the project's, too), methods and snapshots, in bash, zsh and
fish (`canister-sandbox completion --help`), here in bash:

    eval "$(canister-sandbox completion bash)"
"""


def rendered() -> str:
    """Return the page."""
    return _HEAD + "".join(_section(path) for path in command_paths())


def command_paths(command: click.Command = cli, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield every command with its groups before it, in the order of ``--help``."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from command_paths(found, *path, name)


def help_of(path: tuple[str, ...]) -> str:
    """Return what ``--help`` prints on a terminal of 80 columns."""
    runner = CliRunner()
    result = runner.invoke(
        cli, [*path, "--help"], prog_name="canister-sandbox", terminal_width=80, color=False
    )
    assert result.exit_code == 0, result.output
    return result.output


def _section(path: tuple[str, ...]) -> str:
    title = " ".join(("canister-sandbox", *path))
    return f"\n## {title}\n\n```text\n{help_of(path).strip()}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(rendered(), "utf-8")
