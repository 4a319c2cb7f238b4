"""``new``: a project with a canister and tests that pass."""

from __future__ import annotations

from contextlib import ExitStack
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import Final

import click

from sandbox.cli.commands import command
from sandbox.cli.common import json_option
from sandbox.cli.files import write_file
from sandbox.cli.output import print_json, say
from sandbox.errors import UsageError

# In the project -> in sandbox/cli/skeleton. The tests' name is not a Python file's there,
# so that no tool takes them for ours.
_FILES: Final = {
    "counter.wat": "counter.wat",
    "tests/test_counter.py": "test_counter.py.txt",
    "README.md": "README.md",
    ".gitignore": "gitignore.txt",
}


@command()
@click.argument("directory", metavar="NAME", type=click.Path(path_type=Path))
@json_option
def new(directory: Path, *, as_json: bool) -> None:
    """Make a project NAME: a canister and tests that pass.

    \b
    Example:
      canister-sandbox new counter
      cd counter && pytest
    """
    create_project(directory)
    if as_json:
        print_json({"directory": directory, "files": [directory / name for name in _FILES]})
        return
    for name in _FILES:
        say(f"  {directory / name}")
    first = "" if find_spec("pytest") else "pip install pytest && "
    say(f"run its tests with: {first}cd {quote(str(directory))} && pytest")


def create_project(directory: Path) -> None:
    """Write the skeleton: all of it, or nothing.

    Raises: UsageError when there is something already; NotWritten, OSError.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UsageError(f"{directory} is there already; choose another name")
    skeleton = resources.files("sandbox.cli") / "skeleton"
    with ExitStack() as undoing:
        for name, source in _FILES.items():
            path = directory / name
            for missing in reversed([it for it in path.parents if not it.exists()]):
                missing.mkdir()
                undoing.callback(missing.rmdir)
            text = (skeleton / source).read_text("utf-8")
            undoing.callback(path.unlink, missing_ok=True)
            write_file(path, text.replace("{name}", directory.resolve().name))
        undoing.pop_all()
