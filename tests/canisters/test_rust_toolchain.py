"""Finding and fetching Rust, on a machine whose programs are scripts that keep a diary."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from canisters.rust_toolchain import CDK, cargo
from canisters.toolchains import BuildFailed, ToolchainMissing

if TYPE_CHECKING:
    from canisters.conftest import Machine

APT_GET = """#!/bin/sh
echo "$@" >> "$DIARY"
test ! -e "$OUT_OF_ORDER" || { echo "E: no such host" >&2; exit 100; }
for word; do case "$word" in -oDir::Cache=*) cache=${word#*=} ;; esac; done
case "$*" in *install*) for name in rustc lld; do : > "$cache/archives/$name.deb"; done ;; esac
"""

# `dpkg-deb --extract PACKAGE FOLDER`
DPKG_DEB = """#!/bin/sh
mkdir -p "$3/usr/bin" "$3/usr/lib/x86_64-linux-gnu"
echo "${2##*/}" >> "$3/extracted"
"""

RUSTC = """#!/bin/sh
case "$1" in --version) echo "rustc 1.99.0" ;; *) echo "$LIBRARY" ;; esac
"""


@pytest.fixture
def debian(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    machine.has("cc")
    machine.has("apt-get", APT_GET)
    machine.has("dpkg-deb", DPKG_DEB)
    return machine


@pytest.fixture
def rustup(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("LIBRARY", str(machine.programs))
    machine.has("cc")
    machine.has("cargo")
    machine.has("rustc", RUSTC)
    return machine


def test_rust_is_used_where_it_can_make_wasm(rustup: Machine) -> None:
    rust = cargo(rustup.toolchains)

    assert (rust.identity, rust.program) == ("rustc 1.99.0", "cargo")
    assert rust.environment == {"CARGO_HOME": str(rustup.toolchains / "cargo-home")}


def test_rust_without_the_target_is_not_enough(
    rustup: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBRARY", "/nowhere")

    with pytest.raises(ToolchainMissing, match="rustup target add wasm32-unknown-unknown"):
        cargo(rustup.toolchains)


def test_rust_without_a_linker_is_not_enough(rustup: Machine) -> None:
    (rustup.programs / "cc").unlink()

    with pytest.raises(ToolchainMissing, match="a C compiler"):
        cargo(rustup.toolchains)


def test_debians_packages_are_unpacked_once_and_without_rights(debian: Machine) -> None:
    first = cargo(debian.toolchains)
    second = cargo(debian.toolchains)

    folder = debian.toolchains / first.identity
    assert first == second
    assert first.program == str(folder / "usr/bin/cargo")
    assert first.environment["LD_LIBRARY_PATH"] == str(folder / "usr/lib/x86_64-linux-gnu")
    assert (folder / "extracted").read_text().split() == ["lld.deb", "rustc.deb"]
    update, install = debian.diary.read_text().splitlines()
    assert update.endswith("update")
    assert "--download-only" in install


def test_what_was_only_downloaded_is_not_kept(debian: Machine) -> None:
    folder = debian.toolchains / cargo(debian.toolchains).identity

    assert sorted(path.name for path in folder.iterdir()) == ["extracted", "usr"]


def test_packages_that_cannot_be_fetched_are_a_failure_and_not_a_toolchain(
    debian: Machine,
) -> None:
    debian.is_out_of_order()

    for _ in range(2):
        with pytest.raises(BuildFailed, match="no such host"):
            cargo(debian.toolchains)

    assert debian.runs == 2


def test_cargo_takes_our_crates_and_asks_no_registry(rustup: Machine) -> None:
    command = cargo(rustup.toolchains).command

    assert command[:2] == ("cargo", "--offline")
    for name in ("candid", "ic-cdk", "serde"):
        assert f'patch.crates-io.{name}.path="{CDK}/{name}"' in command
