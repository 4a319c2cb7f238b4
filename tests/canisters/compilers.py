"""How a recipe becomes a module: one function per language, one table to find it.

A compiler gets an empty folder to work in and leaves there what it made, under the name
``canister`` with the suffixes of ``SUFFIXES``. It reads only the recipe's own files, so that the
same recipe and the same toolchain give the same bytes (Azle's and Rust's hold the folder's name,
too).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from canisters.recipes import SOURCES, Language, Recipe
from canisters.rust_toolchain import TARGET, cargo
from canisters.toolchains import (
    AZLE,
    MOTOKO,
    c_compiler,
    node_js,
    npm_package,
    run_tool,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

# Module, Candid interface, Motoko's stable signature.
SUFFIXES: Final = (".wasm", ".did", ".most")

_STEM: Final = "canister"
_MOTOKO_DRIVER: Final = SOURCES / "compile_motoko.js"

# A canister has no standard library and no `main`. `-g0`: Zig's default is debug information.
_C_FLAGS: Final = (
    "-std=c17",
    "-O2",
    "-g0",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffreestanding",
    "-nostdlib",
)
_LINK_FLAGS: Final = ("-Wl,--no-entry", "-Wl,-z,stack-size=65536")


@dataclass(frozen=True, slots=True)
class Compiler:
    """One language's compiler.

    identity: what its output depends on besides the recipe.
    run: compile the recipe in the given folder, with toolchains below the other.
    """

    identity: Callable[[Path], str]
    run: Callable[[Recipe, Path, Path], None]


def compiler_of(recipe: Recipe) -> Compiler:
    """Return the compiler of the recipe's language."""
    return _COMPILERS[recipe.language]


def output_of(folder: Path, suffix: str) -> Path:
    """Return where a compiler that worked in ``folder`` leaves this kind of output."""
    return folder / f"{_STEM}{suffix}"


def _compile_motoko(recipe: Recipe, folder: Path, toolchains: Path) -> None:
    node_modules = npm_package(toolchains, MOTOKO)
    (collector,) = recipe.flags
    arguments = (_MOTOKO_DRIVER, node_modules, collector, folder / _STEM, *recipe.sources)
    run_tool((node_js(toolchains).node, *map(str, arguments)), folder=folder)


def _compile_c(recipe: Recipe, folder: Path, toolchains: Path) -> None:
    compiler = c_compiler(toolchains)
    source, *_headers = recipe.sources
    width, *features = recipe.flags
    target = (*compiler.command, compiler.target.format(width))
    files = (str(source), "-o", str(output_of(folder, ".wasm")))
    command = (*target, *_C_FLAGS, *features, *_LINK_FLAGS, *files)
    run_tool(command, folder=folder, environment=compiler.environment)


def _compile_azle(recipe: Recipe, folder: Path, toolchains: Path) -> None:
    node_modules = npm_package(toolchains, AZLE)
    project = folder / "project"
    project.mkdir()
    for source in recipe.sources:
        shutil.copy(source, project)
    (project / "node_modules").symlink_to(node_modules)
    candid = project / ".azle/backend/backend.did"
    # What the `azle` script of the package does, without `npx` and its own look-ups.
    scripts = ("node_modules/tsx/dist/cli.mjs", "node_modules/azle/src/build.ts")
    environment = {"CANISTER_CANDID_PATH": str(candid)}
    command = (node_js(toolchains).node, *scripts, "build", "backend")
    run_tool(command, folder=project, environment=environment)
    shutil.copy(project / ".azle/backend/backend.wasm", output_of(folder, ".wasm"))
    shutil.copy(candid, output_of(folder, ".did"))


def _compile_rust(recipe: Recipe, folder: Path, toolchains: Path) -> None:
    rust = cargo(toolchains)
    _source, manifest, *_crates = recipe.sources
    project = manifest.parent
    work = folder / project.name
    shutil.copytree(project, work, copy_function=shutil.copy)
    # One for all projects: the crates that they share are compiled once.
    shared = toolchains / "cargo-target"
    command = (*rust.command, "build", "--release", "--target", TARGET, "--target-dir", str(shared))
    run_tool(command, folder=work, environment=rust.environment)
    shutil.copy(shared / TARGET / "release" / f"{project.name}.wasm", output_of(folder, ".wasm"))


def _motoko_identity(_toolchains: Path) -> str:
    return MOTOKO + _MOTOKO_DRIVER.read_text(encoding="utf-8")


def _c_identity(toolchains: Path) -> str:
    return " ".join((c_compiler(toolchains).identity, *_C_FLAGS, *_LINK_FLAGS))


_COMPILERS: Final[Mapping[Language, Compiler]] = {
    Language.MOTOKO: Compiler(_motoko_identity, _compile_motoko),
    Language.C: Compiler(_c_identity, _compile_c),
    Language.AZLE: Compiler(lambda _toolchains: AZLE, _compile_azle),
    Language.RUST: Compiler(lambda toolchains: cargo(toolchains).identity, _compile_rust),
}
