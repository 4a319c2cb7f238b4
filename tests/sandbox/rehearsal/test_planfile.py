"""Plan files: what they mean, their mistakes by line and key, the schema, one to begin with."""

from __future__ import annotations

import json
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from rehearsal_samples import WAT, module
from sandbox import Principal, Sandbox
from sandbox.limits import MAINNET
from sandbox.rehearsal import (
    Acceptance,
    Budget,
    Call,
    FromDirectory,
    FromModule,
    FromStore,
    FromWorld,
    Migration,
    Plan,
    PlanInvalid,
    Rehearsal,
    Script,
    Step,
    read_plan,
)
from sandbox.rehearsal.planfile import schema, written
from sandbox.rehearsal.planfile.layout import PLAN
from sandbox.rehearsal.planfile.nodes import Source
from sandbox.rehearsal.planfile.shapes import Either, ListOf, MapOf, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.engine import Compiler
    from sandbox.rehearsal.planfile.shapes import Field, Shape

SCHEMA = Path(__file__).parents[3] / "docs" / "plan.schema.json"
START = "start: {module: v1.wat}\n"
STEPS = "steps: [{module: v2.wat}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("v1", "v2", "zeroes_in_post"):
        (tmp_path / f"{name}.wat").write_bytes((WAT / f"{name}.wat").read_bytes())
    return tmp_path


def _read(folder: Path, text: str) -> Script:
    file = folder / "plan.yaml"
    file.write_text(text, "utf-8")
    return read_plan(file)


def _refused(folder: Path, text: str) -> str:
    with pytest.raises(PlanInvalid) as refused:
        _read(folder, text)
    return str(refused.value).replace(str(folder / "plan.yaml"), "plan.yaml")


def test_a_plan_says_all_that_can_be_said(folder: Path) -> None:
    (folder / "arg.bin").write_bytes(b"DIDL\x00\x01\x7d\x05")
    (folder / "old.did").write_text("service : {}", "utf-8")
    script = _read(
        folder,
        """
start:
  module: v1.wat
  argument: "(1 : nat)"
  calls: [inc, {method: set, argument_file: arg.bin}]
  id: rrkah-fqaaa-aaaaa-aaaaq-cai
did: old.did
as: ada
probes:
  - balance_of ("ada")
  - {call: stats, as: anonymous, ignore: [.uptime], expect: "(5)", instructions: 7}
  - {call: name, matches: "^x"}
identities: [key]
ignore: [now, "log[*].time"]
traffic: [{call: inc, expect: "()"}]
guarded: [pay]
migrated: {call: done, expect: "(true)", within: 2d}
rollback: [uploaded, downgrade]
safety_copy: backup
runbook: [stop, snapshot create, upgrade, start]
downgrade_argument: "(2)"
budgets: {post_upgrade: {instructions: 1_000, stable_growth: 64 KiB}}
tolerance_percent: 2.5
soak: 36h
limits: {profile: system, install_instructions: 5}
accept: [{code: s02, reason: why not, until: 2027-01-31}]
steps:
  - {module: v2.wat, name: two, argument_file: arg.bin, persistence: none, mode: reinstall}
""",
    )

    (member,) = script.members.values()
    assert member.start == FromModule(
        folder / "v1.wat",
        "(1 : nat)",
        (Call("inc"), Call("set", b"DIDL\x00\x01\x7d\x05")),
        Principal("rrkah-fqaaa-aaaaa-aaaaq-cai"),
    )
    assert member.plan == Plan(
        probes=(
            Call("balance_of", '("ada")'),
            Call("stats", caller=Principal.anonymous(), expect="(5)", instructions=7),
            Call("name", matches="^x"),
        ),
        identities=(Call("key"),),
        ignore=("now", "log[*].time", "stats.uptime"),
        accept=(Acceptance("S02", "why not", date(2027, 1, 31)),),
        traffic=(Call("inc", expect="()"),),
        guarded=(Call("pay"),),
        migrated=Migration(Call("done", expect="(true)"), 2 * 86_400.0),
        rollback=("uploaded", "downgrade"),
        safety_copy=folder / "backup",
        runbook=("stop", "snapshot create", "upgrade", "start"),
        soak_s=36 * 3_600.0,
        downgrade_argument="(2)",
        caller=Principal.named("ada"),
        did="service : {}",
        limits=member.plan.limits,
        budgets={"post_upgrade": Budget(instructions=1_000, stable_growth=65_536)},
        tolerance_percent=2.5,
    )
    assert (member.plan.limits.name, member.plan.limits.install_instructions) == ("system", 5)
    assert script.steps == (
        Step(folder / "v2.wat", b"DIDL\x00\x01\x7d\x05", None, "reinstall", "two"),
    )


