"""Exit codes: 0 it worked, 1 the canister failed, 2 it was asked wrongly, 130 after Ctrl-C.

Every error of ours becomes one message on standard error, with the next step where there
is one; a traceback is a defect.
"""

from __future__ import annotations

from contextlib import contextmanager
from errno import EPIPE
from io import StringIO
from shlex import quote
from typing import TYPE_CHECKING, Final

import click

from sandbox.cli.commands import CANISTER
from sandbox.cli.interrupts import EXIT_CODE
from sandbox.cli.output import drop_unwritten, say
from sandbox.errors import CanisterRejected, SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator

# The replica's texts say what is wrong; these say what to type.
_NEXT_STEPS: Final = {
    "IC0508": "Start it with: canister-sandbox start NAME",
    "IC0510": "Stop it with: canister-sandbox stop NAME",
    "IC0512": "Act as a controller with --as; canister-sandbox status NAME lists them.",
    "IC0537": "Install a module with: canister-sandbox reinstall NAME MODULE",
}


class CanisterFailed(click.ClickException):
    """The canister failed: a message and exit code 1, no traceback."""

    exit_code = 1


class AskedWrongly(click.ClickException):
    """It was asked wrongly: a message and exit code 2, no traceback."""

    exit_code = 2


class NotWritten(click.ClickException):
    """The answer, or a file, could not be written: a message and exit code 1, no traceback."""

    exit_code = 1


def error_text(error: click.ClickException) -> str:
    """Return an error for people: its message, with the command's usage where that helps."""
    text = StringIO()
    error.show(text)
    return text.getvalue()


def error_facts(error: click.ClickException) -> dict[str, object]:
    """Return an error for machines: its message, and the replica's codes where it has some."""
    cause = error.__cause__
    message = error.format_message()
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # its message is the whole help
        message = "say which command: --help lists them"
    facts: dict[str, object] = {"message": message, "exit_code": error.exit_code}
    if isinstance(cause, CanisterRejected):
        facts |= {
            "error_code": cause.error_code,
            "reject_code": cause.reject_code,
            "backtrace": list(cause.backtrace),
        }
    return facts


@contextmanager
def translated() -> Iterator[None]:
    """Turn our errors into messages and exit codes."""
    try:
        yield
    except CanisterRejected as error:
        raise CanisterFailed(_text(error, _next_step(error.error_code))) from error
    except KeyboardInterrupt:
        raise _interrupted() from None
    except click.Abort as error:
        if isinstance(error.__context__, KeyboardInterrupt):  # at a question
            raise _interrupted() from None
        raise AskedWrongly("nothing was done; --yes answers the question") from error
    except OSError as error:
        if error.errno == EPIPE:  # click's to handle
            raise
        if error.filename is None:  # writing into what is open already
            drop_unwritten()
            raise NotWritten(f"what was to be written could not be: {error.strerror}") from error
        raise AskedWrongly(f"{error.filename}: {error.strerror}") from error
    except _asked_wrongly() as error:
        raise AskedWrongly(_text(error)) from error


def _interrupted() -> SystemExit:
    say("interrupted", err=True)
    return SystemExit(EXIT_CODE)


def _next_step(code: str) -> str | None:
    """Return what to type, with the name that was typed."""
    ctx = click.get_current_context(silent=True)
    name = ctx and ctx.meta.get(CANISTER)
    step = _NEXT_STEPS.get(code)
    return step.replace("NAME", quote(name)) if step and name else step


def _asked_wrongly() -> tuple[type[Exception], ...]:
    """Return the other errors of ours; only when there is one, Candid is imported."""
    from sandbox.candid.errors import CandidError

    return SandboxError, CandidError


def _text(error: Exception, next_step: str | None = None) -> str:
    notes = [*getattr(error, "__notes__", ())]
    return "\n".join([str(error), *notes, *([next_step] if next_step else [])])
