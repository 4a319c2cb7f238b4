"""A rehearsal written down: for the terminal, for machines, for CI, and as one HTML file.

The same for a chain of them, which ``several`` puts together, and a matrix, which ``grid`` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.rehearsal.chain import Chain
from sandbox.rehearsal.matrix import Matrix
from sandbox.rehearsal.report import grid, several
from sandbox.rehearsal.report.data import rehearsal_as_dict
from sandbox.rehearsal.report.explanation import explanation, page
from sandbox.rehearsal.report.html import rehearsal_as_html
from sandbox.rehearsal.report.junit import rehearsal_as_junit
from sandbox.rehearsal.report.text import rehearsal_as_text

if TYPE_CHECKING:
    from sandbox.rehearsal.rehearsal import Rehearsal

__all__ = ["as_dict", "as_html", "as_junit", "as_text", "explanation", "page"]


def as_text(outcome: Rehearsal | Chain | Matrix) -> str:
    """Return the report for the terminal; the first line is the verdict."""
    if isinstance(outcome, Chain):
        return several.chain_as_text(outcome)
    if isinstance(outcome, Matrix):
        return grid.matrix_as_text(outcome)
    return rehearsal_as_text(outcome)


def as_dict(outcome: Rehearsal | Chain | Matrix) -> dict[str, Any]:
    """Return the report as dictionaries, lists, strings and numbers."""
    if isinstance(outcome, Chain):
        return several.chain_as_dict(outcome)
    if isinstance(outcome, Matrix):
        return grid.matrix_as_dict(outcome)
    return rehearsal_as_dict(outcome)


def as_junit(outcome: Rehearsal | Chain | Matrix) -> str:
    """Return the report as JUnit XML."""
    if isinstance(outcome, Chain):
        return several.chain_as_junit(outcome)
    if isinstance(outcome, Matrix):
        return grid.matrix_as_junit(outcome)
    return rehearsal_as_junit(outcome)


def as_html(outcome: Rehearsal | Chain | Matrix, title: str = "Upgrade rehearsal") -> str:
    """Return the report as one self-contained HTML document. title: whose upgrade it is."""
    if isinstance(outcome, Chain):
        return several.chain_as_html(outcome, title)
    if isinstance(outcome, Matrix):
        return grid.matrix_as_html(outcome, title)
    return rehearsal_as_html(outcome, title)
