"""A plan to begin with, and the JSON schema: both made from the table of keys."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sandbox.errors import UsageError
from sandbox.rehearsal.plan import FromDirectory, FromModule, FromWorld, Plan
from sandbox.rehearsal.planfile.layout import PLAN
from sandbox.rehearsal.planfile.shapes import ListOf, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox.rehearsal.matrix import Version
    from sandbox.rehearsal.plan import Start, Step
    from sandbox.rehearsal.planfile.reading import Script
    from sandbox.rehearsal.planfile.shapes import Field

_HEAD: Final = """\
# A rehearsal of an upgrade: canister-sandbox rehearse {name}
# Keys that begin with # are left out: take the # away to use them. Paths are relative to this
# file; Candid stands in quotes. For completion in editors:
#   canister-sandbox rehearse --plan-schema > plan.schema.json
# yaml-language-server: $schema=./plan.schema.json
"""


_BLANK: Final = {"start": {"snapshot": "./backup"}, "steps": [{"module": "new.wasm"}]}


def schema() -> dict[str, Any]:
    """Return what a plan may contain as JSON Schema, for editors."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Plan of canister-sandbox rehearse",
        **PLAN.schema(),
    }


def written(
    script: Script | None, file: Path, *, did: Path | None = None, argument: Path | None = None
) -> str:
    """Return a plan with all keys explained; those that the script leaves out are comments.

    script: None for one to be filled in. file: where it will be; paths are relative to it.
    did, argument: the files that the script's interface and argument were read from.
    Raises: UsageError for what no plan can say.
    """
    values = _BLANK if script is None else _Values(file.resolve().parent, did, argument).of(script)
    return "\n".join([_HEAD.format(name=file.name), *_record(PLAN, values, "")]) + "\n"


def _record(record: Record, given: Mapping[str, Any], indent: str) -> Iterator[str]:
    for field in record.fields:
        if indent == "":
            yield f"# {field.doc}"
        yield from _field(field, given, indent)
        if indent == "":
            yield ""


def _field(field: Field, given: Mapping[str, Any], indent: str) -> Iterator[str]:
    value, doc = given.get(field.name), f"  # {field.doc}" if indent else ""
    if isinstance(field.shape, Record) and isinstance(value, dict):
        yield f"{indent}{field.name}:"
        yield from _record(field.shape, value, indent + "  ")
    elif isinstance(field.shape, ListOf) and isinstance(field.shape.item, Record) and value:
        yield f"{indent}{field.name}:"
        for item in value:
            first, *rest = _record(field.shape.item, item, indent + "    ")
            yield f"{indent}  - " + first.lstrip()
            yield from rest
    elif value is not None:
        yield f"{indent}{field.name}: {json.dumps(value, ensure_ascii=False)}{doc}"
    elif field.example:
        yield f"{indent}# {field.name}: {field.example}{doc}"


@dataclass(frozen=True, slots=True)
class _Values:
    """What a script says as the values of a plan file. folder: of the file."""

    folder: Path
    did: Path | None
    argument: Path | None

    def of(self, script: Script) -> dict[str, Any]:
        """Return the values by key."""
        if len(script.members) != 1:
            raise UsageError("a plan of several canisters is written by hand")
        (member,), plain = script.members.values(), Plan()
        plan, world = member.plan, member.start
        found = {
            "start": None if script.versions else self._start(member.start),
            "versions": [*map(self._version, script.versions)],
            "hops": "newest" if script.newest_only else None,
            "did": None if self.did is None else self._path(self.did),
            "as": plan.caller and str(plan.caller),
            "probes": [*map(str, plan.probes)],
            "identities": [*map(str, plan.identities)],
            "ignore": [*plan.ignore],
            "traffic": [*map(str, plan.traffic)],
            "growth": _grown_by(plan),
            "steps": [*map(self._step, script.steps)],
            "state": self._path(world.directory) if isinstance(world, FromWorld) else None,
            "soak": f"{plan.soak_s:g}s" if plan.soak_s != plain.soak_s else None,
            "limits": {"profile": plan.limits.name} if plan.limits != plain.limits else None,
            "accept": [
                {"code": it.code, "reason": it.reason or "say why"} for it in plan.acceptances
            ],
        }
        return {name: value for name, value in found.items() if value}

    def _start(self, start: Start) -> dict[str, Any]:
        match start:
            case FromDirectory():
                return {"snapshot": self._path(start.path), "id": _text(start.canister_id)}
            case FromModule():
                return {
                    "module": self._path(start.source),
                    "argument": start.argument,
                    "calls": [*map(str, start.calls)] or None,
                    "id": _text(start.canister_id),
                }
            case FromWorld():
                return {"canister": start.canister, "at": start.snapshot}
        raise UsageError("only a module, a directory or a canister of a world can be written down")

    def _step(self, step: Step) -> dict[str, Any]:
        file = None if self.argument is None else self._path(self.argument)
        return {
            "name": step.name,
            "module": self._path(step.module),
            "argument": step.argument if file is None else None,
            "argument_file": file,
            "mode": step.mode,
            "persistence": step.persistence or "none",
        }

    def _version(self, version: Version) -> dict[str, Any]:
        return self._step(version.step) | {"start": self._start(version.start)}

    def _path(self, path: object) -> str:
        return os.path.relpath(Path(str(path)).resolve(), self.folder)


def _grown_by(plan: Plan) -> list[str]:
    if plan.growth is None or callable(plan.growth.by):
        return []
    return [*map(str, plan.growth.by)]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
