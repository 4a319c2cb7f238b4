"""The disk under a world: ``verify`` reads it again, ``gc`` frees what nothing needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sandbox.cli.commands import command
from sandbox.cli.common import (
    json_option,
    opened,
    say_waiting,
    size,
    world_directory,
)
from sandbox.cli.exits import CanisterFailed
from sandbox.cli.output import print_json, say
from sandbox.cli.progress import progress_shown
from sandbox.cli.values import Real

if TYPE_CHECKING:
    from snapshot.store import Manifest, Verification


@command()
@click.option(
    "--sample", type=Real(0, 1), default=1.0, show_default=True,
    help="The share of the data to read.",
)  # fmt: skip
@json_option
def verify(sample: float, *, as_json: bool) -> None:
    """Read the world's directory again and name every fault with its place.

    Exit code 1 when something is wrong. Nothing is changed.

    \b
    Example:
      canister-sandbox snapshot verify --sample 0.1
    """
    from sandbox.durable import check_directory

    options = click.get_current_context().obj
    with progress_shown() as progress:
        found = check_directory(
            options.directory,
            sample=sample,
            wait_s=options.wait_s,
            waiting=say_waiting,
            progress=lambda done, total: progress("chunks", done, total),
        )
    _show_verification(found, as_json=as_json)
    if not found.is_sound and as_json:
        raise SystemExit(CanisterFailed.exit_code)  # the answer says it all
    if not found.is_sound:
        raise CanisterFailed(f"{options.directory}: faults found: {len(found.findings)}")


def _show_verification(found: Verification, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "snapshots": found.snapshots,
                "chunks": found.chunks,
                "bytes_read": found.bytes_read,
                "findings": [
                    {
                        "problem": item.problem,
                        "path": None if item.path is None else str(item.path),
                        "offset": item.offset,
                        "hurts": list(item.hurts),
                    }
                    for item in found.findings
                ],
            }
        )
        return
    for item in found.findings:
        place = f"{item.path or 'nowhere'}{'' if item.offset is None else f', byte {item.offset}'}"
        say(f"{place}: {item.problem}", fg="red")
        if item.hurts:
            say(f"  hurts {', '.join(name[:12] for name in item.hurts)}")
    say(
        f"{found.snapshots} states and snapshots, {found.chunks} chunks, "
        f"{size(found.bytes_read)} read: {'all sound' if found.is_sound else 'not sound'}"
    )


@command()
@click.option("--keep-last", type=click.IntRange(min=0), help="Of each canister, the newest N.")
@click.option("--keep-label", "labels", multiple=True, metavar="GLOB", help="Those labelled so.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@json_option
def gc(keep_last: int | None, labels: tuple[str, ...], *, dry_run: bool, as_json: bool) -> None:
    """Free the disk space that nothing needs any more.

    With --keep-last or --keep-label, snapshots that neither rule keeps are deleted first.
    Space that only they need is freed after that, so --dry-run does not count it.

    \b
    Examples:
      canister-sandbox snapshot gc --dry-run
      canister-sandbox snapshot gc --keep-last 3 --keep-label 'release-*'
    """
    from snapshot.store import collect, plan_collection, retained

    dropped: tuple[Manifest, ...] = ()
    if keep_last is not None or labels:
        with world_directory(read_only=True) as world:
            dropped = retained(world.snapshots, keep_last=keep_last, keep_labels=labels).dropped
    if dropped and not dry_run:
        with opened() as ic:
            for item in dropped:
                ic.world.snapshots.delete(item.id, item.canister_id)
    with world_directory(read_only=dry_run) as world:
        done = plan_collection(world.store) if dry_run else collect(world.store)
    if as_json:
        print_json(
            {
                "dropped": [str(item.id) for item in dropped],
                "removed": [str(path) for path in (*done.removed, *done.temporary)],
                "rewritten": [str(path) for path in done.rewritten],
                "freed_bytes": done.freed_bytes,
            }
        )
        return
    for item in dropped:
        say(f"{'would delete' if dry_run else 'deleted'} {item.id} {item.label}".rstrip())
    say(f"{size(done.freed_bytes)} {'would be' if dry_run else 'were'} freed")
