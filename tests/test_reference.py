"""The reference says what the code says, and every link in the docs leads somewhere."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from definitions import resolved
from docstring_markdown import markdown
from reference_pages import PAGES, REFERENCE, anchor_of, rendered

CHECKOUT: Final = Path(__file__).parents[1]
DOCUMENTS: Final = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")])
_CODE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


@cache
def headings(path: Path) -> list[str]:
    """Return where the headings of a page are, as GitHub numbers them."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", _CODE.sub("", path.read_text("utf-8")), re.MULTILINE):
        anchor = anchor_of(heading)
        same = sum(re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", one) is not None for one in found)
        found.append(f"{anchor}-{same}" if same else anchor)
    return found


def test_the_pages_are_what_the_docstrings_say() -> None:
    there = {path.name: path.read_text("utf-8") for path in PAGES.glob("*.md")}

    assert there == rendered(), "write them with: make docs"


@pytest.mark.parametrize("file", REFERENCE)
def test_everything_public_says_what_it_is(file: str) -> None:
    names = [item for part in REFERENCE[file].parts for item in part.names().items()]

    assert [name for name, found in names if found is not None and not found.docstring] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_links_lead_somewhere(path: Path) -> None:
    text = _CODE.sub("", path.read_text("utf-8"))

    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        there = path.parent / file if file else path
        assert there.exists(), target
        assert not anchor or anchor in headings(there), target


def test_a_name_is_found_through_what_imports_it() -> None:
    found = resolved("sandbox", "Snapshot")

    assert found is not None
    assert found.module == "snapshot.record"
    assert resolved("sandbox", "wasmtime") is None


def test_a_signature_is_the_one_in_the_source() -> None:
    found = resolved("canister_fixtures", "identity")

    assert found is not None
    assert found.code == "identity(name: str) -> Principal"


def test_a_docstring_becomes_markdown() -> None:
    docstring = """Do it to ``this``.

    Before it, look::

        look(this)

        done()

    this: what it is, on
        two lines. that: more of it.

    Requires: nothing.
    other: no parameter
    Raises: UsageError.
    """

    assert markdown(docstring, ["this", "that"]) == (
        "Do it to `this`.\n\nBefore it, look:\n\n"
        "```python\nlook(this)\n\ndone()\n```\n\n"
        "* **this**: what it is, on\n  two lines.\n* **that**: more of it.\n"
        "* **Requires**: nothing.\n\n"
        "other: no parameter\n\n* **Raises**: UsageError."
    )
