"""The pages of the findings are what the code says, and no failure class is forgotten."""

from __future__ import annotations

import re
from pathlib import Path

from finding_pages import PAGES, rendered
from sandbox.rehearsal import REGISTRY

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

    assert there == rendered(), "write them with: python tests/finding_pages.py"


def test_every_failure_class_has_a_detector_or_a_reason() -> None:
    text = (DOCS / "rehearse.md").read_text("utf-8")
    reasons = set(re.findall(r"^\| ([A-Z]\d\d) \|", text, re.MULTILINE))

    assert reasons | set(REGISTRY) == CLASSES | OF_THE_PLAN
    assert reasons & set(REGISTRY) == set()


def test_links_of_the_pages_lead_somewhere() -> None:
    for path in PAGES.glob("*.md"):
        for target in re.findall(r"\]\((?!http)([^)]+)\)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
