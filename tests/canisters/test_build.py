"""The builder, with a compiler of its own: a script that copies the source and keeps a diary."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from canisters.build import BuildFailed, Places, build, main
from canisters.demo import committed, is_demo
from canisters.recipes import DEMO_SOURCES, RECIPES, SOURCES, Language, Recipe
from canisters.toolchains import run_tool

if TYPE_CHECKING:
    from pathlib import Path

# Sleeps while it works, or two builds at once would hardly meet; fails on a source that says so.
COMPILER = """#!/bin/sh
echo "$@" >> "$DIARY"
sleep 0.05
while [ $# -gt 0 ]; do
  case "$1" in
    -o) output=$2; shift ;;
    *.c) source=$1 ;;
  esac
  shift
done
if grep -q mistake "$source"; then echo "$source:1: a mistake" >&2; exit 1; fi
cat "$source" > "$output"
"""


@dataclass(frozen=True, slots=True)
class Workshop:
    """A source, a recipe for it, and a place to build it."""

    source: Path
    header: Path
    recipe: Recipe
    places: Places
    diary: Path

    def build(self, *, force: bool = False) -> Path:
        return build(self.recipe, self.places, force=force)

    @property
    def compilations(self) -> int:
        return len(self.diary.read_text().splitlines()) if self.diary.exists() else 0


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("clang-19", "wasm-ld-19"):
        (programs / name).write_text(COMPILER)
        (programs / name).chmod(0o755)
    diary = tmp_path / "diary"
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("DIARY", str(diary))
    source, header = tmp_path / "one.c", tmp_path / "one.h"
    source.write_text("first version")
    header.write_text("first header")
    recipe = Recipe("c/wasm32/one", Language.C, (source, header), ("wasm32",))
    places = Places(tmp_path / "outputs", tmp_path / "toolchains")
    return Workshop(source, header, recipe, places, diary)


def test_a_canister_is_built_below_its_name(workshop: Workshop) -> None:
    wasm = workshop.build()

    assert wasm == workshop.places.outputs / "c/wasm32/one.wasm"
    assert wasm.read_text() == "first version"


def test_a_second_build_does_nothing(workshop: Workshop) -> None:
    workshop.build()

    workshop.build()

    assert workshop.compilations == 1


def test_a_changed_source_is_built_again(workshop: Workshop) -> None:
    workshop.build()
    workshop.source.write_text("second version")

    wasm = workshop.build()

    assert wasm.read_text() == "second version"


def test_a_changed_header_is_built_again(workshop: Workshop) -> None:
    workshop.build()
    workshop.header.write_text("second header")

    workshop.build()

    assert workshop.compilations == 2


def test_other_flags_are_built_again(workshop: Workshop) -> None:
    workshop.build()
    recipe = replace(workshop.recipe, flags=("wasm32", "-msimd128"))

    build(recipe, workshop.places)

    assert workshop.compilations == 2


def test_force_builds_what_is_up_to_date(workshop: Workshop) -> None:
    workshop.build()

    workshop.build(force=True)

    assert workshop.compilations == 2


def test_a_failed_build_gives_the_compilers_words_and_keeps_the_old_module(
    workshop: Workshop,
) -> None:
    wasm = workshop.build()
    workshop.source.write_text("a mistake")

    with pytest.raises(BuildFailed, match=r"one\.c:1: a mistake"):
        workshop.build()

    assert wasm.read_text() == "first version"
    assert not any(path.name.endswith(".building") for path in wasm.parent.iterdir())


def test_a_failed_build_is_tried_again(workshop: Workshop) -> None:
    workshop.source.write_text("a mistake")
    with pytest.raises(BuildFailed):
        workshop.build()

    with pytest.raises(BuildFailed):
        workshop.build()

    assert workshop.compilations == 2


def test_what_an_interrupted_build_left_does_no_harm(workshop: Workshop) -> None:
    leftover = workshop.places.outputs / "c/wasm32/one.building"
    leftover.mkdir(parents=True)
    (leftover / "canister.did").write_text("service : {}")

    wasm = workshop.build()

    assert not leftover.exists()
    assert not wasm.with_suffix(".did").exists()


def test_outputs_without_their_key_are_built_again(workshop: Workshop) -> None:
    wasm = workshop.build()
    wasm.with_suffix(".key").unlink()
    wasm.write_text("half a mod")

    workshop.build()

    assert wasm.read_text() == "first version"


def test_an_output_that_is_no_longer_made_goes_away(workshop: Workshop) -> None:
    wasm = workshop.build()
    wasm.with_suffix(".most").write_text("of an earlier compiler")

    workshop.build(force=True)

    assert not wasm.with_suffix(".most").exists()


def test_of_many_at_once_one_builds(workshop: Workshop) -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        paths = list(pool.map(lambda _: workshop.build(), range(8)))

    assert len(set(paths)) == 1
    assert workshop.compilations == 1


def test_a_tool_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="no-such-tool is not installed"):
        run_tool(("no-such-tool", "--version"), folder=tmp_path)


def test_names_can_be_listed_by_pattern(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "motoko/*/counter_v1"]) == 0

    listed = capsys.readouterr().out.split()
    assert listed == ["motoko/eop/counter_v1", "motoko/classical/counter_v1"]


def test_an_unknown_name_is_the_callers_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["motoko/eop/nothing"])

    assert stopped.value.code == 2
    assert "motoko/eop/nothing" in capsys.readouterr().err


def test_the_script_runs_from_any_folder(tmp_path: Path) -> None:
    command = (sys.executable, str(SOURCES / "build.py"), "--list", "azle/*")

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["azle/counter"]


def test_every_source_belongs_to_a_recipe_and_exists() -> None:
    written = {*SOURCES.glob("motoko/*.mo"), *SOURCES.glob("c/*"), *SOURCES.glob("azle/*/*")}
    written |= {*SOURCES.glob("rust/**/*.rs"), *SOURCES.glob("rust/**/Cargo.toml")}
    written |= set(DEMO_SOURCES.glob("*.mo"))

    assert {path for recipe in RECIPES.values() for path in recipe.sources} == written


@pytest.mark.parametrize("name", RECIPES)
def test_a_source_first_says_what_it_is(name: str) -> None:
    assert RECIPES[name].sources[0].read_text(encoding="utf-8").startswith("//")


def test_every_demo_module_is_committed() -> None:
    modules = {committed(recipe) for recipe in RECIPES.values() if is_demo(recipe)}

    assert modules == set(DEMO_SOURCES.glob("*.wasm.gz"))


def test_what_no_compiler_can_be_had_for_is_left_out_with_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert main(["rust/notes"]) == 0

    assert "rust/notes  left out: Rust for Wasm is missing" in capsys.readouterr().out
