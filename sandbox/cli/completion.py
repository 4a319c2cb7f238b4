"""What the shell completes: names of canisters, methods and snapshots; those of the project, too.

Nothing is waited for and nothing is executed: completion reads the last saved world, and
offers nothing when that cannot be read now.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    add_completion_class,
)

from sandbox.cli.common import methods_of
from sandbox.cli.output import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

    from sandbox.durable import WorldDirectory
    from sandbox.principal import Principal


class QuotingBash(BashComplete):
    """Bash takes what is offered as it is typed, so it is quoted; other shells quote themselves."""

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return a line for the script that click gives bash."""
        quoted = re.sub(r"([^\w@%+=:,./-])", r"\\\1", item.value)
        # That script reads a line with `read`, which takes one level of backslashes away.
        doubled = quoted.replace("\\", "\\\\")
        return f"{item.type},{doubled}"


class WholeFish(FishComplete):
    """Fish is given kind and value with a comma between, and the value may have some itself."""

    source_template = FishComplete.source_template.replace("string split ", "string split -m 1 ")


def prepare_shells() -> None:
    """Make the completion of bash and fish ours."""
    add_completion_class(QuotingBash)
    add_completion_class(WholeFish)


def complete_canisters(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the names of canisters."""
    with_world = _look(ctx)
    if with_world is None:
        return []
    with with_world as world:
        return _items(((name, str(id_)) for name, id_ in world.names.items()), incomplete)


def complete_new_canisters(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the canisters of the project here that the world does not have."""
    with_world = _look(ctx)
    there: Iterable[str] = ()
    if with_world is not None:
        with with_world as world:
            there = world.names
    return _items(((name, "") for name in _of_project() if name not in there), incomplete)


def complete_project(
    _ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the canisters of the project here."""
    return _items(((name, "") for name in _of_project()), incomplete)


def complete_snapshots(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the snapshots of the canister named before.

    They are offered by label; those that have none, or one that others have, by number.
    """
    with_world = _look(ctx)
    if with_world is None:
        return []
    with with_world as world:
        owner = _owner(world, ctx)
        own = [item for item in world.snapshots if item.canister_id == owner]
    labels = Counter(item.label for item in own if item.label)
    offered = [
        (item.label if labels[item.label] == 1 else str(item.id.local), f"{item.id} {item.label}")
        for item in own
    ]
    return _items(offered, incomplete)


def complete_starts(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer files, and the names of canisters: the world's, and the project's others."""
    return [
        CompletionItem(incomplete, "file"),
        *complete_canisters(ctx, parameter, incomplete),
        *complete_new_canisters(ctx, parameter, incomplete),
    ]


def complete_findings(
    _ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the codes of findings."""
    from sandbox.rehearsal import REGISTRY

    is_lower = incomplete.islower()  # explain takes both; shells keep what was typed
    codes = ((code.lower() if is_lower else code, it.title) for code, it in REGISTRY.items())
    return _items(codes, incomplete)


def complete_limits(
    _ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the profiles of limits."""
    from sandbox.limits import PROFILES

    return _items(((name, "") for name in PROFILES), incomplete)


def complete_methods(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the methods of the canister named before."""
    from sandbox.errors import SandboxError
    from sandbox.sandbox import Sandbox

    directory = _look(ctx)
    if directory is None:
        return []
    try:
        ic = Sandbox(directory)
    except SandboxError:
        return []
    try:
        methods = methods_of(ic.canister(ctx.params["name"]))
        return _items(methods.items(), incomplete)
    except (SandboxError, KeyError):
        return []
    finally:
        ic.abandon()


def _of_project() -> Iterable[str]:
    from sandbox.errors import SandboxError
    from sandbox.projects import recipes_around

    try:
        return recipes_around(Path.cwd())
    except (SandboxError, OSError):
        return ()


def _look(ctx: click.Context) -> WorldDirectory | None:
    from sandbox.durable import WorldDirectory
    from sandbox.errors import SandboxError

    try:
        return WorldDirectory(_directory(ctx), read_only=True, wait_s=0)
    except SandboxError:
        return None


def _directory(ctx: click.Context) -> Path:
    # While completing, the root command has parsed its options but was not run.
    found = ctx.find_root().params.get("directory")
    return Path(".canister-sandbox") if found is None else Path(found)


def _owner(world: WorldDirectory, ctx: click.Context) -> Principal | None:
    from sandbox.principal import Principal

    # `rehearse` has no such parameter; and before an option without its value click names none.
    name = str(ctx.params.get("name") or next(iter(ctx.params.get("what") or ctx.args), ""))
    try:
        return world.names.get(name) or Principal(name)
    except ValueError:
        return None


def _items(offered: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    return [
        CompletionItem(text, help=printable(about))
        for text, about in offered
        if text.startswith(incomplete) and text.isprintable()  # what cannot be typed is no offer
    ]
