"""A rehearsal written down: for the terminal, for machines, for CI, and as one HTML file."""

from sandbox.rehearsal.report.data import as_dict
from sandbox.rehearsal.report.explanation import explanation, page
from sandbox.rehearsal.report.html import as_html
from sandbox.rehearsal.report.junit import as_junit
from sandbox.rehearsal.report.text import as_text

__all__ = ["as_dict", "as_html", "as_junit", "as_text", "explanation", "page"]
