"""The options of ``rehearse``, and what is to be rehearsed by them: flags, or a plan and flags."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from sandbox.cli.common import identity_of, principal_of, say_waiting
from sandbox.cli.completion import complete_snapshots
from sandbox.cli.values import Real
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.principal import Principal
    from sandbox.rehearsal import Plan, Script, Step
    from sandbox.rehearsal.plan import Call, Start

_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)
_PLAN_SUFFIXES: Final = (".yaml", ".yml")


def _calls(_ctx: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> Any:
    from sandbox.rehearsal import Call

    return tuple(Call.parsed(text) for text in texts)


def start_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where to start."""
    for option in (
        click.option("--at", metavar="SNAPSHOT", shell_complete=complete_snapshots,
                     help="With NAME: from this snapshot of it."),
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


def step_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the upgrade itself; None where they are not given."""
    for option in (
        click.option("--argument", metavar="CANDID", help="The upgrade's argument.  [default: ()]"),
        click.option("--argument-file", "--arg-file", "argument_file", type=_FILE,
                     help="Its bytes, or Candid text."),
        click.option(
            "--persistence",
            type=click.Choice(["auto", "keep", "replace", "null"]),
            help="What becomes of the heap, as in upgrade.  [default: auto]",
        ),
        click.option(
            "--mode", type=click.Choice(["upgrade", "reinstall", "install"]),
            help="What install_code would be asked for.  [default: upgrade]",
        ),
    )[::-1]:  # fmt: skip
        command = option(command)
    return command


def plan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how to rehearse; None or empty where they are not given."""
    for option in (
        click.option("--did", type=_FILE, help="The interface, if the modules carry none."),
        click.option(
            "--probe", "probes", multiple=True, callback=_calls, metavar="CALL",
            help="A query to compare, like 'balance_of (\"ada\")'. Repeatable.",
        ),
        click.option(
            "--identity", "identities", multiple=True, callback=_calls, metavar="CALL",
            help="A query whose answer must not change at all. Repeatable.",
        ),
        click.option(
            "--ignore", multiple=True, metavar="PLACE",
            help="A method not to compare, or a place in its answer: stats.uptime. Repeatable.",
        ),
        click.option(
            "--accept", multiple=True, metavar="CODE",
            help="A finding that is meant to be and must not fail. Repeatable.",
        ),
        click.option(
            "--traffic", multiple=True, callback=_calls, metavar="CALL",
            help="An update made between upgrade and rollback. Repeatable.",
        ),
        click.option(
            "--grow", multiple=True, callback=_calls, metavar="CALL",
            help="An update that adds to the state, to forecast when a limit is hit. Repeatable.",
        ),
        click.option(
            "--soak", "soak_s", type=Real(min=1), metavar="SECONDS",
            help="Virtual time to watch timers for.  [default: 86400]",
        ),
        click.option(
            "--limits", help="The profile of limits: mainnet, strict, system, generous.  "
            "[default: mainnet]",
        ),
        click.option(
            "--as", "caller", metavar="NAME", help="Upgrade as this identity.",
            callback=lambda _ctx, _parameter, value: identity_of(value),
        ),
    )[::-1]:  # fmt: skip
        command = option(command)
    return command


def matrix_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for several versions."""
    for option in (
        click.option(
            "--matrix", is_flag=True,
            help="Rehearse every hop between several MODULEs, oldest first.",
        ),
        click.option(
            "--newest", is_flag=True, help="With --matrix: only hops to and from the last."
        ),
        click.option(
            "--jobs", type=click.IntRange(min=1), metavar="N",
            help="Processes for a matrix.  [default: one for each core]",
        ),
    )[::-1]:  # fmt: skip
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Words:
    """What stands without an option: a canister's name or a plan, and a module.

    label: what to call the module.
    """

    name: str | None
    plan: Path | None
    module: Path | None
    label: str = ""

    @classmethod
    def of(cls, words: tuple[str, ...]) -> Words:
        """Tell them apart. Raises: UsageError."""
        plans = [Path(word) for word in words if word.endswith(_PLAN_SUFFIXES)]
        others = [word for word in words if not word.endswith(_PLAN_SUFFIXES)]
        if not words:
            raise UsageError("say what to rehearse: a plan.yaml, or a start and the new MODULE")
        if len(plans) > 1 or len(others) > 2 - len(plans):
            raise UsageError(
                f"one NAME and one MODULE are enough, or a PLAN; there are {len(words)} words"
            )
        name = others[0] if len(others) == 2 else None
        module = Path(others[-1]) if others else None
        return cls(name, plans[0] if plans else None, module, module.name if module else "")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the options say to start."""

    at: str | None
    directory: Path | None
    canister_id: Principal | None
    old: Path | None
    init: str
    calls: tuple[Call, ...]

    def start(self, name: str | None) -> Start | None:
        """Return the start; None when the options name none. Raises: UsageError."""
        from sandbox.rehearsal import FromDirectory, FromModule, FromWorld

        given = [name, self.directory, self.old]
        if self.at is not None and name is None:
            raise UsageError("--at names a snapshot of canister NAME")
        if sum(it is not None for it in given) > 1:
            raise UsageError("start from one of: a canister's NAME, --snapshot DIR, --from MODULE")
        if name is not None:
            options = click.get_current_context().obj
            return FromWorld(options.directory, name, self.at, options.wait_s, say_waiting)
        if self.directory is not None:
            return FromDirectory(self.directory, self.canister_id)
        if self.old is not None:
            return FromModule(self.old, self.init, self.calls, self.canister_id)
        return None


def matrix_of(
    modules: tuple[str, ...], origin: Origin, options: dict[str, Any], *, newest_only: bool
) -> Script:
    """Return the matrix of several modules, each installed anew. Raises: UsageError."""
    from sandbox.rehearsal import FromModule, Member, Plan, Script, Step, Version

    if origin.at is not None or origin.directory is not None or origin.old is not None:
        raise UsageError("--matrix installs each MODULE anew; a plan can give each its own start")
    if not modules:
        raise UsageError("--matrix rehearses hops between MODULEs: name them, oldest first")
    paths = [Path(module) for module in modules]
    for path in paths:
        if not path.is_file():
            raise UsageError(f"there is no module {path}")
    steps = tuple(Step(path, name=path.stem) for path in paths)
    steps = _changed_steps(steps, None, are_alike=True, **options)
    starts = [FromModule(path, origin.init, origin.calls) for path in paths]
    versions = tuple(map(Version, starts, steps))
    plan = _changed_plan(Plan(), **options)
    members = {"": Member(starts[0], plan)}
    return Script(members, versions=versions, newest_only=newest_only)


def script_of(words: Words, origin: Origin, options: dict[str, Any]) -> tuple[Script, str]:
    """Return what is to be rehearsed, and its title: by the plan, and over it by the options.

    Raises: UsageError.
    """
    from sandbox.rehearsal import Member, Plan, Script, Step, read_plan

    start = origin.start(words.name)
    if words.plan is not None:
        script, title = _in_this_world(read_plan(words.plan)), str(words.plan)
    elif start is None or words.module is None:
        raise UsageError("start from one of: a canister's NAME, --snapshot DIR, --from MODULE")
    else:
        step = Step(words.module, name=words.label)
        script, title = Script({"": Member(start, Plan())}, (step,)), f"the upgrade to {step.name}"
    if start is None and words.module is None and not any(options.values()):
        return script, title
    if set(script.members) != {""} or script.versions:
        raise UsageError("options that change a plan are for plans of one canister and its steps")
    member = script.members[""]
    if words.name is not None and options["limits"] is not None:
        raise UsageError("--limits is for --snapshot and --from; a world has limits of its own")
    changed = Member(start or member.start, _changed_plan(member.plan, **options))
    steps = _changed_steps(script.steps, words.module, label=words.label, **options)
    return replace(script, members={"": changed}, steps=steps), title


def profiling(script: Script) -> Script:
    """Return a script that profiles its upgrades, however many instructions they use."""
    members = {
        name: replace(it, plan=replace(it.plan, profile=True))
        for name, it in script.members.items()
    }
    return replace(script, members=members)


def _in_this_world(script: Script) -> Script:
    """Return a script whose canisters of a world are of that of --state, if it was given."""
    from sandbox.rehearsal import FromWorld

    context = click.get_current_context().find_root()
    options = context.obj
    is_given = context.get_parameter_source("directory") is not ParameterSource.DEFAULT

    def there(start: Start) -> Start:
        if not isinstance(start, FromWorld):
            return start
        world = options.directory if is_given else start.directory
        return replace(start, directory=world, wait_s=options.wait_s, waiting=say_waiting)

    members = {name: replace(it, start=there(it.start)) for name, it in script.members.items()}
    versions = tuple(replace(it, start=there(it.start)) for it in script.versions)
    return replace(script, members=members, versions=versions)


def _changed_plan(
    plan: Plan,
    *,
    did: Path | None,
    probes: tuple[Call, ...],
    identities: tuple[Call, ...],
    ignore: tuple[str, ...],
    accept: tuple[str, ...],
    traffic: tuple[Call, ...],
    grow: tuple[Call, ...],
    soak_s: float | None,
    limits: str | None,
    caller: Principal | None,
    **_of_the_step: Any,
) -> Plan:
    from sandbox.interface import did_text
    from sandbox.limits import profile
    from sandbox.rehearsal import Growth

    return replace(
        plan,
        probes=(*plan.probes, *probes),
        identities=(*plan.identities, *identities),
        ignore=(*plan.ignore, *ignore),
        accept=(*plan.accept, *accept),
        traffic=(*plan.traffic, *traffic),
        growth=Growth(grow) if grow else plan.growth,
        soak_s=soak_s or plan.soak_s,
        limits=plan.limits if limits is None else profile(limits),
        caller=caller or plan.caller,
        did=plan.did if did is None else did_text(did),
    )


def _changed_steps(
    steps: tuple[Step, ...],
    module: Path | None,
    *,
    argument: str | None,
    argument_file: Path | None,
    persistence: str | None,
    mode: str | None,
    label: str = "",
    are_alike: bool = False,
    **_of_the_plan: Any,
) -> tuple[Step, ...]:
    from sandbox.rehearsal.planfile import argument_of

    if argument is not None and argument_file is not None:
        raise UsageError("give --argument or --argument-file, not both")
    changes: dict[str, Any] = {}
    if module is not None:
        changes = {"module": module, "name": label or module.name}
    if argument is not None or argument_file is not None:
        changes["argument"] = argument if argument_file is None else argument_of(argument_file)
    if persistence is not None:
        changes["persistence"] = None if persistence == "null" else persistence
    if mode is not None:
        changes["mode"] = mode
    if changes and len(steps) > 1 and not are_alike:
        raise UsageError(f"which of the {len(steps)} steps is meant? Write it into the plan")
    return tuple(replace(step, **changes) for step in steps)
