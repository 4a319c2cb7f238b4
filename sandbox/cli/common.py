"""What several commands share: the opened world, identities, tables.

Rule: a command prints its answer after ``opened`` has ended, so what a user has read is
saved, whatever becomes of the process then.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

import click

from sandbox.cli.commands import WANTS_JSON
from sandbox.cli.output import printable, say
from sandbox.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sandbox.durable import WorldDirectory
    from sandbox.handle import Canister
    from sandbox.sandbox import Sandbox

_SIZES: Final = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def _inherit_json(ctx: click.Context, _parameter: click.Parameter, value: bool) -> bool:
    return bool(value or ctx.meta.get(WANTS_JSON))


json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, callback=_inherit_json, help="Print JSON for machines."
)


def _ask(question: str, ctx: click.Context, is_sure: bool) -> None:
    if not (is_sure or ctx.resilient_parsing):
        # On standard error: what is read from standard output is the answer.
        click.confirm(question, abort=True, err=True)


def confirmed(question: str) -> Callable[[Any], Any]:
    """Let a command ask before it begins, unless there is ``--yes``; a decorator."""
    return click.option(
        "--yes",
        is_flag=True,
        expose_value=False,
        callback=lambda ctx, _parameter, value: _ask(question, ctx, value),
        help="Do not ask, do it.",
    )


def _readable_interface(
    _ctx: click.Context, _parameter: click.Parameter, file: Path | None
) -> Path | None:
    if file is None:
        return None
    from sandbox.candid import load_interface
    from sandbox.candid.errors import CandidError

    try:
        load_interface(file)
    except CandidError as error:
        raise click.BadParameter(f"{file}: {error}") from error
    return file


did_option: Callable[[Any], Any] = click.option(
    "--did",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    callback=_readable_interface,
    help="The interface, if the module carries none.",
)

as_option: Callable[[Any], Any] = click.option(
    "--as",
    "caller",
    metavar="NAME",
    callback=lambda _ctx, _parameter, value: identity_of(value),
    help="Call as this identity: any name of yours, or a principal.",
)


def identity_of(name: str | None) -> Principal | None:
    """Return the principal of an identity; the same name is always the same principal.

    Raises: click.BadParameter for a mistyped principal, and for what is no name.
    """
    try:
        return None if name is None else Principal.of_identity(name)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def principal_of(text: str | None) -> Principal | None:
    """Return a principal given as text. Raises: click.BadParameter."""
    try:
        return None if text is None else Principal(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@contextmanager
def opened(*, saving: bool = True, begins: bool = False) -> Iterator[Sandbox]:
    """Open the world of ``--state``; save it at the end unless the command failed.

    saving: False only looks; several may do so at once, and the disk may be read-only.
    begins: the command may begin a world where there is none.

    A message that fails is a command that worked on the world: its log is kept, so the
    world is saved then too.
    """
    from sandbox.errors import CanisterRejected

    sandbox, is_kept = _open(saving=saving, begins=begins)
    try:
        yield sandbox
        if is_kept:
            sandbox.save()
    except CanisterRejected:
        if is_kept:
            sandbox.save()
        raise
    finally:
        sandbox.abandon()


def _open(*, saving: bool, begins: bool) -> tuple[Sandbox, bool]:
    """Return the world, and whether it can be saved."""
    from sandbox.sandbox import Sandbox

    options = click.get_current_context().obj
    if not begins and not (options.directory / "world.json").exists():
        return Sandbox(), False
    return Sandbox(world_directory(read_only=not saving)), saving


def world_directory(*, read_only: bool) -> WorldDirectory:
    """Open the directory of ``--state`` itself."""
    from sandbox.durable import WorldDirectory

    options = click.get_current_context().obj
    return WorldDirectory(
        options.directory, read_only=read_only, wait_s=options.wait_s, waiting=say_waiting
    )


def say_waiting() -> None:
    """Say that another process has the world open."""
    directory = click.get_current_context().obj.directory
    say(f"waiting for another process that has {directory} open ...", err=True)


def existing(ic: Sandbox, name: str) -> Canister:
    """Return a canister by name or id. Raises: UsageError with the next step."""
    from sandbox.errors import UsageError

    try:
        return ic.canister(name)
    except UsageError as error:
        if not ic.canisters:
            place = click.get_current_context().obj.directory
            error.add_note(
                f"There are no canisters in {place} yet; "
                f"create one with: canister-sandbox install NAME MODULE{_world_above(place)}"
            )
        raise


def _world_above(place: Path) -> str:
    """Return how to come by the world of a directory further up, empty when there is none."""
    for directory in () if place.is_absolute() else Path.cwd().parents:
        found = directory / place
        if (found / "world.json").exists():
            return f",\nor take the world further up with: --state {quote(str(found))}"
    return ""


@contextmanager
def log_shown(canister: Canister, prefix: str = "") -> Iterator[None]:
    """Show on standard error what the canister prints while the block runs."""
    seen = canister.logs[-1].index if canister.logs else -1
    try:
        yield
    finally:
        for record in canister.logs:
            if record.index > seen:
                say(f"[log] {prefix}{record.text.rstrip()}", fg="bright_black", err=True)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their headings, as wide as they need to be."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    for row in (header, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        say(line.rstrip(), bold=row is header)


def properties(values: Mapping[str, object]) -> None:
    """Print names and values one below the other; a list's items one below the other."""
    width = max(map(len, values)) + 2
    for key, value in values.items():
        first, *others = value if isinstance(value, (list, tuple)) and value else [value]
        shown = "none" if first in ("", []) else first
        say(f"{key + ':':{width}}{shown}")
        for other in others:
            say(f"{'':{width}}{other}")


def methods_of(canister: Canister) -> dict[str, str]:
    """Return a canister's methods with their types, each on one line."""
    return {
        name: " ".join(type_.removeprefix("func ").split())
        for name, type_ in canister.methods.items()
    }


def size(size_bytes: int) -> str:
    """Return a number of bytes for people."""
    for unit, name in _SIZES:
        if size_bytes >= unit:
            return f"{size_bytes / unit:.1f} {name}"
    return f"{size_bytes} B"


def moment(time_ns: int) -> str:
    """Return a time of the virtual clock for people."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
