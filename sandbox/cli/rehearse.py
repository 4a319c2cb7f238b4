"""``rehearse`` and ``explain``: find out before the upgrade; the world is never changed."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sandbox.cli.common import existing, identity_of, opened, principal_of
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.principal import Principal
    from sandbox.rehearsal import Call, Plan, Rehearsal
    from sandbox.rehearsal.plan import Start

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_REPORT = click.Path(dir_okay=False, allow_dash=True, path_type=Path)


def _calls(_ctx: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> Any:
    from sandbox.rehearsal import Call

    return tuple(Call.parsed(text) for text in texts)


def _start_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--at", metavar="SNAPSHOT", help="With NAME: from this snapshot of it."),
        click.option("--snapshot", type=_FOLDER, help="Start from a dfx / icp-cli snapshot."),
        click.option(
            "--id",
            "canister_id",
            metavar="PRINCIPAL",
            callback=lambda _ctx, _parameter, value: principal_of(value),
            help="The snapshot's canister id, if it matters.",
        ),
        click.option("--from", "old", type=_FILE, help="Start from this module, installed anew."),
        click.option("--init", metavar="CANDID", default="()", help="Init argument of --from."),
        click.option(
            "--call", "calls", multiple=True, callback=_calls, metavar="CALL",
            help="With --from: an update that gives it state, like 'inc ()'. Repeatable.",
        ),
    )[::-1]:  # fmt: skip
        command = option(command)
    return command


def _plan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--did", type=_FILE, help="The interface, if the modules carry none."),
        click.option("--argument", metavar="CANDID", help="The upgrade's argument."),
        click.option("--argument-file", type=_FILE, help="Its bytes, or Candid text."),
        click.option(
            "--persistence",
            type=click.Choice(["auto", "keep", "replace", "null"]),
            default="auto", show_default=True, help="What becomes of the heap, as in upgrade.",
        ),
        click.option(
            "--mode", type=click.Choice(["upgrade", "reinstall", "install"]),
            default="upgrade", show_default=True, help="What install_code would be asked for.",
        ),
        click.option(
            "--probe", "probes", multiple=True, callback=_calls, metavar="CALL",
            help="A query to compare, like 'balance_of (\"ada\")'. Repeatable.",
        ),
        click.option(
            "--identity", "identities", multiple=True, callback=_calls, metavar="CALL",
            help="A query whose answer must not change at all. Repeatable.",
        ),
        click.option("--ignore", multiple=True, metavar="METHOD", help="A method not to compare."),
        click.option(
            "--accept", multiple=True, metavar="CODE",
            help="A finding that is meant to be and must not fail. Repeatable.",
        ),
        click.option(
            "--traffic", multiple=True, callback=_calls, metavar="CALL",
            help="An update made between upgrade and rollback. Repeatable.",
        ),
        click.option(
            "--soak", "soak_s", type=click.FloatRange(min=1), default=86_400.0,
            show_default=True, metavar="SECONDS", help="Virtual time to watch timers for.",
        ),
        click.option(
            "--limits", default="mainnet", show_default=True,
            help="The profile of limits: mainnet, strict, system, generous.",
        ),
        click.option(
            "--as", "caller", metavar="NAME", help="Upgrade as this identity.",
            callback=lambda _ctx, _parameter, value: identity_of(value),
        ),
    )[::-1]:  # fmt: skip
        command = option(command)
    return command


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="[NAME] MODULE")
@_start_options
@_plan_options
@click.option("--json", "json_file", type=_REPORT, help="Write the report as JSON; - prints it.")
@click.option("--junit", "junit_file", type=_REPORT, help="Write JUnit XML for CI.")
@click.option("--html", "html_file", type=_REPORT, help="Write one self-contained HTML file.")
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
    **options: Any,
) -> None:
    """Rehearse the upgrade to MODULE and the way back; nothing is changed.

    Start from a snapshot of your canister (--snapshot), from a module and calls (--from),
    or from canister NAME of the world. The exit code is 1 when something found is a failure.

    \b
    Examples:
      canister-sandbox rehearse --snapshot ./backup new.wasm --html report.html
      canister-sandbox rehearse --from old.wasm --call 'inc ()' new.wasm
      canister-sandbox rehearse counter new.wasm --argument '(null)' --json -
    """
    ctx = click.get_current_context()
    name, module = _named(what)
    if sum(start is not None for start in (name, snapshot, old)) != 1:
        raise UsageError("start from one of: a canister's NAME, --snapshot DIR, --from MODULE")
    if name is not None and options["limits"] != "mainnet":
        raise UsageError("--limits is for --snapshot and --from; a world has limits of its own")
    if at is not None and name is None:
        raise UsageError("--at names a snapshot of canister NAME")
    plan = _plan(**options)
    origin = _Origin(name, at, snapshot, canister_id, old, init, calls)
    with _started(origin) as start:
        from sandbox.rehearsal import rehearse as rehearsed

        try:
            outcome = rehearsed(start, module, plan, progress=_progress)
        finally:
            _progress("")
    as_json = json_file or (Path("-") if ctx.obj.as_json else None)
    _write(outcome, module, as_json, junit_file, html_file)
    ctx.exit(outcome.exit_code)


@click.command()
@click.argument("code")
def explain(code: str) -> None:
    """Say what a finding of a rehearsal means and what to do about it.

    \b
    Example:
      canister-sandbox explain P01
    """
    from sandbox.rehearsal import entry
    from sandbox.rehearsal.report import explanation

    click.echo(explanation(entry(code)))


def _named(what: tuple[str, ...]) -> tuple[str | None, Path]:
    *names, module = what
    if len(names) > 1:
        raise UsageError(f"one NAME and one MODULE are enough, there are {len(what)} words")
    return (names[0] if names else None), Path(module)


def _plan(
    *,
    did: Path | None,
    argument: str | None,
    argument_file: Path | None,
    persistence: str,
    mode: str,
    probes: tuple[Call, ...],
    identities: tuple[Call, ...],
    ignore: tuple[str, ...],
    accept: tuple[str, ...],
    traffic: tuple[Call, ...],
    soak_s: float,
    limits: str,
    caller: Principal | None,
) -> Plan:
    from sandbox.interface import did_text
    from sandbox.limits import profile
    from sandbox.rehearsal import Plan

    return Plan(
        argument=_argument(argument, argument_file),
        persistence=None if persistence == "null" else persistence,
        mode=mode,
        probes=probes,
        identities=identities,
        ignore=frozenset(ignore),
        accept=frozenset(code.upper() for code in accept),
        traffic=traffic,
        soak_s=soak_s,
        limits=profile(limits),
        caller=caller,
        did=did_text(did),
    )


def _argument(text: str | None, file: Path | None) -> str | bytes:
    if text is not None and file is not None:
        raise UsageError("give --argument or --argument-file, not both")
    if file is None:
        return "()" if text is None else text
    data = file.read_bytes()
    return data.decode("utf-8", "replace") if data.lstrip().startswith(b"(") else data


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where the command line says to start; one of name, directory and old is given."""

    name: str | None
    at: str | None
    directory: Path | None
    canister_id: Principal | None
    old: Path | None
    init: str
    calls: tuple[Call, ...]


