"""The command line: parse, call one public function, print. No logic.

``canister-sandbox --help`` must be instant, so commands are imported when they are used.
"""

from __future__ import annotations

_INTERRUPTED = 130  # as in ``interrupts``, which is not there yet


def main() -> None:
    """Run the command line of this process."""
    try:
        from sandbox.cli.interrupts import end_soon_after_ctrl_c
        from sandbox.cli.root import cli

        end_soon_after_ctrl_c()
        cli(prog_name="canister-sandbox")
    except KeyboardInterrupt:  # before there is a command that could say so
        raise SystemExit(_INTERRUPTED) from None
