"""``--profile FILE``: where the instructions of a command went, as a picture or a table."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sandbox.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.profiling import Profile
    from sandbox.sandbox import Sandbox


def _checked(_ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> Path | None:
    """Refuse what could not be written before anything is run."""
    if value is not None:
        from sandbox.profiling import Profile

        Profile.check(value)
    return value


profile_option = click.option(
    "--profile",
    "profile_to",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_checked,
    help="Write which functions used up the instructions: a flame graph (.svg), folded stacks "
    "(.folded), the tree (.json), a table (.txt).",
)


@contextmanager
def profiled(ic: Sandbox, file: Path | None) -> Iterator[None]:
    """Profile the block if there is a file to write, also when it fails."""
    if file is None:
        yield
        return
    with ic.profile() as profile:
        try:
            yield
        finally:
            save_profile(profile, file)


def save_profile(profile: Profile, file: Path) -> None:
    """Write a profile, and say so where it does not come between what a program reads."""
    profile.save(file)
    say(f"{profile.instructions:,} instructions are in {file}", err=True)
