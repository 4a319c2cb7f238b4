from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from memory_arena import COPY_ON_WRITE_WORKS, KINDS
from sandbox.memory import (
    WASM_PAGE,
    RegionKind,
    RegionMisused,
    diagnose,
    new_region,
)
from sandbox.memory.copying import CopyingRegion

if TYPE_CHECKING:
    from pathlib import Path


def test_copying_is_there_on_request() -> None:
    with new_region(WASM_PAGE, kind="copying") as region:
        assert isinstance(region, CopyingRegion)


def test_auto_is_copy_on_write_exactly_where_the_diagnosis_says_so() -> None:
    with new_region(WASM_PAGE) as region:
        assert isinstance(region, CopyingRegion) is not COPY_ON_WRITE_WORKS


@pytest.mark.skipif(
    not os.access("/proc/self/pagemap", os.R_OK), reason="the platform does not show its pages"
)
def test_copy_on_write_works_where_the_pagemap_can_be_read() -> None:
    # Elsewhere in these tests copy-on-write is left out where it does not work.
    assert COPY_ON_WRITE_WORKS, diagnose()[0].detail


@pytest.mark.parametrize("kind", KINDS)
def test_a_size_that_no_memory_has_is_refused(kind: RegionKind) -> None:
    with pytest.raises(RegionMisused):
        new_region(WASM_PAGE + 1, kind=kind)


def test_the_diagnosis_explains_every_capability() -> None:
    capabilities = diagnose()

    assert capabilities[0].name == "copy-on-write memory"
    assert all(capability.detail for capability in capabilities)


LOCKED_DOWN = """
import os
real_open = os.open
def no_pagemap(path, *rest, **more):
    if path == "/proc/self/pagemap":
        raise PermissionError(13, "Permission denied", path)
    return real_open(path, *rest, **more)
os.open = no_pagemap

from sandbox.memory import diagnose, new_region
print(type(new_region(65536)).__name__)
print(diagnose()[0].active, diagnose()[0].detail)
"""


def python(script: str, cwd: Path) -> str:
    """Run a script in a fresh interpreter and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=cwd, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.skipif(not COPY_ON_WRITE_WORKS, reason="it is locked down already")
def test_where_pagemap_cannot_be_read_auto_copies_and_says_why(tmp_path: Path) -> None:
    kind, diagnosis = python(LOCKED_DOWN, tmp_path).splitlines()

    assert kind == "CopyingRegion"
    assert diagnosis.startswith("False")
    assert "Permission denied" in diagnosis


def test_importing_the_package_imports_no_engine_and_nothing_of_linux(tmp_path: Path) -> None:
    script = "import sys, sandbox.memory; print(*sorted(sys.modules))"

    modules = python(script, tmp_path).split()

    assert not {"wasmtime", "fcntl", "sandbox.memory.kernel"} & set(modules)