def test_a_start_may_be_a_directory_a_store_or_a_world(folder: Path) -> None:
    (folder / "backup").mkdir()
    starts = {
        "{snapshot: backup}": FromDirectory(folder / "backup"),
        "{stored: before, store: backup}": FromStore(folder / "backup", "before"),
        "{canister: counter, at: before}": FromWorld(
            folder / ".canister-sandbox", "counter", "before"
        ),
    }

    for text, start in starts.items():
        assert _read(folder, f"start: {text}\n{STEPS}").members[""].start == start


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "plan.yaml: a plan has keys, such as start and steps"),
        ("- 1", "plan.yaml: a plan has keys, such as start and steps"),
        (START, "plan.yaml: steps: there must be a step: a module to upgrade to"),
        (f"{START}steps: []", "plan.yaml:2: steps: there must be a step: a module to upgrade to"),
        (f"{START}{STEPS}prbes: []", "plan.yaml:3: prbes: there is no key 'prbes'; did you mean"),
        (f"{START}{STEPS}{STEPS}", "plan.yaml:3: steps: it is there twice"),
        (f"{START}{STEPS}probes: get", "plan.yaml:3: probes: here stands 'get'"),
        (f"{START}{STEPS}probes:\n", "plan.yaml:3: probes: here stands nothing, it"),
        (
            f"{START}{STEPS}probes:\n- get\n- 'get ('",
            "plan.yaml:5: probes[1]: a call reads like 'inc ()' or 'add (5 : nat)', not 'get ('",
        ),
        (
            f"{START}{STEPS}probes:\n- call: get\n  expcet: '5'",
            "plan.yaml:5: probes[0].expcet: there is no key 'expcet'; did you mean 'expect'?",
        ),
        (
            f"{START}{STEPS}probes:\n- call: get\n  expect: 5",
            "plan.yaml:5: probes[0].expect: 5 is a number or a word of YAML's; put it in quotes",
        ),
        (
            f"{START}{STEPS}probes:\n- call: get\n  expect: (5 : nat)",
            ("plan.yaml:5: mapping values are not allowed here; a text with a colon, like "
            "'(5 : nat)', stands in quotes"),
        ),
        (
            f"{START}{STEPS}probes:\n- call: get\n  matches: '('",
            ("plan.yaml:5: probes[0].matches: '(' is no regular expression: missing ), "
            "unterminated subpattern at position 0"),
        ),
        (
            f"{START}{STEPS}probes:\n- {{call: get, expect: '5', matches: '5'}}",
            "plan.yaml:4: probes[0]: it takes expect or matches, not both",
        ),
        ("start: {module: v3.wat}\n" + STEPS, "plan.yaml:1: start.module: there is no file v3.wat"),
        (
            "start: {module: v1.wat, canister: c}\n" + STEPS,
            ("plan.yaml:1: start: it needs exactly one of snapshot, module, canister, stored; "
            "it has module and canister"),
        ),
        (
            "start: {canister: c, calls: [inc]}\n" + STEPS,
            "plan.yaml:1: start.calls: it belongs to module",
        ),
        (
            "start: {canister: c}\nlimits: {profile: system}\n" + STEPS,
            "plan.yaml:2: limits: a world has limits of its own",
        ),
        (
            "start: {module: v1.wat, id: nonsense}\n" + STEPS,
            "plan.yaml:1: start.id: ",
        ),
        (
            f"{START}steps: [{{module: v2.wat, sha256: '12'}}]",
            "plan.yaml:2: steps[0].sha256: v2.wat has the hash ",
        ),
        (
            f"{START}steps: [{{module: v2.wat, argument: '()', argument_file: v1.wat}}]",
            "plan.yaml:2: steps[0]: it takes argument or argument_file, not both",
        ),
        (
            f"{START}{STEPS}budgets: {{pre_upgrad: {{}}}}",
            ("plan.yaml:3: budgets.pre_upgrad: there is no key 'pre_upgrad'; did you mean "
            "'pre_upgrade'?"),
        ),
        (
            f"{START}{STEPS}budgets: {{upgrade: {{cycles: much}}}}",
            "plan.yaml:3: budgets.upgrade.cycles: 'much' is no count, like 5_000_000 or 64 MiB",
        ),
        (
            f"{START}{STEPS}migrated: {{call: done}}",
            "plan.yaml:3: migrated: it takes expect or matches: what says it is done",
        ),
        (
            f"{START}{STEPS}rollback: [snapshots]",
            "plan.yaml:3: rollback[0]: there is no value 'snapshots'; did you mean 'snapshot'?",
        ),
        (f"{START}{STEPS}runbook:\n- stop\n- pray", "plan.yaml:5: runbook[1]: 'pray' is no step"),
        ("versions: [{module: v1.wat}]", "plan.yaml:1: versions: a matrix takes two versions"),
        (
            "versions: [{module: v1.wat}, {module: v2.wat}]\nsteps: []",
            "plan.yaml:2: steps: versions have no steps: every hop is one",
        ),
        (
            "versions: [{module: v1.wat, calls: [inc], start: {module: v1.wat}}, {module: v2.wat}]",
            "plan.yaml:1: versions[0].calls: it belongs into start",
        ),
        (f"{START}{STEPS}hops: newest", "plan.yaml:3: hops: it belongs to versions"),
        (
            f"{START}{STEPS}probes: [{{call: get, ignore: [uptime]}}]",
            "plan.yaml:3: probes[0].ignore[0]: 'uptime' is no place inside an answer",
        ),
        (f"{START}{STEPS}soak: 0", "plan.yaml:3: soak: '0' is no time, like 90s, 10m, 24h or 7d"),
        (
            f"{START}{STEPS}accept: [{{code: S02, reason: x, until: soon}}]",
            "plan.yaml:3: accept[0].until: 'soon' is no day, like 2027-01-31",
        ),
        (
            f"{START}{STEPS}as: bnz7o-iuaaa-aaaab-qaaaa-cai",
            "plan.yaml:3: as: 'bnz7o-iuaaa-aaaab-qaaaa-cai' is not a principal: its checksum",
        ),
        (
            f"{START}{STEPS}probes: [{{call: get, as: ''}}]",
            "plan.yaml:3: probes[0].as: '' is no identity: a name has at least one character",
        ),
        (f"{START}{STEPS}? [a, b]\n: 1", "plan.yaml:3: ?: there is no key '?'; there are start,"),
        (f"{START}{STEPS}a: &a [*a]", "plan.yaml:3: a: there is no key 'a'; did you mean 'as'?"),
        (
            f"canisters: {{a: {{start: {{module: v1.wat}}}}}}\nprobes: [get]\n{STEPS}",
            "plan.yaml:2: probes: with several canisters, it belongs to each of them",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_line_and_key(folder: Path, text: str, said: str) -> None:
    told = _refused(folder, text).replace(f"{folder}/", "")

    assert told.startswith(said)


def test_all_mistakes_are_told_at_once_in_their_order(folder: Path) -> None:
    told = _refused(folder, "soak: soon\nstart: {module: v1.wat, at: [1]}\nsteps: [{}]")

    assert [line.split(": ")[1] for line in told.splitlines()] == ["soak", "start.at", "steps[0]"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("probes:\n- get\n- call: gett", ("plan.yaml:5: probes[1].call: the canister has no method "
         "'gett'; did you mean 'get'?")),
        ("probes:\n- get\n- gett", "plan.yaml:5: probes[1].call: the canister has no method"),
        ("traffic: [inc, dce]", ("plan.yaml:3: traffic[1].call: the canister has no method 'dce'; "
         "did you mean 'dec'?")),
        ("ignore:\n- get\n- zet", "plan.yaml:5: ignore[1]: the canister has no method 'zet'"),
        ("probes:\n- call: get\n  expect: '(5 :'", "plan.yaml:5: probes[0].expect: (5 :: "),
    ],
)  # fmt: skip
def test_what_only_the_modules_can_tell_is_told_by_line_and_key(
    folder: Path, text: str, said: str, compiler: Compiler
) -> None:
    script = _read(folder, START + STEPS + text)

    with pytest.raises(PlanInvalid) as refused:
        script.rehearse(compiler=compiler)

    assert str(refused.value).replace(f"{folder}/", "").startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("start: {module: v1.wat, argument: '(5'}\nsteps: [{module: v2.wat}]",
         "plan.yaml:1: start.argument: '(5': "),
        ("start:\n  module: v1.wat\n  calls:\n  - inc\n  - inc (5 :)\nsteps: [{module: v2.wat}]",
         "plan.yaml:5: start.calls[1]: inc (5 :): "),
        ("start: {module: v1.wat}\nsteps:\n- module: v2.wat\n- module: v1.wat\n  argument: '(5'",
         "plan.yaml:5: steps[1].argument: '(5': "),
        ("start: {module: v1.wat}\nsteps:\n- module: v2.wat\n  canister: other",
         "plan.yaml:4: steps[0].canister: there is no canister 'other'"),
    ],
)  # fmt: skip
def test_an_argument_that_does_not_fit_is_told_by_line_and_key(
    folder: Path, text: str, said: str, compiler: Compiler
) -> None:
    script = _read(folder, text)

    with pytest.raises(PlanInvalid) as refused:
        script.rehearse(compiler=compiler)

    assert str(refused.value).replace(f"{folder}/", "").startswith(said)


