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


def rehearsal_as_junit(outcome: Rehearsal) -> str:
    """Return the XML document of one rehearsal."""
    return as_document([suite_of(outcome, "rehearsal")])


def suite_of(outcome: Rehearsal, name: str) -> ET.Element:
    """Return one rehearsal as a suite. name: of its test cases' class."""
    failed = len({item.code for item in outcome.of(Severity.FAILURE)}) + (not outcome.is_ok)
    counts = {"tests": str(len(ROWS) + 1), "failures": str(failed), "errors": "0"}
    suite = ET.Element("testsuite", {"name": f"canister-sandbox {name}", **counts})
    verdict = ET.SubElement(suite, "testcase", {"classname": name, "name": "verdict"})
    tag = "system-out" if outcome.is_ok else "failure"
    ET.SubElement(verdict, tag).text = _clean(outcome.verdict)
    for row in ROWS:
        names = {"classname": name, "name": f"{row.code} {row.title}"}
        case = ET.SubElement(suite, "testcase", names)
        for item in outcome.findings:
            if item.code == row.code:
                _add(case, item)
    return suite


def failed_suite(name: str, why: str) -> ET.Element:
    """Return a suite of one test case, for a rehearsal that could not begin."""
    counts = {"tests": "1", "failures": "1", "errors": "0"}
    suite = ET.Element("testsuite", {"name": f"canister-sandbox {name}", **counts})
    case = ET.SubElement(suite, "testcase", {"classname": name, "name": "start"})
    ET.SubElement(case, "failure").text = _clean(why)
    return suite


def as_document(suites: list[ET.Element]) -> str:
    """Return suites as one XML document."""
    names = ("tests", "failures", "errors")
    sums = {name: str(sum(int(it.get(name, "0")) for it in suites)) for name in names}
    root = ET.Element("testsuites", sums)
    root.extend(suites)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


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
