"""What several commands share: the opened world, identities, JSON, tables."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from sandbox.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sandbox.handle import Canister
    from sandbox.sandbox import Sandbox

_SIZES: Final = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def _inherit_json(ctx: click.Context, _parameter: click.Parameter, value: bool) -> bool:
    return bool(value or (ctx.obj is not None and ctx.obj.as_json))


json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, callback=_inherit_json, help="Print JSON for machines."
)
as_option: Callable[[Any], Any] = click.option(
    "--as",
    "caller",
    metavar="NAME",
    callback=lambda _ctx, _parameter, value: identity(value),
    help="Call as this identity: any name of yours, or a principal.",
)


def identity(name: str | None) -> Principal | None:
    """Return the principal of an identity; the same name is always the same principal."""
    if name is None:
        return None
    if name == "anonymous":
        return Principal.anonymous()
    try:
        return Principal(name)
    except ValueError:
        return Principal.self_authenticating(f"canister-sandbox identity {name}".encode())


@contextmanager
def opened(*, saving: bool = True) -> Iterator[Sandbox]:
    """Open the world of ``--state``; save it at the end unless the command failed.

    A message that fails is a command that worked on the world: its log is kept, so the
    world is saved then too.
    """
    from sandbox.errors import CanisterRejected
    from sandbox.sandbox import Sandbox

    sandbox = Sandbox(click.get_current_context().obj.directory)
    try:
        yield sandbox
        if saving:
            sandbox.save()
    except CanisterRejected:
        if saving:
            sandbox.save()
        raise
    finally:
        sandbox.abandon()


@contextmanager
def log_shown(canister: Canister) -> Iterator[None]:
    """Show on standard error what the canister prints while the block runs."""
    seen = canister.logs[-1].index if canister.logs else -1
    try:
        yield
    finally:
        for record in canister.logs:
            if record.index > seen:
                click.secho(f"[log] {record.text}", fg="bright_black", err=True)


def print_json(value: Any) -> None:
    """Print a value for machines."""
    json.dump(plain(value), sys.stdout, indent=2)
    click.echo()


def plain(value: Any) -> Any:
    """Return a Candid or record value as JSON has it: principals as text, bytes as hex."""
    from sandbox.candid.values import FuncRef, ServiceRef, Some, VariantValue

    match value:
        case VariantValue():
            return {str(value.tag): plain(value.value)}
        case Some():
            return [plain(value.value)]
        case FuncRef():
            return {"principal": str(value.principal), "method": value.method}
        case ServiceRef():
            return str(value.principal)
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case bytes():
            return value.hex()
        case bool() | int() | float() | str() | None:
            return value
        case _:
            return str(value)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their headings, as wide as they need to be."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    for row in (header, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.secho(line.rstrip(), bold=row is header)


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