def test_a_plan_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"\xff\xfe\xff")

    for name in ("missing.yaml", "latin.yaml"):
        with pytest.raises(Exception, match=f"{name} cannot be read"):
            read_plan(tmp_path / name)


def test_the_hash_of_the_module_that_is_meant_is_checked(folder: Path) -> None:
    digest = sha256((folder / "v2.wat").read_bytes()).hexdigest()

    script = _read(folder, f"{START}steps: [{{module: v2.wat, sha256: '{digest}'}}]")

    assert script.steps[0].name == "v2.wat"


def test_a_plan_of_one_step_is_one_rehearsal(folder: Path, compiler: Compiler) -> None:
    outcome = _read(folder, START + STEPS).rehearse(compiler=compiler)

    assert isinstance(outcome, Rehearsal)
    assert outcome.is_ok


@pytest.mark.slow
def test_a_world_and_a_store_are_rehearsed_and_not_changed(
    folder: Path, compiler: Compiler
) -> None:
    with Sandbox(folder / ".canister-sandbox", compiler=compiler) as ic:
        counter = ic.install(module("v1"), name="counter")
        counter.update_raw("inc")
        taken = counter.take_snapshot("eight")
        counter.update_raw("inc")
        ic.snapshots.save(taken, folder / "store")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    seen = []
    for start in ("{canister: counter}", "{canister: counter, at: eight}",
                  "{stored: eight, store: store}"):  # fmt: skip
        outcome = _read(folder, f"start: {start}\n{STEPS}").rehearse(compiler=compiler)
        assert isinstance(outcome, Rehearsal)
        seen.append(outcome.probes[0].before[:4])

    assert seen == ["0x09", "0x08", "0x08"]
    (folder / "plan.yaml").unlink()
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert after == before


