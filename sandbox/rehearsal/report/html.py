"""A rehearsal as one HTML file that needs nothing else: no scripts, no fonts, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.rehearsal.report import html_parts as parts
from sandbox.rehearsal.report.figures import size
from sandbox.rehearsal.report.html_glance import glance
from sandbox.rehearsal.report.html_growth import growth
from sandbox.rehearsal.report.html_markup import table, text
from sandbox.rehearsal.report.html_memory import memories
from sandbox.rehearsal.report.html_profile import profiles
from sandbox.rehearsal.report.html_style import STYLE

if TYPE_CHECKING:
    from sandbox.rehearsal.rehearsal import Rehearsal


def rehearsal_as_html(outcome: Rehearsal, title: str) -> str:
    """Return the document of one rehearsal. title: whose upgrade it is."""
    return document(title, content(outcome))


def content(outcome: Rehearsal) -> str:
    """Return the report of one rehearsal, to be put into a document."""
    sections = (
        ("Findings", parts.findings(outcome)),
        ("The upgrade", parts.phases(outcome)),
        ("Where the instructions went", profiles(outcome)),
        ("What callers see", parts.probes(outcome)),
        ("What runs by itself", parts.by_itself(outcome)),
        ("What changed in memory", memories(outcome)),
        ("When it grows", growth(outcome.growth)),
        ("With calls in flight", parts.flights(outcome)),
        ("The ways back", parts.ways_back(outcome)),
    )
    body = "".join(
        f"<section><h2>{name}</h2>{markup}</section>" for name, markup in sections if markup
    )
    return f"{parts.verdict(outcome)}{glance(outcome)}{body}{_footer(outcome)}"


def document(title: str, body: str) -> str:
    """Return a document with our style. body: markup."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{text(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{text(title)}</h1>{body}</main></body></html>\n"
    )


def _footer(outcome: Rehearsal) -> str:
    rows = [("old module", outcome.old.module_hash, size(outcome.old.size_bytes))]
    if outcome.new is not None:
        rows.append(("new module", outcome.new.module_hash, size(outcome.new.size_bytes)))
    untried = ""
    if outcome.untried:
        untried = f"<p>Not tried, for want of an argument: {text(', '.join(outcome.untried))}.</p>"
    return (
        f'<footer class="soft">{table(("module", "SHA-256", "size"), rows)}{untried}'
        f"<p>Limits: {text(str(outcome.limits))}. Instructions are counted as the IC counts "
        "them.</p></footer>"
    )
