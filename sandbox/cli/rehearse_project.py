"""``rehearse backend``: MODULE is what the project around the working directory builds now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sandbox.candid.errors import CandidError
from sandbox.cli.project import build, name_in_world, recipe_of
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.cli.rehearse_options import Origin, Words
    from sandbox.projects.recipe import Recipe

_SUFFIXES: Final = (".wasm", ".wasm.gz", ".wat")


def by_project(
    words: Words, origin: Origin, options: dict[str, Any], *, for_plan_file: bool
) -> tuple[Words, dict[str, Any]]:
    """Return words and options; where MODULE is a canister of the project, with what it built.

    A name alone is the canister of the world, too. Options that are given go before what the
    project says. for_plan_file: with paths that stay, and Candid as text.
    Raises: UsageError, BuildFailed.
    """
    if words.module is None or not _is_name(words.module):
        return words, options
    name = str(words.module)
    is_started = origin.directory is not None or origin.old is not None or words.plan is not None
    if words.name is None and not is_started:
        name = name_in_world(name)
        words = replace(words, name=name)
    recipe = recipe_of(name)
    result = build(recipe)
    module, interface = result.module, result.interface
    if for_plan_file:
        module, interface = recipe.module() or module, recipe.interface() or interface
    did = options["did"]
    if did is None and interface is not None and not _carries_interface(module):
        did = interface
    options = options | {"did": did}
    if options["argument"] is None and options["argument_file"] is None:
        options["argument"] = _argument(recipe, options["did"] or interface, as_text=for_plan_file)
    return replace(words, module=module, label=name), options


def _is_name(module: Path) -> bool:
    word = str(module)
    # A directory may be called like the canister whose sources it has.
    return module.name == word and not word.endswith(_SUFFIXES) and not module.is_file()


def _carries_interface(module: Path) -> bool:
    """Whether old and new versions can each be asked with their own interface."""
    from sandbox.cli.did import read_interface

    try:
        read_interface(module)
    except UsageError:
        return False
    return True


def _argument(recipe: Recipe, interface: Path | None, *, as_text: bool) -> str | bytes | None:
    """Return the project's init argument, None when it has none. Raises: CandidError, UsageError.

    Encoded here, at the types of the new interface: the canister of the world may have been
    installed with another one.
    """
    from sandbox.interface import did_text, interface_of

    own = recipe.init_argument
    if as_text and isinstance(own, bytes):
        raise UsageError("the project's init argument is in bytes: give it with --argument-file")
    if as_text or interface is None or not isinstance(own, str):
        return own
    try:
        return interface_of(None, did_text(interface)).init.encode_text(own)
    except CandidError as error:
        error.add_note(f"That is the init argument of {recipe.name} in {recipe.project}.")
        raise
