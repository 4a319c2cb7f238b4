"""A plan file as what is rehearsed: where it starts, its steps, its plan."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sandbox.errors import UsageError
from sandbox.interface import argument_in, did_text
from sandbox.limits import profile
from sandbox.principal import Principal
from sandbox.rehearsal.chain import Chain, Member, rehearse_chain
from sandbox.rehearsal.matrix import Matrix, Version, rehearse_matrix
from sandbox.rehearsal.plan import (
    Acceptance,
    Budget,
    Call,
    FromDirectory,
    FromModule,
    FromStore,
    FromWorld,
    Growth,
    Migration,
    Plan,
    PlanRefused,
    Step,
)
from sandbox.rehearsal.planfile.layout import OF_ONE_CANISTER, PLAN
from sandbox.rehearsal.planfile.nodes import Source, composed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    from sandbox.engine import Compiler
    from sandbox.rehearsal.parallel import Progress
    from sandbox.rehearsal.plan import Start
    from sandbox.rehearsal.rehearsal import Rehearsal

_WORLD: Final = ".canister-sandbox"
# Of a plan file, what goes into the Plan under the same name.
_SAME: Final = ("downgrade_argument", "tolerance_percent", "rollback", "safety_copy", "runbook")


@dataclass(frozen=True, slots=True)
class Script:
    """What is to be rehearsed: canisters, and upgrades of them.

    members: the canisters by name; the only one of a plan without names is called "".
    versions: for a matrix, instead of steps; its plan is that of the only member.
    newest_only: see ``rehearse_matrix``.
    source: of a plan that was read, so that errors name its lines.
    """

    members: Mapping[str, Member]
    steps: tuple[Step, ...] = ()
    versions: tuple[Version, ...] = ()
    newest_only: bool = False
    source: Source | None = field(default=None, repr=False, compare=False)

    def rehearse(
        self,
        *,
        compiler: Compiler | None = None,
        progress: Callable[[str], None] = lambda _stage: None,
        workers: int | None = None,
        told: Callable[[Progress], None] = lambda _progress: None,
    ) -> Rehearsal | Chain | Matrix:
        """Rehearse it: a chain when there is more than one step or canister.

        progress: told the stage that begins. workers, told: of a matrix; see ``in_parallel``.
        Raises: as ``rehearse``; PlanInvalid with the line of a plan that was read.
        """
        try:
            if self.versions:
                (member,) = self.members.values()
                return rehearse_matrix(
                    self.versions,
                    member.plan,
                    newest_only=self.newest_only,
                    workers=workers,
                    told=told,
                )
            chain = rehearse_chain(self.members, self.steps, compiler=compiler, progress=progress)
        except PlanRefused as refusal:
            if self.source is None:
                raise
            raise self.source.located(refusal.place, refusal.reason) from refusal
        return chain.steps[0][1] if len(self.steps) == len(self.members) == 1 else chain


def read_plan(file: str | PathLike[str]) -> Script:
    """Read a plan and check it; its paths are relative to it.

    Raises: PlanInvalid, with a line for each mistake; UsageError when it cannot be read.
    """
    source = Source(Path(file))
    root = composed(source, _text(source.file))
    values = PLAN.read(root, "", source)
    source.refuse_mistakes()
    reader = _Reader(source)
    if "versions" in values:
        return reader.matrix(values)
    if "hops" in values:
        raise source.located("hops", "it belongs to versions")
    listed = enumerate(values.get("steps", ()))
    steps = tuple(reader.step(it, f"steps[{number}]") for number, it in listed)
    if not steps:
        raise source.located("steps", "there must be a step: a module to upgrade to")
    return Script(reader.members(values), steps, source=source)


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the plan {file} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes the plan of checked values; what only shows when they are put together is said."""

    source: Source

    def matrix(self, values: dict[str, Any]) -> Script:
        """Return the versions of a matrix, with the plan for every hop."""
        if "steps" in values:
            raise self.source.located("steps", "versions have no steps: every hop is one")
        versions = tuple(self._version(it, at, values) for at, it in enumerate(values["versions"]))
        if len(versions) < 2:
            raise self.source.located("versions", "a matrix takes two versions or more")
        member = Member(versions[0].start, self.plan(values, ""))
        only = values.get("hops") == "newest"
        return Script({"": member}, versions=versions, newest_only=only, source=self.source)

    def _version(self, values: dict[str, Any], number: int, plan: dict[str, Any]) -> Version:
        place = f"versions[{number}]"
        if "start" in values and "calls" in values:
            raise self.source.located(f"{place}.calls", "it belongs into start")
        step = self.step(values, place)
        if "start" in values:
            return Version(self.start(values["start"], plan, f"{place}.start"), step)
        calls = self._calls(values, "calls", f"{place}.")
        return Version(FromModule(values["module"], calls=calls), step)

    def members(self, values: dict[str, Any]) -> dict[str, Member]:
        """Return the canisters with their plans."""
        if "canisters" not in values:
            return {"": self._member(values, values, "")}
        for name in sorted(OF_ONE_CANISTER & set(values)):
            raise self.source.located(name, "with several canisters, it belongs to each of them")
        listed = values["canisters"].items()
        return {
            name: self._member(values | it, values, f"canisters.{name}.") for name, it in listed
        }

    def _member(self, values: dict[str, Any], common: dict[str, Any], prefix: str) -> Member:
        start = self.start(values["start"], common, f"{prefix}start")
        return Member(start, self.plan(values, prefix))

    def start(self, values: dict[str, Any], plan: dict[str, Any], place: str) -> Start:
        """Return where a canister starts."""
        self._only_with(values, place, canister=("at",), stored=("store",),
                        module=("argument", "argument_file", "calls"))  # fmt: skip
        id_ = self._principal(values.get("id"), f"{place}.id")
        if "snapshot" in values:
            return FromDirectory(values["snapshot"], id_)
        if "module" in values:
            argument = self._argument(values, place)
            calls = self._calls(values, "calls", f"{place}.")
            return FromModule(values["module"], argument, calls, id_)
        if "stored" in values:
            if "store" not in values:
                raise self.source.located(place, "stored needs the key store: its directory")
            return FromStore(values["store"], values["stored"], id_)
        if "limits" in plan:
            raise self.source.located("limits", "a world has limits of its own")
        world = plan.get("state", self.source.file.parent / _WORLD)
        return FromWorld(world, values["canister"], values.get("at"))

    def step(self, values: dict[str, Any], place: str) -> Step:
        """Return one upgrade."""
        module = values["module"]
        wanted = values.get("sha256")
        if wanted is not None:
            found = sha256(module.read_bytes()).hexdigest()
            if found != wanted.lower().removeprefix("0x"):
                reason = f"{module} has the hash {found}: it is not the file that is meant"
                raise self.source.located(f"{place}.sha256", reason)
        persistence = values.get("persistence", "auto")
        return Step(
            module,
            self._argument(values, place),
            None if persistence == "none" else persistence,
            values.get("mode", "upgrade"),
            values.get("name", module.name),
            values.get("canister", ""),
        )

    def plan(self, values: dict[str, Any], prefix: str) -> Plan:
        """Return everything else."""
        given = values.get("probes", ())
        probes = self._calls(values, "probes", prefix)
        ignored = [*values.get("ignore", ())]
        for call, one in zip(probes, given, strict=True):
            if isinstance(one, dict):
                ignored += [call.method + rule for rule in one.get("ignore", ())]
        grow = self._calls(values, "growth", prefix)
        return Plan(
            probes=probes,
            identities=self._calls(values, "identities", prefix),
            traffic=self._calls(values, "traffic", prefix),
            guarded=self._calls(values, "guarded", prefix),
            ignore=tuple(ignored),
            accept=tuple(Acceptance(**it) for it in values.get("accept", ())),
            soak_s=values.get("soak", Plan().soak_s),
            caller=self._identity(values.get("as"), f"{prefix}as"),
            did=did_text(values.get("did")),
            limits=self._limits(values.get("limits", {})),
            budgets={name: Budget(**it) for name, it in values.get("budgets", {}).items()},
            migrated=self._migration(values.get("migrated"), f"{prefix}migrated"),
            growth=Growth(grow) if grow else None,
            **{name: values[name] for name in _SAME if name in values},
        )

    def call(self, value: Call | dict[str, Any], place: str) -> Call:
        """Return a call in its short or its long form."""
        if isinstance(value, Call):
            return value
        if "method" in value and "argument_file" in value:
            call = Call(value["method"], argument_of(value["argument_file"]))
        elif "argument_file" in value:
            raise self.source.located(place, "call has its argument; argument_file is for method")
        else:
            call = value["call"] if "call" in value else Call(value["method"])
        if "expect" in value and "matches" in value:
            raise self.source.located(place, "it takes expect or matches, not both")
        return replace(
            call,
            caller=self._identity(value.get("as"), f"{place}.as"),
            expect=value.get("expect"),
            matches=value.get("matches"),
            instructions=value.get("instructions"),
        )

    def _identity(self, name: str | None, place: str) -> Principal | None:
        try:
            return None if name is None else Principal.of_identity(name)
        except ValueError as error:
            raise self.source.located(place, str(error)) from error

    def _calls(self, values: dict[str, Any], name: str, prefix: str) -> tuple[Call, ...]:
        listed = enumerate(values.get(name, ()))
        return tuple(self.call(it, f"{prefix}{name}[{at}]") for at, it in listed)

    def _migration(self, values: dict[str, Any] | None, place: str) -> Migration | None:
        if values is None:
            return None
        done = self.call(values, place)
        if not done.is_checked:
            raise self.source.located(place, "it takes expect or matches: what says it is done")
        return Migration(done, values.get("within", Migration(done).within_s))

    def _limits(self, values: dict[str, Any]) -> Any:
        changes = {name: most for name, most in values.items() if name != "profile"}
        chosen = profile(values.get("profile", "mainnet"))
        return chosen.relaxed(**changes) if changes else chosen

    def _argument(self, values: dict[str, Any], place: str) -> str | bytes:
        if "argument" in values and "argument_file" in values:
            raise self.source.located(place, "it takes argument or argument_file, not both")
        file = values.get("argument_file")
        return values.get("argument", "()") if file is None else argument_of(file)

    def _principal(self, value: str | None, place: str) -> Principal | None:
        try:
            return None if value is None else Principal(value)
        except ValueError as error:
            raise self.source.located(place, str(error)) from error

    def _only_with(self, values: dict[str, Any], place: str, **owners: tuple[str, ...]) -> None:
        for owner, names in owners.items():
            for name in names:
                if name in values and owner not in values:
                    raise self.source.located(f"{place}.{name}", f"it belongs to {owner}")


def argument_of(file: Path) -> str | bytes:
    """Return the argument in a file: bytes, or Candid text. Raises: UsageError, OSError."""
    return argument_in(file.read_bytes(), f"the argument in {file}")
