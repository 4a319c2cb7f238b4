"""``rehearse`` and ``explain``: find out before the upgrade; the world is never changed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sandbox.cli.commands import command, json_wanted
from sandbox.cli.common import json_option
from sandbox.cli.completion import complete_findings, complete_starts
from sandbox.cli.files import write_file
from sandbox.cli.output import print_document, print_json, say, say_progress
from sandbox.cli.profiles import profile_option, save_profile
from sandbox.cli.rehearse_options import (
    Origin,
    Words,
    matrix_of,
    matrix_options,
    plan_options,
    profiling,
    script_of,
    start_options,
    step_options,
)
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.principal import Principal
    from sandbox.rehearsal import Chain, Matrix, Rehearsal, Script
    from sandbox.rehearsal.parallel import Progress
    from sandbox.rehearsal.plan import Call

_REPORT = click.Path(dir_okay=False, allow_dash=True, path_type=Path)


_BAR = 30


def _print_schema(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        from sandbox.rehearsal.planfile import schema

        print_json(schema())
        ctx.exit()


@command()
@click.argument(
    "what", nargs=-1, metavar="PLAN | NAME | [NAME] MODULE", shell_complete=complete_starts
)
@start_options
@step_options
@plan_options
@matrix_options
@click.option(
    "--json", "json_file", type=_REPORT, is_flag=False, flag_value="-",
    help="Write the report as JSON; - prints it, and so does --json at the end.",
)  # fmt: skip
@click.option("--junit", "junit_file", type=_REPORT, help="Write JUnit XML for CI.")
@click.option("--html", "html_file", type=_REPORT, help="Write one self-contained HTML file.")
@profile_option
@click.option(
    "--write-plan",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what the options say as a commented plan to begin with, and end.",
)
@click.option(
    "--plan-schema", is_flag=True, is_eager=True, expose_value=False, callback=_print_schema,
    help="Print the JSON schema of plans, for editors, and end.",
)  # fmt: skip
def rehearse(
    what: tuple[str, ...],
    *,
    at: str | None,
    snapshot: Path | None,
    canister_id: Principal | None,
    old: Path | None,
    init: str,
    calls: tuple[Call, ...],
    json_file: Path | None,
    junit_file: Path | None,
    html_file: Path | None,
    profile_to: Path | None,
    write_plan: Path | None,
    matrix: bool,
    newest: bool,
    jobs: int | None,
    **options: Any,
) -> None:
    """Rehearse the upgrade to MODULE and the way back; nothing is changed.

    Start from a snapshot of your canister (--snapshot), from a module and calls (--from),
    or from canister NAME of the world. A PLAN (.yaml) says all this and more; options go over
    it. MODULE may be the name of a canister of the project around the working directory, whose
    build runs if sources changed; alone, it is NAME, too. The exit code is 1 when something
    found is a failure.

    \b
    Examples:
      canister-sandbox rehearse backend
      canister-sandbox rehearse --snapshot ./backup new.wasm --html report.html
      canister-sandbox rehearse --from old.wasm --call 'inc ()' new.wasm
      canister-sandbox rehearse counter new.wasm --argument '(null)' --json -
      canister-sandbox rehearse --snapshot ./backup new.wasm --profile upgrade.svg
      canister-sandbox rehearse --snapshot ./backup new.wasm --write-plan plan.yaml
      canister-sandbox rehearse plan.yaml --junit report.xml
      canister-sandbox rehearse --matrix v1.wasm v2.wasm v3.wasm --call 'inc ()'
    """
    ctx = click.get_current_context()
    if write_plan is not None and not what:
        _begin_plan(write_plan, None)
        return
    origin = Origin(at, snapshot, canister_id, old, init, calls)
    if matrix:
        script, title = matrix_of(what, origin, options, newest_only=newest), "every version"
    elif newest:
        raise UsageError("--newest is for --matrix; in a plan it is hops: newest")
    else:
        from sandbox.cli.rehearse_project import by_project

        words, options = by_project(
            Words.of(what), origin, options, for_plan_file=write_plan is not None
        )
        script, title = script_of(words, origin, options)
    if write_plan is not None:
        _begin_plan(write_plan, script, options["did"], options["argument_file"])
        return
    if profile_to is not None:
        script = profiling(script)
    try:
        outcome = script.rehearse(progress=_progress, workers=jobs, told=_bar)
    finally:
        _progress("")
    if profile_to is not None:
        _save_profile(outcome, profile_to)
    _write(outcome, f"Rehearsal of {title}", json_file, junit_file, html_file)
    ctx.exit(outcome.exit_code)


@command()
@click.argument("code", shell_complete=complete_findings)
@json_option
def explain(code: str, *, as_json: bool) -> None:
    """Say what a finding of a rehearsal means and what to do about it.

    \b
    Example:
      canister-sandbox explain P01
    """
    from sandbox.rehearsal import entry
    from sandbox.rehearsal.report import explanation

    found = entry(code)
    if as_json:
        print_json(asdict(found))
    else:
        say(explanation(found))


def _begin_plan(
    file: Path, script: Script | None, did: Path | None = None, argument: Path | None = None
) -> None:
    from sandbox.rehearsal.planfile import written

    if script is not None and script.source is not None:
        raise UsageError(f"{script.source.file} is a plan; --write-plan makes one of options")
    if file.exists():
        raise UsageError(f"{file} is there already; give another name, or remove it")
    write_file(file, written(script, file, did=did, argument=argument))
    if json_wanted():
        print_json({"plan": file})
    else:
        say(f"{file} is a plan to begin with: canister-sandbox rehearse {file}")


def _progress(stage: str) -> None:
    """Show the stage that runs, on one line; an empty one clears it."""
    say_progress(f"{stage}{' …' if stage else ''}")


def _bar(progress: Progress) -> None:
    """Show how far the hops of a matrix are."""
    filled = _BAR * progress.done // progress.total
    _progress(f"[{'#' * filled}{'-' * (_BAR - filled)}] hops: {progress}")


def _save_profile(outcome: Rehearsal | Chain | Matrix, file: Path) -> None:
    from sandbox.profiling import Node, Profile

    nothing = Profile(Node("all"))  # a module was refused before anything ran
    save_profile(outcome.profile or nothing, file)


def _write(
    outcome: Rehearsal | Chain | Matrix,
    title: str,
    json_file: Path | None,
    junit_file: Path | None,
    html_file: Path | None,
) -> None:
    from sandbox.rehearsal.report import as_dict, as_html, as_junit, as_text

    stdout = Path("-")
    written: dict[Path | None, Callable[[], str]] = {
        json_file: lambda: json.dumps(as_dict(outcome), indent=2) + "\n",
        junit_file: lambda: as_junit(outcome),
        html_file: lambda: as_html(outcome, title),
    }
    for path, document in written.items():
        if path is not None and path != stdout:
            write_file(path, document())
    if json_wanted():
        print_json(as_dict(outcome))
    elif stdout in written:
        print_document(written[stdout]())
    else:
        say(as_text(outcome))
