"""For the tests of the toolchains: a machine whose programs are scripts that keep a diary."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that has only the programs it is given."""

    programs: Path
    toolchains: Path
    diary: Path

    def has(self, name: str, script: str = "#!/bin/sh\n") -> None:
        (self.programs / name).write_text(script)
        (self.programs / name).chmod(0o755)

    def is_out_of_order(self) -> None:
        (self.programs / "out of order").touch()

    @property
    def runs(self) -> int:
        return len(self.diary.read_text().splitlines()) if self.diary.exists() else 0


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    programs, toolchains = tmp_path / "bin", tmp_path / "toolchains"
    for folder in (programs, toolchains):
        folder.mkdir()
    for name in ("sh", "mkdir", "ln"):
        (programs / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("PROGRAMS", str(programs))
    monkeypatch.setenv("DIARY", str(tmp_path / "diary"))
    monkeypatch.setenv("OUT_OF_ORDER", str(programs / "out of order"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return Machine(programs, toolchains, tmp_path / "diary")
