"""Builds the test canisters, each once: ``python tests/canisters/build.py --help``.

Tests call ``built("motoko/eop/counter_v1")`` and get the path of the module. Rules it keeps:

* An output is found under its name in ``.cache/canisters``, with a ``.key`` beside it: the hash
  of everything it was made from. The key is removed before and written after the outputs, so a
  key that fits vouches for them.
* Outputs are renamed into place, under a lock per canister: a reader sees a whole file or none,
  and of two processes that want the same canister one builds it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Final

if not __package__:  # run as a script: Python then looks for modules here, not in `tests`
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from canisters.compilers import SUFFIXES, compiler_of, output_of
from canisters.demo import is_demo, publish
from canisters.recipes import CHECKOUT, RECIPES, Recipe
from canisters.toolchains import BuildFailed, ToolchainMissing, exclusive

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["BuildFailed", "Outputs", "Places", "ToolchainMissing", "build", "built", "main"]


@dataclass(frozen=True, slots=True)
class Places:
    """Where modules are put, and where compilers are installed."""

    outputs: Path
    toolchains: Path


CACHE: Final = Places(CHECKOUT / ".cache/canisters", CHECKOUT / ".cache/toolchains")


def built(name: str) -> Path:
    """Return the path of a canister's module, building it if it is missing or out of date.

    ``.did`` and ``.most`` are beside it where the compiler gives them.

    Raises: KeyError for an unknown name; BuildFailed with the tool's own output;
        ToolchainMissing with what to install.
    """
    return build(RECIPES[name])


def build(recipe: Recipe, places: Places = CACHE, *, force: bool = False) -> Path:
    """Build a recipe unless that was done from the same inputs.

    On failure: what an earlier build left is still there.
    """
    outputs = Outputs(places.outputs, recipe.name)
    places.toolchains.mkdir(parents=True, exist_ok=True)
    key = _key(recipe, places.toolchains)
    if force or not outputs.fit(key):
        with exclusive(outputs.path(".lock")):
            # Asked again: while we waited for the lock, its holder may have built it.
            if force or not outputs.fit(key):
                _build_now(recipe, outputs, places.toolchains, key)
    return outputs.path(".wasm")


def _build_now(recipe: Recipe, outputs: Outputs, toolchains: Path, key: str) -> None:
    # Beside the outputs, so that a rename does not cross file systems; always of the same name,
    # because Azle writes it into the module.
    folder = outputs.path(".building")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        compiler_of(recipe).run(recipe, folder, toolchains)
        outputs.replace_by(folder, key)
    finally:
        shutil.rmtree(folder)


@dataclass(frozen=True, slots=True)
class Outputs:
    """What building one canister leaves in the cache."""

    folder: Path
    name: str

    def path(self, suffix: str) -> Path:
        """Return where the output of this kind is."""
        return self.folder / f"{self.name}{suffix}"

    def fit(self, key: str) -> bool:
        """Say whether they were made from what the key stands for."""
        try:
            return self.path(".key").read_text(encoding="ascii") == key
        except FileNotFoundError:
            return False

    def replace_by(self, folder: Path, key: str) -> None:
        """Move in what a compiler left in ``folder``."""
        self.path(".key").unlink(missing_ok=True)
        for suffix in SUFFIXES:
            made = output_of(folder, suffix)
            if made.exists():
                made.replace(self.path(suffix))
            else:
                self.path(suffix).unlink(missing_ok=True)
        new_key = folder / "key"
        new_key.write_text(key, encoding="ascii")
        new_key.replace(self.path(".key"))


def _key(recipe: Recipe, toolchains: Path) -> str:
    """Hash all that decides the output; each part is preceded by its length."""
    identity = compiler_of(recipe).identity(toolchains).encode()
    digest = hashlib.sha256()
    for part in (identity, *map(str.encode, recipe.flags), *_contents(recipe.sources)):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def _contents(sources: Iterable[Path]) -> Iterable[bytes]:
    for source in sources:
        yield source.name.encode()
        yield source.read_bytes()


def _selected(patterns: Sequence[str]) -> list[Recipe]:
    """Return the recipes a command line names; a shell pattern may stand for several.

    Raises: KeyError for a pattern that fits none.
    """
    names: dict[str, None] = {}
    for pattern in patterns or ("*",):
        fitting = [name for name in RECIPES if fnmatch(name, pattern)]
        if not fitting:
            raise KeyError(pattern)
        names.update(dict.fromkeys(fitting))
    return [RECIPES[name] for name in names]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what the command line names; 0 if all is there, 1 if a build failed, 2 if unknown."""
    parser = argparse.ArgumentParser(description="Build the test canisters into .cache/canisters.")
    parser.add_argument("names", nargs="*", help="names or patterns ('motoko/eop/*'); default: all")
    parser.add_argument("--list", action="store_true", help="only print the names")
    parser.add_argument("--force", action="store_true", help="build also what is up to date")
    parser.add_argument("--publish", action="store_true", help="renew the demo's committed modules")
    options = parser.parse_args(arguments)
    try:
        recipes = _selected(options.names)
    except KeyError as unknown:
        parser.error(f"no canister is called {unknown}")
    if options.list:
        print("\n".join(recipe.name for recipe in recipes))
        return 0
    return _build_all(recipes, force=options.force, publishing=options.publish)


def _build_all(recipes: Sequence[Recipe], *, force: bool, publishing: bool) -> int:
    def attempt(recipe: Recipe) -> str | None:
        try:
            wasm = build(recipe, force=force)
        except BuildFailed as failed:
            return f"{recipe.name}: {failed}"
        except ToolchainMissing as missing:
            # Its tests are skipped with the same words.
            print(f"{recipe.name}  left out: {missing}", flush=True)
            return None
        if publishing and is_demo(recipe):
            publish(recipe, wasm)
        print(f"{recipe.name}  {wasm.stat().st_size:,} bytes", flush=True)
        return None

    # Threads suffice: the work is done by the compilers' own processes.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        failures = [failure for failure in pool.map(attempt, recipes) if failure]
    print("\n".join(failures), file=sys.stderr, end="\n" if failures else "")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