# --- the schema and the beginning come from the same table


def test_the_schema_in_the_docs_is_that_of_the_table() -> None:
    text = SCHEMA.read_text("utf-8")

    assert json.loads(text) == schema(), "write it: canister-sandbox rehearse --plan-schema"


def test_every_key_is_in_the_schema_with_its_explanation() -> None:
    for field, described in _described(PLAN, schema()):
        assert described["description"] == field.doc


def _described(shape: Shape, found: dict[str, Any]) -> Iterator[tuple[Field, dict[str, Any]]]:
    match shape:
        case Record():
            assert set(found["properties"]) == {field.name for field in shape.fields}
            for field in shape.fields:
                yield field, found["properties"][field.name]
                yield from _described(field.shape, found["properties"][field.name])
        case ListOf():
            yield from _described(shape.item, found["items"])
        case MapOf() if not shape.names:
            yield from _described(shape.value, found["additionalProperties"])
        case Either():
            yield from _described(shape.long, found["anyOf"][1])


def test_every_example_is_what_its_key_takes(tmp_path: Path) -> None:
    for name in ("backup", "store", ".canister-sandbox"):
        (tmp_path / name).mkdir()
    for name in ("old.wasm", "new.wasm", "arg.bin", "init.bin", "service.did"):
        (tmp_path / name).touch()

    examples = [field for field, _ in _described(PLAN, schema()) if field.example]

    assert len(examples) > 40
    for field in examples:
        source = Source(tmp_path / "plan.yaml")
        node = yaml.compose(field.example, Loader=yaml.SafeLoader)
        field.shape.read(node, field.name, source)
        assert source.mistakes == [], field.name


def test_a_plan_to_begin_with_says_what_its_script_says(folder: Path) -> None:
    (folder / "arg.bin").write_bytes(b"DIDL\x00\x00")
    (folder / "c.did").write_text("service : {}", "utf-8")
    script = _read(
        folder,
        f"""
start: {{module: v1.wat, calls: [inc]}}
did: c.did
as: ada
probes: [get]
traffic: [inc]
ignore: [now]
soak: 2h
limits: {{profile: {MAINNET.name}}}
accept: [{{code: A03, reason: meant}}]
steps: [{{module: v2.wat, argument_file: arg.bin}}]
""",
    )

    text = written(script, folder / "b.yaml", did=folder / "c.did", argument=folder / "arg.bin")

    (folder / "b.yaml").write_text(text, "utf-8")
    assert read_plan(folder / "b.yaml") == script


def test_a_matrix_can_be_written_down_too(folder: Path) -> None:
    script = _read(
        folder,
        "versions:\n- {module: v1.wat, calls: [inc]}\n"
        "- {module: v2.wat, start: {snapshot: .}}\nhops: newest\n",
    )

    (folder / "b.yaml").write_text(written(script, folder / "b.yaml"), "utf-8")

    assert read_plan(folder / "b.yaml") == script


def test_a_blank_plan_explains_every_key(tmp_path: Path) -> None:
    text = written(None, tmp_path / "plan.yaml")

    for field in PLAN.fields:
        assert f"# {field.doc}\n" in text
    assert yaml.safe_load(text) == {
        "start": {"snapshot": "./backup"},
        "steps": [{"module": "new.wasm"}],
    }
