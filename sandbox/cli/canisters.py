"""Commands about canisters, the clock and identities: ``list``, ``status``, ``advance``, ….

Looking (``list``, ``status``, ``logs``) is from outside the IC and needs no permission.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from sandbox.cli.commands import command
from sandbox.cli.common import (
    as_option,
    confirmed,
    existing,
    identity_of,
    json_option,
    log_shown,
    methods_of,
    moment,
    opened,
    properties,
    size,
    table,
)
from sandbox.cli.completion import complete_canisters
from sandbox.cli.output import print_json, say
from sandbox.cli.values import Real

if TYPE_CHECKING:
    from sandbox.handle import Canister
    from sandbox.principal import Principal
    from sandbox.sandbox import Sandbox


@command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the canisters of the world.

    \b
    Example:
      canister-sandbox list --json
    """
    with opened(saving=False) as ic:
        facts = [_facts(ic, canister) for canister in ic.canisters]
    if as_json:
        print_json(facts)
    elif not facts:
        say("no canisters yet; create one with: canister-sandbox install NAME MODULE")
    else:
        header = ("name", "id", "status", "module", "heap", "stable", "cycles")
        table(header, [[str(row[key]) for key in header] for row in map(_readable, facts)])


@command()
@click.argument("name", shell_complete=complete_canisters)
@json_option
def status(name: str, *, as_json: bool) -> None:
    """Show a canister: status, module, memory, cycles, controllers, methods.

    \b
    Example:
      canister-sandbox status counter
    """
    with opened(saving=False) as ic:
        canister = existing(ic, name)
        state = ic.world.existing(canister.id).state
        facts = _facts(ic, canister)
        details = {
            "controllers": [str(item) for item in state.settings.controllers],
            "version": state.version,
            "checksum": canister.checksum,
            "snapshots": len(ic.world.snapshots.of(canister.id)),
            "time": ic.time_ns,
            "limits": str(ic.limits),
        }
        methods = methods_of(canister)
    if as_json:
        print_json(facts | details | {"methods": methods})
        return
    lines = _readable(facts) | details | {"time": moment(int(str(details["time"])))}
    properties(lines)
    say("methods:")
    for method, type_ in methods.items():
        say(f"  {method}: {type_}")


@command("id")
@click.argument("name", shell_complete=complete_canisters)
@json_option
def id_(name: str, *, as_json: bool) -> None:
    """Print the id of canister NAME.

    \b
    Example:
      canister-sandbox call ledger approve "(principal \\"$(canister-sandbox id shop)\\", 5)"
    """
    with opened(saving=False) as ic:
        canister = existing(ic, name)
    if as_json:
        print_json({"name": name, "id": canister.id})
    else:
        say(str(canister.id))


@command()
@click.argument("name", shell_complete=complete_canisters)
@json_option
def logs(name: str, *, as_json: bool) -> None:
    """Show what a canister printed and why it trapped, oldest first.

    \b
    Example:
      canister-sandbox logs counter
    """
    with opened(saving=False) as ic:
        records = existing(ic, name).logs
    if as_json:
        print_json(
            [{"index": item.index, "time_ns": item.time_ns, "text": item.text} for item in records]
        )
        return
    for item in records:
        query = " (query)" if item.is_query else ""
        say(f"[{item.index}. {moment(item.time_ns)}]{query}: {item.text.rstrip()}")


@command()
@click.argument("name", shell_complete=complete_canisters)
@as_option
@json_option
def start(name: str, caller: Principal | None, *, as_json: bool) -> None:
    """Let canister NAME run again.

    \b
    Example:
      canister-sandbox start counter
    """
    with opened() as ic:
        canister = existing(ic, name)
        canister.start(caller=caller)
        facts = _facts(ic, canister)
    if as_json:
        print_json(facts)


@command()
@click.argument("name", shell_complete=complete_canisters)
@as_option
@json_option
def stop(name: str, caller: Principal | None, *, as_json: bool) -> None:
    """Stop canister NAME once its open calls are done.

    \b
    Example:
      canister-sandbox stop counter
    """
    with opened() as ic:
        canister = existing(ic, name)
        canister.stop(caller=caller)
        facts = _facts(ic, canister)
    if as_json:
        print_json(facts)


@command()
@click.argument("name", shell_complete=complete_canisters)
@confirmed("The canister and its snapshots will be lost. Go on?")
@as_option
@json_option
def delete(name: str, caller: Principal | None, *, as_json: bool) -> None:
    """Delete the stopped canister NAME with its snapshots.

    \b
    Example:
      canister-sandbox stop counter && canister-sandbox delete counter --yes
    """
    with opened() as ic:
        canister = existing(ic, name)
        canister.delete(caller=caller)
    if as_json:
        print_json({"name": name, "id": canister.id})


@command()
@click.option("--days", type=Real(min=0), default=0, help="So many days on.")
@click.option("--hours", type=Real(min=0), default=0, help="So many hours on.")
@click.option("--minutes", type=Real(min=0), default=0, help="So many minutes on.")
@click.option("--seconds", type=Real(min=0), default=0, help="So many seconds on.")
@json_option
def advance(days: float, hours: float, minutes: float, seconds: float, *, as_json: bool) -> None:
    """Move the clock; due timers run in order on the way, heartbeats at the end.

    What the canisters print meanwhile goes to standard error.

    \b
    Example:
      canister-sandbox advance --days 30
    """
    with opened() as ic, ExitStack() as logs_shown:
        for canister in ic.canisters:
            logs_shown.enter_context(log_shown(canister, prefix=f"{ic.name_of(canister.id)}: "))
        ic.advance(days=days, hours=hours, minutes=minutes, seconds=seconds)
        now = ic.time_ns
    if as_json:
        print_json({"time": now})
    else:
        say(f"it is now {moment(now)}")


@command()
@click.argument("name", required=False)
@json_option
def identity(name: str | None, *, as_json: bool) -> None:
    """Print the principal that --as NAME calls as; without NAME, the default identity's.

    \b
    Example:
      canister-sandbox call ledger award "(principal \\"$(canister-sandbox identity ada)\\", 5)"
    """
    from sandbox.sandbox import Sandbox

    principal = identity_of(name)
    if principal is None:
        with Sandbox() as ic:
            principal = ic.identity
    if as_json:
        print_json({"name": name, "principal": principal})
    else:
        say(str(principal))


def _facts(ic: Sandbox, canister: Canister) -> dict[str, object]:
    state = ic.world.existing(canister.id)
    return {
        "name": ic.name_of(canister.id),
        "id": str(canister.id),
        "status": state.state.status.name.lower(),
        "module": (canister.module_hash or b"").hex(),
        "heap": len(canister.heap),
        "stable": len(canister.stable_memory),
        "cycles": state.state.cycles,
    }


def _readable(facts: dict[str, object]) -> dict[str, object]:
    module = str(facts["module"])
    return facts | {
        "module": module[:16] + "…" if module else "empty",
        "heap": size(int(str(facts["heap"]))),
        "stable": size(int(str(facts["stable"]))),
        "cycles": f"{facts['cycles']:,}",
    }
