"""The pytest plugin: whole suites in a process of their own, as a developer starts them.

The time of a test is the sum of set-up, call and teardown, as pytest reports it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from benchmarks.bench_ledger import DID, WASM
from benchmarks.report import Row
from sandbox.cli.new import create_project

if TYPE_CHECKING:
    from collections.abc import Iterator

_COUNTER: Final = Path(__file__).parents[2] / "wat" / "counter.wat"
_CONFTEST: Final = """
seconds = []

def pytest_runtest_logreport(report):
    seconds.append(report.duration)

def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"tests took {sum(seconds):.6f} s")
"""
_LEDGER: Final = """
import pytest
from benchmarks.bench_ledger import DID, RECEIVER, SENDER, WASM, account, init_argument
from canister_fixtures import canister_fixture

ledger = canister_fixture(WASM, init_argument(), did=DID)

@pytest.mark.parametrize("amount", range(1, 201))
def test_a_transfer(ledger, amount):
    to = account(RECEIVER)
    assert ledger.icrc1_transfer({"to": to, "amount": amount}, caller=SENDER) == {"Ok": 1}
    assert ledger.icrc1_balance_of(to) == amount
"""
_TESTS: Final = 1_000
_MANY: Final = f"""
import pytest
from sandbox import Sandbox

@pytest.fixture(scope="module")
def isolated(ic):
    return ic.install({str(_COUNTER)!r})

@pytest.fixture(scope="module")
def shared():
    with Sandbox() as ic:
        yield ic.install({str(_COUNTER)!r})

@pytest.mark.parametrize("_number", range({_TESTS}))
def test_update(WHICH, _number):
    WHICH.update_raw("inc")
"""


def rows() -> Iterator[Row]:
    """Measure suites; a note in their place where there is no pytest."""
    if find_spec("pytest") is None:
        yield Row("pytest suites", "not measured", ratio="pytest is not installed")
        return
    yield _new_project()
    if WASM.is_file() and DID.is_file():
        tests_s, whole_s = _best(_LEDGER)
        what = "pytest: 200 tests on the ICRC ledger, each isolated"
        yield Row(what, f"{tests_s:.2f} s", "≤ 2 s", f"{whole_s:.2f} s from start to end")
    isolated_s, shared_s = (
        _best(_MANY.replace("WHICH", which))[0] for which in ("isolated", "shared")
    )
    isolation = f"{(isolated_s - shared_s) / _TESTS * 1e3:.2f} ms"
    without = f"a test of one update takes {shared_s / _TESTS * 1e3:.2f} ms without"
    yield Row("pytest: isolation, for a test", isolation, "≤ 1 ms", without)


def _new_project() -> Row:
    with TemporaryDirectory() as directory:
        project = Path(directory) / "counter"
        create_project(project)
        whole_s = min(_timed(project)[1] for _ in range(3))
    return Row("canister-sandbox new, then pytest", f"{whole_s:.2f} s", "≤ 3 s",
               "from start to end, five tests")  # fmt: skip


def _best(suite: str) -> tuple[float, float]:
    """Return the seconds of the tests and of the whole process, the best of some runs."""
    with TemporaryDirectory() as directory:
        (Path(directory) / "conftest.py").write_text(_CONFTEST, "utf-8")
        (Path(directory) / "test_suite.py").write_text(suite, "utf-8")
        return min(_timed(Path(directory)) for _ in range(3))


def _timed(directory: Path) -> tuple[float, float]:
    here = Path(__file__).parents[1]
    start = time.perf_counter()
    options = ("-q", "-p", "no:cacheprovider", "-o", f"pythonpath={here}")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=directory, capture_output=True, text=True, check=False,
    )  # fmt: skip
    whole_s = time.perf_counter() - start
    if run.returncode:
        raise RuntimeError(run.stdout + run.stderr)
    found = re.search(r"tests took ([\d.]+) s", run.stdout)
    return (float(found[1]) if found else 0.0), whole_s
