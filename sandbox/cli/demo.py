"""``canister-sandbox demo``: the rehearsal and rollback story, narrated."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import click

from sandbox.cli.commands import command
from sandbox.cli.common import json_option
from sandbox.cli.output import print_json, say
from sandbox.demo import tell
from sandbox.demo.story import Kind

_PREFIX: Final = {
    Kind.TITLE: "",
    Kind.STEP: "  > ",
    Kind.FACT: "    ",
    Kind.BAD: "  ✗ ",
    Kind.GOOD: "  ✓ ",
}
_COLOUR: Final = {Kind.TITLE: "cyan", Kind.BAD: "red", Kind.GOOD: "green"}


@command()
@click.option(
    "--reports",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the two HTML reports go; without it a new temporary directory.",
)
@click.option(
    "--files",
    "canisters",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Only write the canisters, which the documentation uses, as files: sources and modules.",
)
@json_option
def demo(reports: Path | None, canisters: Path | None, *, as_json: bool) -> None:
    """Rehearse upgrades of a real Motoko canister, do a bad one, roll back, and prove it.

    The canisters are part of the package; nothing is downloaded, and nothing is kept but
    the two HTML reports.

    \b
    Examples:
      canister-sandbox demo
      canister-sandbox demo --files ledger
    """
    if canisters is not None:
        _write_canisters(canisters, as_json=as_json)
        return
    if reports is None:
        reports = Path(tempfile.mkdtemp(prefix="canister-sandbox-demo-"))
    reports.mkdir(parents=True, exist_ok=True)
    if as_json:
        story = [{"kind": line.kind, "text": line.text} for line in tell(reports)]
        print_json({"reports": reports, "story": story})
        return
    for line in tell(reports):
        if line.kind is Kind.TITLE:
            say()
        text = f"{_PREFIX[line.kind]}{line.text}"
        say(text, fg=_COLOUR.get(line.kind), bold=line.kind is Kind.TITLE)


def _write_canisters(folder: Path, *, as_json: bool) -> None:
    from sandbox.demo.files import write_canisters

    written = write_canisters(folder)
    if as_json:
        print_json({"files": written})
    else:
        for path in written:
            say(f"  {path}")