@contextmanager
def _started(origin: _Origin) -> Iterator[Start]:
    from sandbox.cli.snapshot_common import find_snapshot
    from sandbox.rehearsal import FromCanister, FromDirectory, FromModule

    if origin.name is not None:
        with opened(saving=False) as ic:
            canister = existing(ic, origin.name)
            snapshot = None if origin.at is None else find_snapshot(ic, canister, origin.at)
            yield FromCanister(ic, canister, snapshot)
    elif origin.directory is not None:
        yield FromDirectory(origin.directory, origin.canister_id)
    elif origin.old is not None:
        yield FromModule(origin.old, origin.init, origin.calls)


def _progress(stage: str) -> None:
    """Show the stage that runs, on one line; an empty one clears it."""
    if sys.stderr.isatty():
        click.secho(f"\r\x1b[K{stage}{' …' if stage else ''}", err=True, nl=False)


def _write(
    outcome: Rehearsal,
    module: Path,
    json_file: Path | None,
    junit_file: Path | None,
    html_file: Path | None,
) -> None:
    from sandbox.rehearsal.report import as_dict, as_html, as_junit, as_text

    written: dict[Path | None, Callable[[], str]] = {
        json_file: lambda: json.dumps(as_dict(outcome), indent=2) + "\n",
        junit_file: lambda: as_junit(outcome),
        html_file: lambda: as_html(outcome, f"Rehearsal of the upgrade to {module.name}"),
    }
    for path, document in written.items():
        if path is not None:
            with click.open_file(str(path), "w", encoding="utf-8") as file:
                file.write(document())
    if Path("-") not in written:
        click.echo(as_text(outcome))
