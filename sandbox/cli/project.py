"""Canisters by their name in the project around the working directory, as the pytest plugin has it.

Rule: what has to be built is built before the world is opened, so nobody waits for a compiler; and
whether the world has such a canister is looked at before that.
"""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from sandbox.cli.arguments import Argument
from sandbox.cli.common import existing, opened
from sandbox.cli.installing import Code
from sandbox.cli.output import say
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from sandbox.projects.kept import Built
    from sandbox.projects.recipe import Command, Recipe


def new_code(name: str, module: Path | None, given: Argument, did: Path | None) -> Code:
    """Return what to install as a new canister: MODULE, or what the project makes by that name.

    Raises: UsageError, also when the name is taken.
    """
    if module is None:
        with opened(saving=False) as ic:
            if ic.names.get(name) in ic.world.canisters:
                raise UsageError(
                    f"there is a canister named {name!r} already: {ic.names[name]}\n"
                    f"Upgrade it with: canister-sandbox upgrade {quote(name)}"
                )
    return _code(name, module, given, did)


def next_code(name: str, module: Path | None, given: Argument, did: Path | None) -> Code:
    """Return what to install in a canister that is there: MODULE, or what the project makes.

    Raises: UsageError, also when there is no such canister.
    """
    return _code(name if module else name_in_world(name), module, given, did)


def name_in_world(name: str) -> str:
    """Return what a canister of the world is called that is given by name or id.

    Raises: UsageError with the next step when there is none.
    """
    with opened(saving=False) as ic:
        return ic.name_of(existing(ic, name).id) or name


def recipe_of(name: str) -> Recipe:
    """Return how the project here makes a canister. Raises: UsageError with the next step."""
    from sandbox.projects import find_recipe

    try:
        return find_recipe(name, Path.cwd())
    except UsageError as error:
        command = click.get_current_context().info_name
        error.add_note(f"Or give the module: canister-sandbox {command} {quote(name)} MODULE")
        raise


def code_of(recipe: Recipe, given: Argument | None = None, did: Path | None = None) -> Code:
    """Build a canister of the project; an argument or interface that is given goes before its.

    Raises: UsageError, BuildFailed with the output of the project's command.
    """
    result = build(recipe)
    argument: Argument | bytes = given or Argument(None, None)
    is_of_project = not (given and given.is_given) and recipe.init_argument is not None
    if is_of_project:
        own = recipe.init_argument
        argument = own if isinstance(own, bytes) else Argument(own, None)
    whose = f"{recipe.name} in {recipe.project}"
    interface = did or result.interface
    return Code(result.module, interface, argument, whose, is_of_project, recipe.settings)


def build(recipe: Recipe) -> Built:
    """Build a canister when its sources changed, saying which command runs. Raises: UsageError."""
    from sandbox.projects.building import built

    def told(command: Command) -> None:
        say(f"building {recipe.name}: {command} ...", fg="bright_black", err=True)

    return built(recipe, told=told)


def _code(name: str, module: Path | None, given: Argument, did: Path | None) -> Code:
    if module is None:
        return code_of(recipe_of(name), given, did)
    return Code(module, did, given)
