"""The public names, frozen: what is listed here, users' code depends on."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sandbox

PUBLIC = {
    "Anchor",
    "Canister",
    "CanisterRejected",
    "CanisterTrapped",
    "FREE",
    "HttpRequest",
    "HttpResponse",
    "Limits",
    "LogRecord",
    "Mock",
    "ModuleRefused",
    "OpenCallsWarning",
    "Pending",
    "Persistence",
    "Prices",
    "Principal",
    "RejectCode",
    "Report",
    "Sandbox",
    "SandboxError",
    "Snapshot",
    "Status",
    "Trace",
    "UsageError",
    "candid",
}


def test_sandbox_offers_exactly_its_public_names() -> None:
    assert set(sandbox.__all__) == PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(sandbox, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        sandbox.nothing  # noqa: B018 - the access is the test


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import sandbox", ("wasmtime", "click", "pytest", "rich", "sandbox.candid")),
        ("from sandbox import candid", ("wasmtime", "click", "pytest", "hypothesis")),
        ("from sandbox import Sandbox", ("click", "pytest", "rich", "hypothesis", "yaml")),
        ("import sandbox.cli.root", ("wasmtime", "rich", "pytest")),
    ],
)
def test_an_import_loads_only_what_it_needs(statement: str, unwanted: tuple[str, ...]) -> None:
    code = f"{statement}\nimport sys\nprint([m for m in {unwanted!r} if m in sys.modules])"

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"
