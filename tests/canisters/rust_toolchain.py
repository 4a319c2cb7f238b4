"""Rust for Wasm: the machine's own if it has that target, else Debian's packages.

Neither crates.io nor rustup's server is needed. Debian's packages are unpacked below
``.cache/toolchains`` and not installed, so that this needs no rights and touches no Rust that is
there. The crates that test canisters need come from ``rust/cdk``.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from canisters.recipes import SOURCES
from canisters.toolchains import ToolchainMissing, installed, run_tool

if TYPE_CHECKING:
    from collections.abc import Mapping

TARGET: Final = "wasm32-unknown-unknown"
CDK: Final = SOURCES / "rust/cdk"

# A patch that nothing depends on is a warning, and no more.
_CRATES: Final = ("candid", "ic-cdk", "serde")

# The linker is of the LLVM that rustc depends on.
_PACKAGES: Final = ("cargo", "rustc", "libstd-rust-dev", "libstd-rust-dev-wasm32", "lld")
_NEEDED: Final = (
    f"Rust for Wasm is missing: `rustup target add {TARGET}`, or a Debian with apt-get; "
    "and a C compiler, cc, to link with"
)


@dataclass(frozen=True, slots=True)
class Cargo:
    """How to call cargo, without a network and with our crates in the place of crates.io's.

    identity: what a build made by it depends on.
    command: the program and what it must always be told, to be followed by ``build``.
    environment: to be added to the caller's own.
    """

    identity: str
    environment: Mapping[str, str]
    program: str = "cargo"

    @property
    def command(self) -> tuple[str, ...]:
        patches = [("--config", f'patch.crates-io.{name}.path="{CDK / name}"') for name in _CRATES]
        return (self.program, "--offline", *(word for patch in patches for word in patch))


def cargo(root: Path) -> Cargo:
    """Return a cargo that builds for Wasm.

    Raises: ToolchainMissing where there is none; BuildFailed if Debian's cannot be fetched.
    """
    # Macros run on this machine: they are linked by its own compiler.
    if not shutil.which("cc"):
        raise ToolchainMissing(_NEEDED)
    # Neither the user's settings nor anything fetched for other projects.
    home = {"CARGO_HOME": str(root / "cargo-home")}
    if version := _own_rust():
        return Cargo(version, home)
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise ToolchainMissing(_NEEDED)
    unpacked = installed(root, _debian_name(), _unpack)
    program = str(unpacked / "usr/bin/cargo")
    return Cargo(unpacked.name, home | _debian_environment(unpacked), program)


def _own_rust() -> str:
    """Return the version of the machine's Rust if that has a library for Wasm, else nothing."""
    if not (shutil.which("cargo") and shutil.which("rustc")):
        return ""
    library = _said(("rustc", "--print", "target-libdir", "--target", TARGET))
    return _said(("rustc", "--version")) if library and Path(library).exists() else ""


def _said(command: tuple[str, ...]) -> str:
    # Rustup's rustc fails where no toolchain is chosen.
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _debian_name() -> str:
    """Return the folder's name: a release of Debian keeps to one version of Rust."""
    release = platform.freedesktop_os_release()
    return f"rust-{release['ID']}-{release.get('VERSION_ID', 'unstable')}"


def _debian_environment(unpacked: Path) -> dict[str, str]:
    programs = unpacked / "usr/bin"
    libraries = [*unpacked.glob("usr/lib/*-linux-gnu"), *unpacked.glob("lib/*-linux-gnu")]
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "RUSTC": str(programs / "rustc"),
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
        # Debian 13's rustc looks for a linker of another name.
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER": "wasm-ld",
    }


def _unpack(folder: Path) -> None:
    """Download the packages, with the libraries that the machine lacks, and unpack them here."""
    lists, cache = folder / "lists", folder / "cache"
    for place in (lists / "partial", cache / "archives/partial"):
        place.mkdir(parents=True)
    # With lists of our own, the machine's may be old or absent, and stay as they are.
    options = (
        f"Dir::State::Lists={lists}", f"Dir::Cache={cache}",
        "Debug::NoLocking=true", "APT::Sandbox::User=root", "Acquire::Retries=3",
    )  # fmt: skip
    apt_get = ("apt-get", "-qq", *(f"-o{option}" for option in options))
    run_tool((*apt_get, "update"), folder=folder)
    # `--reinstall`: also what is installed is to be here.
    how = ("--yes", "--download-only", "--reinstall", "--no-install-recommends")
    run_tool((*apt_get, "install", *how, *_PACKAGES), folder=folder)
    for package in sorted(cache.glob("archives/*.deb")):
        run_tool(("dpkg-deb", "--extract", str(package), str(folder)), folder=folder)
    shutil.rmtree(lists)
    shutil.rmtree(cache)
