"""``deploy``: the world gets the project's canisters as they are now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from sandbox.cli.commands import command
from sandbox.cli.common import as_option, json_option, log_shown, opened
from sandbox.cli.completion import complete_project
from sandbox.cli.installing import install_new, line
from sandbox.cli.output import print_json, say
from sandbox.cli.project import code_of, recipe_of
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.cli.installing import Code
    from sandbox.handle import Canister
    from sandbox.principal import Principal
    from sandbox.projects.recipe import Recipe
    from sandbox.sandbox import Sandbox


@command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_project)
@as_option
@json_option
def deploy(names: tuple[str, ...], caller: Principal | None, *, as_json: bool) -> None:
    """Install the project's canisters that are missing, and upgrade those whose module changed.

    All of the project around the working directory (icp.yaml, dfx.json, mops.toml), or NAMEs and
    what they depend on, which comes first. Each is saved when it is done; the first that fails
    ends it. Nothing is installed before all are built.

    \b
    Examples:
      canister-sandbox deploy
      canister-sandbox deploy backend --json
    """
    codes = {recipe.name: code_of(recipe) for recipe in _wanted(names)}
    done: list[_Deployed] = []
    for name, code in codes.items():
        try:
            with opened(begins=True) as ic:
                done.append(_deployed(ic, name, code, caller))
        except BaseException as error:
            error.add_note(_place(name, done, as_json=as_json))
            raise
        if not as_json:
            say(done[-1].line())
    if as_json:
        print_json([item.facts() for item in done])
    elif not done:
        say("nothing to deploy: all canisters of the project live elsewhere")


@dataclass(frozen=True, slots=True)
class _Deployed:
    """What was done to a canister: ``installed``, ``upgraded``, or it is ``unchanged``."""

    name: str
    what: str
    canister_id: str
    module_hash: bytes

    @classmethod
    def of(cls, name: str, what: str, canister: Canister) -> _Deployed:
        return cls(name, what, str(canister.id), canister.module_hash or b"")

    def line(self) -> str:
        return line(self.what, self.name, self.canister_id, self.module_hash)

    def facts(self) -> dict[str, object]:
        return {
            "name": self.name,
            "id": self.canister_id,
            "module_hash": self.module_hash,
            "outcome": self.what,
        }


def _wanted(names: tuple[str, ...]) -> Iterator[Recipe]:
    """Yield what is to be deployed, each behind what it depends on. Raises: UsageError."""
    if names:
        asked = [recipe_of(name) for name in names]
    else:
        asked = [recipe for recipe in _everything() if not recipe.is_remote]
    wanted: dict[str, Recipe] = {}
    for recipe in asked:
        for name in recipe.dependencies:
            if name not in wanted:
                wanted[name] = recipe_of(name)
        wanted.setdefault(recipe.name, recipe)
    yield from wanted.values()


def _everything() -> tuple[Recipe, ...]:
    from sandbox.projects import recipes_around

    try:
        found = recipes_around(Path.cwd())
    except UsageError as error:
        error.add_note("A module is installed with: canister-sandbox install NAME MODULE")
        raise
    return tuple(make() for make in found.values())


def _deployed(ic: Sandbox, name: str, code: Code, caller: Principal | None) -> _Deployed:
    """Bring one canister up to date. Raises: CanisterRejected, CandidError, UsageError."""
    if ic.names.get(name) not in ic.world.canisters:
        canister, _report = install_new(ic, name, code, caller)
        return _Deployed.of(name, "installed", canister)
    canister = ic.canister(name)
    if canister.module_hash == _hash_of(code.module):
        return _Deployed.of(name, "unchanged", canister)
    is_empty = canister.module_hash is None
    with log_shown(canister), code.named():
        data = code.message(canister)
        change = canister.install if is_empty else canister.upgrade
        change(code.module, data, did=code.did, caller=caller)
    return _Deployed.of(name, "installed" if is_empty else "upgraded", canister)


def _hash_of(module: Path) -> bytes:
    """Return what ``canister_status`` will say. Raises: ModuleRefused, UsageError."""
    from sandbox.engine.compiler import wat_to_wasm
    from sandbox.wasm import load_source

    return load_source(module, wat_to_wasm=wat_to_wasm).module_hash


def _place(name: str, done: list[_Deployed], *, as_json: bool) -> str:
    """Return where it ended; what was done before stands there, but not where errors are JSON."""
    before = f"; done before: {', '.join(it.name for it in done)}" if as_json and done else ""
    return f"That was canister {quote(name)} of the project{before}."
