"""The pages of the findings are what the code says, and no failure class is forgotten."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from finding_pages import PAGES, rendered
from sandbox import Sandbox
from sandbox.demo.story import module as demo_module
from sandbox.rehearsal import REGISTRY, read_plan
from sandbox.rehearsal.report import as_text

if TYPE_CHECKING:
    from sandbox.engine import Compiler

DOCS = Path(__file__).parents[3] / "docs"
# reference/upgrade_failures.md.
CLASSES = {
    *(f"S{number:02}" for number in range(1, 12)),
    *(f"P{number:02}" for number in range(1, 10)),
    *(f"Q{number:02}" for number in range(1, 9)),
    *(f"L{number:02}" for number in range(1, 8)),
    *(f"A{number:02}" for number in range(1, 10)),
    *(f"R{number:02}" for number in range(1, 9)),
}


# What a plan of the user's own promises.
OF_THE_PLAN = {"E01", "E02", "E03"}


def test_the_pages_are_what_the_code_says() -> None:
    there = {path.name: path.read_text("utf-8") for path in PAGES.glob("*.md")}

    assert there == rendered(), "write them with: make docs"


def test_every_failure_class_has_a_detector_or_a_reason() -> None:
    text = (DOCS / "rehearse.md").read_text("utf-8")
    reasons = set(re.findall(r"^\| ([A-Z]\d\d) \|", text, re.MULTILINE))

    assert reasons | set(REGISTRY) == CLASSES | OF_THE_PLAN
    assert reasons & set(REGISTRY) == set()


def test_links_of_the_pages_lead_somewhere() -> None:
    for path in PAGES.glob("*.md"):
        for target in re.findall(r"\]\((?!http)([^)]+)\)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


# --- the plans of docs/rehearse.md

PLANS = dict(
    re.findall(
        r"```yaml\n# ([\w.]+)\n(.+?)```", (DOCS / "rehearse.md").read_text("utf-8"), re.DOTALL
    )
)
VERDICTS = {
    "ledger.yaml": "UPGRADE WOULD SUCCEED",
    "matrix.yaml": "1 OF 3 UPGRADES WOULD DO WELL - not v1 to bad, bad to v2",
    "group.yaml": "ALL 2 STEPS WOULD DO WELL",
}


@pytest.mark.parametrize("name", VERDICTS)
@pytest.mark.slow
def test_the_plans_of_the_docs_find_what_they_are_to_find(
    name: str, tmp_path: Path, compiler: Compiler
) -> None:
    for version in ("ledger_v1", "ledger_v2_bad", "ledger_v2_good"):
        target = tmp_path / f"{version.removesuffix('_good')}.wasm.gz"
        target.write_bytes(demo_module(f"{version}.classical"))
    with Sandbox(tmp_path / ".canister-sandbox", compiler=compiler) as world:
        for canister in ("ledger", "archive"):
            world.install(tmp_path / "ledger_v1.wasm.gz", name=canister)
    (tmp_path / name).write_text(PLANS[name], "utf-8")

    outcome = read_plan(tmp_path / name).rehearse(compiler=compiler, workers=1)

    assert outcome.verdict.startswith(VERDICTS[name]), as_text(outcome)


def test_every_plan_of_the_docs_is_tried() -> None:
    assert PLANS.keys() == VERDICTS.keys()
