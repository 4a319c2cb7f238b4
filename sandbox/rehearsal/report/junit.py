"""A rehearsal as JUnit XML: the verdict as a test case, and one for each code of the registry.

A failure fails its case; warnings and notes pass and are written into the case's output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from sandbox.rehearsal.findings import Severity
from sandbox.rehearsal.registry import ROWS

if TYPE_CHECKING:
    from sandbox.rehearsal.findings import Finding
    from sandbox.rehearsal.rehearsal import Rehearsal


def as_junit(outcome: Rehearsal) -> str:
    """Return the XML document."""
    failed = len({item.code for item in outcome.of(Severity.FAILURE)}) + (not outcome.is_ok)
    counts = {"tests": str(len(ROWS) + 1), "failures": str(failed), "errors": "0"}
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", {"name": "canister-sandbox rehearse", **counts})
    verdict = ET.SubElement(suite, "testcase", {"classname": "rehearsal", "name": "verdict"})
    tag = "system-out" if outcome.is_ok else "failure"
    ET.SubElement(verdict, tag).text = _clean(outcome.verdict)
    for row in ROWS:
        names = {"classname": "rehearsal", "name": f"{row.code} {row.title}"}
        case = ET.SubElement(suite, "testcase", names)
        found = [item for item in outcome.findings if item.code == row.code]
        for item in found:
            _add(case, item)
    ET.indent(suites)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"
    )


def _add(case: ET.Element, item: Finding) -> None:
    text = _clean("\n".join([*map(_line, item.evidence), item.advice]))
    if item.severity is Severity.FAILURE:
        ET.SubElement(case, "failure", {"message": _clean(item.title)}).text = text
    else:
        ET.SubElement(case, "system-out").text = f"{item.severity.value}: {text}"


def _line(fact: tuple[str, str, str]) -> str:
    what, before, after = fact
    return f"{what}: {before} -> {after}" if before else f"{what}: {after}"


def _clean(text: str) -> str:
    """Return the text without characters XML cannot hold; canisters print what they like."""
    return "".join(char if char in "\n\t" or char.isprintable() else "\ufffd" for char in text)
