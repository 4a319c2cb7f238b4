"""``--profile FILE``: written also of what fails; a bad file is refused before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import CommandLine


def test_a_call_is_profiled(counter: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "inc.folded"

    result = counter("call", "counter", "inc", "--profile", str(file))

    assert result.stdout == "(6 : nat8)\n"
    assert f"instructions are in {file}" in result.stderr
    assert file.read_text("utf-8").startswith("counter;canister_update inc;")


def test_an_upgrade_is_profiled(counter: CommandLine, tmp_path: Path) -> None:
    file, module = tmp_path / "upgrade.svg", "wat/hooks_print.wat"

    counter("upgrade", "counter", module, "--profile", str(file))

    titles = [item.text or "" for item in ET.parse(file).iter("{http://www.w3.org/2000/svg}title")]
    assert any(title.startswith("canister_post_upgrade: ") for title in titles)


def test_a_call_that_traps_is_profiled_too(
    run: CommandLine, wat_file: Callable[[str], str], tmp_path: Path
) -> None:
    file = tmp_path / "trap.folded"
    module = wat_file('(module (func (export "canister_update fail") unreachable))')
    run("install", "failing", module)

    run("call", "failing", "fail", "--profile", str(file), code=1)

    assert file.read_text("utf-8").startswith("failing;canister_update fail;")


@pytest.mark.parametrize("name", ["inc.pdf", "inc", "missing/inc.svg"])
def test_a_file_that_cannot_be_is_refused_before_the_call(
    counter: CommandLine, tmp_path: Path, name: str
) -> None:
    before = counter.files()

    counter("call", "counter", "inc", "--profile", str(tmp_path / name), code=2)

    assert counter.files() == before
