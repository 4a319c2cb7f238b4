"""Shared by all tests: sandboxes that compile each module once, WAT files, built canisters."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

CHECKOUT = Path(__file__).parents[1]
# Compiled modules stay in the checkout: tests neither read nor fill the user's cache.
os.environ["CANISTER_SANDBOX_CACHE"] = str(CHECKOUT / ".cache")

from hypothesis import settings  # noqa: E402 - after the environment is set

from sandbox import Sandbox  # noqa: E402
from sandbox.engine import Compiler  # noqa: E402

# No test asserts on wall-clock time, nor does Hypothesis for it.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.handle import Canister


# How wide a terminal is and whether a CI service runs them changes what programs print.
TERMINAL_AND_SERVICE = (
    "BUILD_NUMBER", "CI", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "FORCE_COLOR",
    "GITHUB_ACTIONS", "LINES", "NO_COLOR", "PY_COLORS", "PYTEST_ADDOPTS", "TF_BUILD",
)  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def _same_everywhere() -> Iterator[None]:
    """Programs that tests start print the same on a terminal, in a pipe and in CI."""
    with pytest.MonkeyPatch.context() as environment:
        for name in TERMINAL_AND_SERVICE:
            environment.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def compiler() -> Compiler:
    return Compiler()


@pytest.fixture
def ic(compiler: Compiler) -> Iterator[Sandbox]:
    with Sandbox(compiler=compiler) as sandbox:
        yield sandbox


@pytest.fixture
def run_wat(ic: Sandbox) -> Callable[..., Canister]:
    """Install a canister from `wat/` by its name."""

    def install(name: str, *arguments: object) -> Canister:
        return ic.install(CHECKOUT / "wat" / f"{name}.wat", *arguments)

    return install


@pytest.fixture(scope="session")
def built() -> Callable[[str], Path]:
    """Return the path of a compiled test canister (tests/canisters), or skip if none can be."""
    from canisters.build import ToolchainMissing, built

    def built_or_skipped(name: str) -> Path:
        try:
            return built(name)
        except ToolchainMissing as missing:
            pytest.skip(str(missing))

    return built_or_skipped
