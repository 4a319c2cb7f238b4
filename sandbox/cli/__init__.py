"""The command line: parse, call one public function, print. No logic.

``canister-sandbox --help`` must be instant, so commands are imported when they are used.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line of this process."""
    from sandbox.cli.interrupts import end_soon_after_ctrl_c
    from sandbox.cli.root import cli

    end_soon_after_ctrl_c()
    cli(prog_name="canister-sandbox")
