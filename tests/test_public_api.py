"""The public names, frozen: what is listed here, users' code depends on."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import sandbox

PUBLIC = {
    "sandbox": """
        FREE Anchor Canister CanisterRejected CanisterTrapped History HttpRequest HttpResponse
        Limits LogRecord Mock ModuleRefused OpenCallsWarning Pending Persistence Point Prices
        Principal RejectCode Report Sandbox SandboxError Snapshot Status Trace UsageError candid
    """,
    "sandbox.candid": """
        CandidDecodeError CandidEncodeError CandidError CandidSyntaxError CandidTypeError Codec
        Env Field Finding Func FuncRef Interface Limits Mode Opt Prim Record RecordValue Ref
        Service ServiceRef Severity Some Type Variant VariantValue Vec compare decode encode
        field_hash format_interface format_message format_type format_values generate_stub
        load_interface parse_interface parse_type parse_types parse_values subtype
    """,
    "sandbox.certification": """
        Certificate CertificateInvalid HashTree TreeMalformed Unproven decoded encoded
        issued lookup root_hash tree_of verified
    """,
    "sandbox.profiling": """
        FunctionCost Node Profile
    """,
    "sandbox.rehearsal": """
        Acceptance Budget Call Chain Entry Fact Finding FromCanister FromDirectory FromModule
        FromStore FromWorld Growth Harm Matrix Member Migration Plan PlanInvalid PlanRefused
        REGISTRY Rehearsal Script Severity Step Version entry read_plan rehearse rehearse_chain
        rehearse_matrix
    """,
    "canister_fixtures": """
        BudgetFile CanisterMachine CanisterPlan CanisterTestCase Golden Rehearse StateChanges
        acting_as any_arguments canister_fixture changed_only changes_since describe_state identity
        rejects stored_fixture traps travel_to unchanged
    """,
}


@pytest.mark.parametrize("package", PUBLIC)
def test_a_package_offers_exactly_its_public_names(package: str) -> None:
    module = import_module(package)

    assert set(module.__all__) == set(PUBLIC[package].split())
    assert all(getattr(module, name) is not None for name in module.__all__)


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
        ("from canister_fixtures import canister_fixture, traps", ("wasmtime", "hypothesis")),
        ("import canister_fixtures.plugin", ("sandbox", "hypothesis")),
        ("import sandbox.cli.root", ("wasmtime", "rich", "pytest")),
    ],
)
def test_an_import_loads_only_what_it_needs(statement: str, unwanted: tuple[str, ...]) -> None:
    code = f"{statement}\nimport sys\nprint([m for m in {unwanted!r} if m in sys.modules])"

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"
