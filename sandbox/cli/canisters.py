"""``list``, ``status``, ``logs``, ``start``, ``stop``, ``delete``, ``advance``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sandbox.cli.common import (
    as_option,
    json_option,
    moment,
    opened,
    print_json,
    size,
    table,
)

if TYPE_CHECKING:
    from sandbox.handle import Canister
    from sandbox.principal import Principal
    from sandbox.sandbox import Sandbox


@click.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the canisters of the world."""
    with opened(saving=False) as ic:
        facts = [_facts(ic, canister) for canister in ic.canisters]
        if as_json:
            print_json(facts)
        elif not facts:
            click.echo("no canisters yet; create one with: canister-sandbox install NAME MODULE")
        else:
            header = ("name", "id", "status", "module", "heap", "stable", "cycles")
            table(header, [[str(row[key]) for key in header] for row in map(_readable, facts)])


@click.command()
@click.argument("name")
@json_option
def status(name: str, *, as_json: bool) -> None:
    """Show a canister: status, module, memory, cycles, controllers, methods."""
    with opened(saving=False) as ic:
        canister = ic.canister(name)
        facts = _facts(ic, canister)
        details = {
            "controllers": [str(item) for item in canister.status().controllers],
            "version": canister.status().version,
            "checksum": canister.checksum,
            "snapshots": len(canister.list_snapshots()),
            "time": ic.time_ns,
            "methods": dict(canister.methods),
        }
        if as_json:
            print_json(facts | details)
            return
        for key, value in (_readable(facts) | details).items():
            if key == "time":
                click.echo(f"{'time:':13}{moment(ic.time_ns)}")
            elif isinstance(value, dict):
                click.echo(f"{key}:")
                for method, type_ in value.items():
                    click.echo(f"  {method}: {' '.join(str(type_).split())}")
            else:
                shown = ", ".join(value) if isinstance(value, list) else value
                click.echo(f"{key + ':':13}{shown}")


@click.command()
@click.argument("name")
@json_option
def logs(name: str, *, as_json: bool) -> None:
    """Show what a canister printed and why it trapped, oldest first."""
    with opened(saving=False) as ic:
        records = ic.canister(name).logs
        if as_json:
            print_json(
                [
                    {"index": item.index, "time_ns": item.time_ns, "text": item.text}
                    for item in records
                ]
            )
            return
        for item in records:
            query = " (query)" if item.is_query else ""
            click.echo(f"[{item.index}. {moment(item.time_ns)}]{query}: {item.text}")


@click.command()
@click.argument("name")
@as_option
def start(name: str, caller: Principal | None) -> None:
    """Let canister NAME run again."""
    with opened() as ic:
        ic.canister(name).start(caller=caller)


@click.command()
@click.argument("name")
@as_option
def stop(name: str, caller: Principal | None) -> None:
    """Stop canister NAME once its open calls are done."""
    with opened() as ic:
        ic.canister(name).stop(caller=caller)


@click.command()
@click.argument("name")
@click.confirmation_option(prompt="The canister and its snapshots will be lost. Go on?")
@as_option
def delete(name: str, caller: Principal | None) -> None:
    """Delete the stopped canister NAME with its snapshots."""
    with opened() as ic:
        ic.canister(name).delete(caller=caller)


@click.command()
@click.option("--days", type=float, default=0)
@click.option("--hours", type=float, default=0)
@click.option("--minutes", type=float, default=0)
@click.option("--seconds", type=float, default=0)
def advance(days: float, hours: float, minutes: float, seconds: float) -> None:
    """Move the clock; due timers run in order on the way, heartbeats at the end.

    \b
    Example:
      canister-sandbox advance --days 30
    """
    with opened() as ic:
        ic.advance(days=days, hours=hours, minutes=minutes, seconds=seconds)
        click.echo(f"it is now {moment(ic.time_ns)}")


def _facts(ic: Sandbox, canister: Canister) -> dict[str, object]:
    state = ic.world.existing(canister.id)
    names = [name for name, id_ in ic.names.items() if id_ == canister.id]
    return {
        "name": names[0] if names else "",
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
