"""Installing compilers, with package managers of its own: scripts that keep a diary."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from canisters.toolchains import CLANG, NODE, ZIG, BuildFailed, c_compiler, node_js, npm_package

if TYPE_CHECKING:
    from canisters.conftest import Machine

NPM = """#!/bin/sh
echo "$@" >> "$DIARY"
test ! -e "$OUT_OF_ORDER" || { echo "the registry is closed" >&2; exit 1; }
test ! -e leftover || { echo "the folder is not empty" >&2; exit 1; }
mkdir -p node_modules/thing
"""

APT_GET = """#!/bin/sh
echo "$@" >> "$DIARY"
test ! -e "$OUT_OF_ORDER" || { echo "E: unable to locate package" >&2; exit 100; }
for program in clang-19 wasm-ld-19; do ln -s /bin/true "$PROGRAMS/$program"; done
"""


@pytest.fixture
def npm(machine: Machine) -> Machine:
    machine.has("node")
    machine.has("npm", NPM)
    return machine


def test_a_package_is_installed_once(npm: Machine) -> None:
    first = npm_package(npm.toolchains, "thing@1.0.0")
    second = npm_package(npm.toolchains, "thing@1.0.0")

    assert first == second == npm.toolchains / "thing@1.0.0" / "node_modules"
    assert (first / "thing").is_dir()
    assert npm.runs == 1


def test_another_version_is_installed_beside_it(npm: Machine) -> None:
    npm_package(npm.toolchains, "thing@1.0.0")

    npm_package(npm.toolchains, "thing@2.0.0")

    assert npm.runs == 2


def test_a_failed_install_gives_the_tools_words_and_is_not_taken_for_one(npm: Machine) -> None:
    npm.is_out_of_order()

    with pytest.raises(BuildFailed, match="the registry is closed"):
        npm_package(npm.toolchains, "thing@1.0.0")

    assert not (npm.toolchains / "thing@1.0.0").exists()


def test_an_interrupted_install_starts_from_nothing(npm: Machine) -> None:
    partial = npm.toolchains / "thing@1.0.0.partial"
    partial.mkdir()
    (partial / "leftover").touch()

    npm_package(npm.toolchains, "thing@1.0.0")

    assert not partial.exists()


def test_without_node_js_the_wheel_is_used(machine: Machine) -> None:
    (machine.toolchains / NODE).mkdir()

    assert node_js(machine.toolchains).node.startswith(str(machine.toolchains / NODE))


def test_clang_is_used_where_it_is(machine: Machine) -> None:
    machine.has("clang-19")
    machine.has("wasm-ld-19")

    assert c_compiler(machine.toolchains).identity == CLANG


def test_clang_without_its_linker_is_not_enough(machine: Machine) -> None:
    machine.has("clang-19")
    (machine.toolchains / ZIG).mkdir()

    assert c_compiler(machine.toolchains).identity == ZIG


def test_root_gets_clang_by_apt_get(machine: Machine) -> None:
    machine.has("apt-get", APT_GET)

    assert c_compiler(machine.toolchains).identity == CLANG
    assert machine.runs == 1


def test_others_do_not_call_apt_get(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    machine.has("apt-get", APT_GET)
    # In the way of the wheel: nothing is to be downloaded here.
    (machine.toolchains / f"{ZIG}.lock").mkdir()

    with pytest.raises(IsADirectoryError):
        c_compiler(machine.toolchains)

    assert machine.runs == 0


def test_after_apt_get_has_failed_it_is_not_asked_again(machine: Machine) -> None:
    machine.has("apt-get", APT_GET)
    machine.is_out_of_order()
    (machine.toolchains / f"{ZIG}.lock").mkdir()
    with pytest.raises(IsADirectoryError):
        c_compiler(machine.toolchains)
    (machine.toolchains / f"{ZIG}.lock").rmdir()
    (machine.toolchains / ZIG).mkdir()

    assert c_compiler(machine.toolchains).identity == ZIG
    assert machine.runs == 1
