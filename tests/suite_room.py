"""What tests of the pytest plugin share: sample suites, run by a pytest inside this process.

The suites use ``COUNTER``, the path of a counter with the methods ``inc`` and ``get``.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Final

# Loaded here, so that they are not loaded anew by each suite.
import canister_fixtures.isolated_sandbox
import canister_fixtures.plugin  # noqa: F401

if TYPE_CHECKING:
    import pytest

CHECKOUT: Final = Path(__file__).resolve().parents[1]
WAT: Final = CHECKOUT / "wat"
_PREAMBLE: Final = f"""
import pytest
COUNTER = {str(WAT / "counter.wat")!r}

def count(canister):
    return int.from_bytes(canister.query_raw("get"), "little")

def canisters(ic):
    return len(ic.canisters)

"""
# Ours by its module's name, whether or not the entry point is installed; Hypothesis' takes
# half a second to load, and pytest-asyncio's warns. The warning is about the import above.
_PLUGINS: Final = (
    *("-p", "no:canister_fixtures", "-p", "canister_fixtures.plugin"),
    *("-p", "no:hypothesispytest", "-p", "no:xdist", "-p", "no:asyncio"),
    *("-p", "no:cacheprovider"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)


def run_suite(
    pytester: pytest.Pytester, suite: str, *arguments: str, **files: str
) -> pytest.RunResult:
    """Run pytest on a suite in one file; files: more of them, by name without ``.py``."""
    write_suite(pytester.path, test_suite=suite, **files)
    return pytester.runpytest_inprocess(*_PLUGINS, "-q", *arguments)


def write_suite(directory: Path, **files: str) -> None:
    """Write files of a suite, by name without ``.py``."""
    for name, text in files.items():
        path = directory / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_PREAMBLE + dedent(text), "utf-8")
