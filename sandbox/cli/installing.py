"""What installs code: a module with its interface and argument, from a file or a project."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sandbox.candid.errors import CandidError
from sandbox.cli.arguments import Argument, encoded, expected
from sandbox.cli.common import log_shown
from sandbox.cli.output import print_json, say
from sandbox.errors import CanisterRejected, ModuleRefused, SandboxError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sandbox.execution.lifecycle import InstallReport
    from sandbox.handle import Canister
    from sandbox.principal import Principal
    from sandbox.sandbox import Sandbox

# The replica's code for a module that is none.
_NO_MODULE: Final = "IC0505"


@dataclass(frozen=True, slots=True)
class Code:
    """What is to be installed.

    did: the interface, None when only the module may know it.
    argument: bytes are the message as it stands.
    project: which canister of which project it is, empty for a file that was named.
    is_argument_of_project: nobody typed it.
    settings: of a new canister, as ``update_settings`` takes them.
    """

    module: Path
    did: Path | None
    argument: Argument | bytes
    project: str = ""
    is_argument_of_project: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def message(self, canister: Canister) -> bytes:
        """Return the argument as bytes, at the types of the module's interface.

        Raises: CandidError, UsageError.
        """
        if isinstance(self.argument, bytes):
            return self.argument
        codec = canister.init_codec(self.module, self.did)
        if not self.argument.is_given and codec.func is not None and codec.func.args:
            option = f"--argument '{expected(codec.func, codec.env)}'"
            if self.project:
                option = f"{option} (to install or upgrade), or write it into the project's file"
            raise UsageError(f"this module is installed with an argument; give {option}")
        try:
            return encoded(codec, self.argument)
        except (CandidError, UsageError) as error:
            if self.is_argument_of_project:
                error.add_note(f"That is the init argument of {self.project}.")
            raise

    @contextmanager
    def named(self) -> Iterator[None]:
        """Say which file it was when it is no module: the replica's text cannot know."""
        try:
            yield
        except SandboxError as error:
            is_the_modules = isinstance(error, CanisterRejected) and error.error_code == _NO_MODULE
            if is_the_modules or isinstance(error, ModuleRefused):
                error.add_note(f"The module is {self.module}.")
            raise


def install_new(
    ic: Sandbox, name: str, code: Code, caller: Principal | None, **options: Any
) -> tuple[Canister, InstallReport]:
    """Create a canister and install code into it; on failure there is none.

    options: as for ``Sandbox.create_canister``.
    Raises: CanisterRejected, CandidError, UsageError.
    """
    canister = ic.create_canister(name=name, caller=caller, **options)
    try:
        if code.settings:
            ic.management.update_settings(
                canister_id=canister.id, settings=code.settings, caller=caller
            )
        with log_shown(canister), code.named():
            data = code.message(canister)
            return canister, canister.install(code.module, data, did=code.did, caller=caller)
    except BaseException:
        ic.world.forget(canister.id)
        raise


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it, to be said once the world is saved."""

    name: str
    canister_id: str
    module_hash: bytes
    report: InstallReport

    @classmethod
    def of(cls, name: str, canister: Canister, report: InstallReport) -> Done:
        """Note what is to be said of a canister."""
        return cls(name, str(canister.id), canister.module_hash or b"", report)

    def say(self, what: str, *, as_json: bool) -> None:
        """Print it."""
        stages = self.report.stages
        if as_json:
            print_json(
                {
                    "name": self.name,
                    "id": self.canister_id,
                    "module_hash": self.module_hash,
                    "stages": [{"name": it.name, "instructions": it.instructions} for it in stages],
                }
            )
            return
        say(line(what, self.name, self.canister_id, self.module_hash))
        for stage in stages:
            say(f"  {stage.name}: {stage.instructions:,} instructions")


def line(what: str, name: str, canister_id: str, module_hash: bytes) -> str:
    """Return what was done to a canister, on one line."""
    who = canister_id if name == canister_id else f"{name} ({canister_id})"
    return f"{what} {who}, module {module_hash.hex()[:16]}…"
