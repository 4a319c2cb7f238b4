"""What a finding means, for ``explain CODE`` and for its page in ``docs/findings``."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.findings import Harm, Severity

if TYPE_CHECKING:
    from sandbox.rehearsal.findings import Entry

_HARMS: Final = {
    Harm.BRICK: "the canister cannot be upgraded any more",
    Harm.LOSS: "data is lost or corrupted",
    Harm.OUTAGE: "it is out of service until somebody acts",
    Harm.SILENT: "it looks fine and is not",
}
_SEVERITIES: Final = {
    Severity.FAILURE: "the rehearsal fails",
    Severity.WARNING: "look before you upgrade",
    Severity.NOTE: "good to know",
}
_WIDTH: Final = 88


def explanation(entry: Entry) -> str:
    """Return what a finding means, for the terminal."""
    usually = f"Usually: {entry.severity.value} ({_SEVERITIES[entry.severity]})"
    harm = f"In production: {entry.harm} ({_HARMS[entry.harm]})"
    parts = [
        f"{entry.code}  {entry.title}",
        f"{usually}\n{harm}",
        _wrapped(entry.what),
        _wrapped(f"How it is found: {entry.how}"),
        _wrapped(f"What to do: {entry.advice}"),
        f"Seen in: {entry.case}",
    ]
    return "\n\n".join(parts)


def page(entry: Entry, sample: str) -> str:
    """Return the finding's page as Markdown. sample: what trips it and what does not."""
    return (
        f"# {entry.code}: {entry.title}\n\n"
        f"| usually | in production |\n|---|---|\n"
        f"| {entry.severity.value}: {_SEVERITIES[entry.severity]} "
        f"| {entry.harm}: {_HARMS[entry.harm]} |\n\n"
        f"{_wrapped(entry.what)}\n\n"
        f"## How it is found\n\n{_wrapped(entry.how)}\n\n"
        f"## What to do\n\n{_wrapped(entry.advice)}\n\n"
        f"## Seen in\n\n<{entry.case}>\n\n"
        f"## Samples\n\n{sample}"
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
