"""Looking into states and changing copies: ``show``, ``diff``, ``find``, ``read``, ``patch``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sandbox.cli.commands import command
from sandbox.cli.common import as_option, existing, json_option, opened
from sandbox.cli.completion import complete_snapshots
from sandbox.cli.files import write_file
from sandbox.cli.insight_text import (
    difference_facts,
    difference_lines,
    overview_facts,
    overview_lines,
    write_picture,
)
from sandbox.cli.output import print_json, say
from sandbox.cli.snapshot_common import (
    canister_argument,
    facts,
    label_option,
    say_made,
    snapshot_argument,
    state_argument,
    state_of,
)
from sandbox.cli.values import global_value, hex_bytes, number, place
from sandbox.errors import UsageError

if TYPE_CHECKING:
    from sandbox.principal import Principal
    from snapshot.insight import Patch


_MOST: Final = 1 << 32  # places: more than there are


@command()
@canister_argument
@state_argument
@json_option
def show(name: str, which: str, *, as_json: bool) -> None:
    """Show what a state of canister NAME holds; without SNAPSHOT, as it is now.

    Sizes, module, globals by name, a map of the heap, and what the stable memory is
    organised as, where that is recognised.

    \b
    Example:
      canister-sandbox snapshot show counter before
    """
    from snapshot.insight import overview

    with opened(saving=False) as ic:
        found = state_of(ic, existing(ic, name), which)
        seen = overview(found.content)
        record = facts(found) | {
            "source": found.origin.source.value,
            "canister_version": found.canister_version,
            "limits": found.limits,
            "notes": list(found.origin.notes),
        }
    if as_json:
        print_json(record | overview_facts(seen))
    else:
        overview_lines(record, seen)


@command()
@canister_argument
@click.argument("before", metavar="BEFORE", shell_complete=complete_snapshots)
@click.argument("after", metavar="[AFTER]", default="now", shell_complete=complete_snapshots)
@click.option(
    "--limit", type=click.IntRange(min=0), default=20, show_default=True,
    help="How many changes to show with their bytes, in each memory.",
)  # fmt: skip
@click.option(
    "--picture", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.svg",
    help="Draw which parts of the memories changed.",
)  # fmt: skip
@click.option(
    "--html", "page", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.html",
    help="Write all of it as one page: numbers, pictures, bytes.",
)  # fmt: skip
@json_option
def diff(
    name: str,
    before: str,
    after: str,
    limit: int,
    picture: Path | None,
    page: Path | None,
    *,
    as_json: bool,
) -> None:
    """Show what differs between two states of canister NAME.

    Each is a snapshot, or "now" for the canister as it is; AFTER is "now" by default.

    \b
    Examples:
      canister-sandbox snapshot diff counter before
      canister-sandbox snapshot diff counter before after --html changes.html
    """
    from snapshot.insight import changes_by_part, html, recognise
    from snapshot.insight import diff as compare

    with opened(saving=False) as ic:
        canister = existing(ic, name)
        first, second = (state_of(ic, canister, which) for which in (before, after))
        found = compare(first.content, second.content, max_changes=limit)
        title = f"{name}: {before} to {after}"
        if picture is not None:
            write_picture(picture, found, second.content, title)
        if page is not None:
            write_file(page, html(found, first.content, second.content, title=title))
        parts = changes_by_part(found.stable, recognise(second.content.stable))
    if as_json:
        print_json(difference_facts(found, parts))
        return
    difference_lines(found, parts)
    for written in filter(None, (picture, page)):
        say(f"written: {written}")


@command()
@canister_argument
@state_argument
@click.option("--text", help="Look for this text, as UTF-8.")
@click.option("--hex", "raw", type=hex_bytes, help="Look for these bytes.")
@click.option("--principal", help="Look for this principal's bytes.")
@click.option("--int", "integer", type=number, help="Look for this integer, little-endian.")
@click.option(
    "--bits", type=click.Choice(["8", "16", "32", "64", "128"]), default="64", show_default=True,
    help="How wide the integer is.",
)  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(min=0), default=20, show_default=True,
    help="Show so many places at most.",
)  # fmt: skip
@json_option
def find(
    name: str,
    which: str,
    text: str | None,
    raw: bytes | None,
    principal: str | None,
    integer: int | None,
    bits: str,
    limit: int,
    *,
    as_json: bool,
) -> None:
    """Find where something stands in the memories of canister NAME.

    \b
    Examples:
      canister-sandbox snapshot find ledger --text ada
      canister-sandbox snapshot find ledger before --int 1200 --bits 32
    """
    from itertools import islice

    from snapshot.insight import find as search
    from snapshot.insight import hexdump, needle

    wanted = needle(raw=raw, text=text, principal=principal, integer=integer, width_bits=int(bits))
    with opened(saving=False) as ic:
        state = state_of(ic, existing(ic, name), which)
        hits = list(islice(search(state.content, wanted), min(limit, _MOST) + 1))
    if as_json:
        print_json([{"memory": hit.memory, "offset": hit.offset} for hit in hits[:limit]])
        return
    for hit in hits[:limit]:
        say(f"{hit.memory}, byte {hit.offset:#x}", bold=True)
        say(hexdump(hit.context, hit.context_offset))
    if not hits:
        say("nowhere")
    elif len(hits) > limit:
        say(f"and more; show them with --limit {limit * 10}")


@command()
@canister_argument
@state_argument
@click.option("--stable", is_flag=True, help="The stable memory instead of the heap.")
@click.option("--offset", type=number, default="0", help="Where to begin.")
@click.option(
    "--length", type=click.IntRange(min=0), default=256, show_default=True,
    help="How many bytes; fewer at the end of the memory.",
)  # fmt: skip
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path),
    help="Write the bytes into this file instead.",
)  # fmt: skip
@json_option
def read(
    name: str,
    which: str,
    offset: int,
    length: int,
    output: Path | None,
    *,
    stable: bool,
    as_json: bool,
) -> None:
    """Print a range of a memory of canister NAME as a hexdump, or export it.

    Numbers may be hexadecimal: 0x10000.

    \b
    Examples:
      canister-sandbox snapshot read counter --offset 0x0 --length 64
      canister-sandbox snapshot read counter before --stable --length 65536 --output stable.bin
    """
    from snapshot.insight import hexdump

    with opened(saving=False) as ic:
        content = state_of(ic, existing(ic, name), which).content
        held = content.stable if stable else content.heap
        if not 0 <= offset <= held.mark.size_bytes:
            raise UsageError(f"this memory has {held.mark.size_bytes:#x} bytes")
        data = held.region.read(offset, min(length, held.mark.size_bytes - offset), at=held.mark)
    if output is not None:
        write_file(output, data)
    if as_json:
        shown = {"bytes": data} if output is None else {"file": output, "length": len(data)}
        print_json({"offset": offset} | shown)
    elif output is None:
        say(hexdump(data, offset))
    else:
        say(f"{len(data):,} bytes in {output}")


@command()
@canister_argument
@snapshot_argument
@click.option(
    "--heap", multiple=True, type=place, metavar="OFFSET=HEX", help="Put bytes into the heap."
)
@click.option(
    "--stable",
    multiple=True,
    type=place,
    metavar="OFFSET=HEX",
    help="Put bytes into stable memory.",
)
@click.option(
    "--global",
    "globals_",
    multiple=True,
    type=global_value,
    metavar="NAME=BITS",
    help="Give a global a value.",
)
@label_option
@as_option
@json_option
def patch(
    name: str,
    which: str,
    heap: tuple[tuple[int, bytes], ...],
    stable: tuple[tuple[int, bytes], ...],
    globals_: tuple[tuple[str, int], ...],
    label: str,
    caller: Principal | None,
    *,
    as_json: bool,
) -> None:
    """Make a changed copy of SNAPSHOT of canister NAME; it remembers what was changed.

    A global's value is its bits as a number, decimal or 0x…. Load the copy to let the
    canister run with it.

    \b
    Example:
      canister-sandbox snapshot patch counter before --heap 0x8=2a000000 --label fixed
      canister-sandbox snapshot load counter fixed
    """
    from snapshot.insight import GlobalPatch, HeapPatch, StablePatch

    patches: list[Patch] = [
        *(HeapPatch(*item) for item in heap),
        *(StablePatch(*item) for item in stable),
        *(GlobalPatch(*item) for item in globals_),
    ]
    if not patches:
        raise click.UsageError("say what to change: --heap, --stable or --global")
    with opened() as ic:
        found = ic.snapshots.find(existing(ic, name), which)
        made = ic.snapshots.patch(found, patches, label=label or None, caller=caller)
    if as_json:
        print_json(facts(made) | {"notes": list(made.origin.notes)})
        return
    say_made(made, as_json=False)
    for note in made.origin.notes:
        say(f"  {note}")
