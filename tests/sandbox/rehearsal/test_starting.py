"""Where a rehearsal starts: a module, a canister, a snapshot directory; none is changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal_samples import module
from sandbox import Sandbox, Status, UsageError
from sandbox.limits import MAINNET, STRICT
from sandbox.rehearsal import Call, FromCanister, FromDirectory, FromModule, Plan, rehearse

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.engine import Compiler

INC = Call("inc")


def _downloaded(ic: Sandbox, name: str, directory: Path) -> None:
    canister = ic.install(module(name))
    canister.update_raw("inc")
    ic.snapshots.download(canister.take_snapshot(), directory)


def _files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def _edited(directory: Path, **changes: Any) -> None:
    file = directory / "metadata.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_module_starts_with_the_state_its_calls_give_it(compiler: Compiler) -> None:
    start = FromModule(module("v1"), calls=(INC, INC))

    outcome = rehearse(start, module("zeroes_in_post"), compiler=compiler)

    assert [(it.name, it.before[:4], it.after[:4]) for it in outcome.probes] == [
        ("get", "0x09", "0x00")
    ]


def test_rate_limits_do_not_hold_up_the_installations_of_a_rehearsal(compiler: Compiler) -> None:
    start = FromModule(module("v1"), calls=(INC,))
    strict, mainnet = (
        rehearse(start, module("v2"), Plan(limits=limits), compiler=compiler)
        for limits in (STRICT.relaxed(install_instructions_per_round=1), MAINNET)
    )

    assert strict.findings == mainnet.findings
    assert strict.is_ok


def test_a_snapshot_directory_starts_with_its_state_and_stays_as_it_is(
    ic: Sandbox, compiler: Compiler, tmp_path: Path
) -> None:
    _downloaded(ic, "v1", tmp_path)
    before = _files(tmp_path)

    outcome = rehearse(tmp_path, module("zeroes_in_post"), compiler=compiler)

    assert outcome.probes[0].before.startswith("0x08")
    assert "R07" not in outcome.codes
    assert _files(tmp_path) == before


def test_a_snapshot_directory_can_be_given_its_canister_id(
    ic: Sandbox, compiler: Compiler, tmp_path: Path
) -> None:
    _downloaded(ic, "v1", tmp_path)
    start = FromDirectory(tmp_path, ic.canisters[0].id)

    assert rehearse(start, module("v2"), compiler=compiler).is_ok


def test_what_a_snapshot_directory_does_not_record_is_said(
    ic: Sandbox, compiler: Compiler, tmp_path: Path
) -> None:
    _downloaded(ic, "v1", tmp_path)
    _edited(tmp_path, global_timer=None, on_low_wasm_memory_hook_status=None)

    outcome = rehearse(tmp_path, module("v2"), compiler=compiler)

    (found,) = outcome.findings
    assert found.code == "R07"
    assert [fact.what for fact in found.evidence] == ["global timer", "on_low_wasm_memory hook"]


def test_a_large_memory_is_mapped_and_its_file_stays_as_it_is(
    ic: Sandbox, compiler: Compiler, tmp_path: Path
) -> None:
    _downloaded(ic, "saves_heap", tmp_path)
    heap, size = tmp_path / "wasm_memory.bin", 4 << 30
    with heap.open("r+b") as file:
        file.truncate(size)
        file.seek(size - 4_096)
        file.write(b"the end")
    _edited(tmp_path, wasm_memory_size=size)
    before = heap.stat()

    outcome = rehearse(tmp_path, module("saves_heap"), compiler=compiler)

    assert outcome.run is not None
    assert outcome.run.failure is None
    assert [diff.is_same for diff in outcome.probes] == [True]
    assert outcome.rollback is not None
    assert outcome.rollback.taken.is_exact
    after = heap.stat()
    assert (after.st_blocks, after.st_mtime_ns) == (before.st_blocks, before.st_mtime_ns)


def test_timers_of_an_old_snapshot_are_not_overdue(
    ic: Sandbox, compiler: Compiler, tmp_path: Path
) -> None:
    ic.advance(days=1_000)
    canister = ic.install(module("timer_v1"))
    ic.snapshots.download(canister.take_snapshot(), tmp_path)

    outcome = rehearse(tmp_path, module("v2"), compiler=compiler)

    (found,) = [item for item in outcome.findings if item.code == "A01"]
    assert found.evidence[0].what == "canister_global_timer in 60 virtual seconds"


@pytest.mark.parametrize("new", ["v2", "zeroes_in_post", "trap_in_post", "unknown_import"])
def test_a_canister_of_a_sandbox_is_afterwards_as_it_was(ic: Sandbox, new: str) -> None:
    canister = ic.install(module("v1"))
    snapshot = canister.take_snapshot()
    before = canister.checksum, canister.status(), ic.time_ns, len(ic.canisters)

    rehearse(FromCanister(ic, canister), module(new), Plan(traffic=(INC,)))

    assert (canister.checksum, canister.status(), ic.time_ns, len(ic.canisters)) == before
    assert canister.list_snapshots() == (snapshot,)


def test_a_canister_with_ten_snapshots_can_be_rehearsed(ic: Sandbox) -> None:
    canister = ic.install(module("v1"))
    taken = [canister.take_snapshot(str(number)) for number in range(10)]

    outcome = rehearse(FromCanister(ic, canister), module("v2"))

    assert outcome.rollback is not None
    assert outcome.rollback.taken.is_exact
    assert canister.list_snapshots() == tuple(taken)


def test_a_canister_of_somebody_else_is_upgraded_by_its_controller(ic: Sandbox) -> None:
    owner = ic.canister(ic.create_canister().id).id
    canister = ic.install(module("v1"), controllers=[owner], caller=owner)

    assert rehearse(FromCanister(ic, canister), module("v2")).is_ok


def test_an_empty_canister_has_nothing_to_upgrade(ic: Sandbox) -> None:
    with pytest.raises(UsageError, match="nothing to upgrade"):
        rehearse(FromCanister(ic, ic.create_canister()), module("v2"))


@pytest.mark.parametrize("text", ["", "()", "inc (", "inc (5"])
def test_what_is_no_call_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a call reads like"):
        Call.parsed(text)


def test_a_stopped_canister_is_looked_at_running_and_stays_stopped(ic: Sandbox) -> None:
    canister = ic.install(module("v1"))
    canister.stop()

    outcome = rehearse(FromCanister(ic, canister), module("zeroes_in_post"))

    assert {"R05", "A03"} <= outcome.codes
    assert canister.status().status is Status.STOPPED


def test_an_interrupt_at_any_stage_leaves_the_canister_as_it_was(ic: Sandbox) -> None:
    canister = ic.install(module("timer_v1"))
    before = canister.checksum, canister.status(), ic.time_ns
    stages: list[str] = []
    rehearse(FromCanister(ic, canister), module("timer_v2"), progress=stages.append)

    for stage in stages:

        def interrupt(current: str, at: str = stage) -> None:
            if current == at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            rehearse(FromCanister(ic, canister), module("timer_v2"), progress=interrupt)

    assert len(stages) >= 8
    assert (canister.checksum, canister.status(), ic.time_ns) == before
    assert canister.list_snapshots() == ()


def test_an_interface_can_stand_beside_the_modules(ic: Sandbox) -> None:
    canister = ic.install(module("v1"))
    plan = Plan(did="service : { get : (opt nat8) -> (nat64) query; inc : () -> () }")

    outcome = rehearse(FromCanister(ic, canister), module("v2"), plan)

    assert outcome.probes == ()  # by this interface the query takes an argument
    assert canister.methods["get"] == "query"


@pytest.mark.slow
def test_busy_neighbours_do_not_make_a_day_of_a_rehearsal(ic: Sandbox) -> None:
    ic.install(module("timer_v1"))
    canister = ic.install(module("v1"))

    outcome = rehearse(FromCanister(ic, canister), module("v2"))

    assert outcome.is_ok
    assert outcome.soaks[0].seconds == 1_800
