"""Installing, upgrading, uninstalling, loading: the effect matrix, cell by cell; all or nothing.

Source: IC interface specification, "Install code"; replica, upgrade.rs and install.rs.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pytest

from canisters import universal as u
from canisters.universal import Hook
from engine_room import WAT, execute, open_sandbox, reply_of, runtime_of
from sandbox.execution import lifecycle
from sandbox.execution.lifecycle import InstallReport, Persistence
from sandbox.limits import MAINNET
from sandbox.system_api.table import Context
from universal_room import universal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox import Canister, Sandbox

PAGE: Final = 65_536
_NAME: Final = b"icp:private enhanced-orthogonal-persistence"


def custom_section(name: bytes, content: bytes = b"") -> bytes:
    body = bytes([len(name)]) + name + content
    return b"\0" + bytes([len(body)]) + body


def plain(version: int = 1) -> bytes:
    """Return the universal canister; each version is another module that does the same."""
    return universal("wasm32").read_bytes() + custom_section(b"version", bytes([version]))


def eop(version: int = 1) -> bytes:
    return plain(version) + custom_section(_NAME)


def change(canister: Canister, source: bytes, mode: str, script: bytes, **how: Any) -> Any:
    """Do what install_code does, below cycles and permissions."""
    runtime = runtime_of(canister)
    module = canister.sandbox.world.loader.load(source)
    caller = canister.sandbox.identity
    return getattr(lifecycle, mode)(runtime, module, script, caller, **how)


# --- the matrix


def fill(mark: int) -> bytes:
    """Give every part of the state that a canister can set a value that says who set it."""
    return (
        u.heap_write(u.scratch(), bytes([mark]) * 8)
        + u.set_global(mark)
        + u.do("stable64_grow", 1)
        + u.stable_write(0, bytes([mark]) * 8)
        + u.do("certified_data_set", bytes([mark]))
        + u.do("global_timer_set", 10**18 + mark)
        + u.debug_print(f"line {mark}".encode())
    )


def seen(canister: Canister) -> dict[str, Any]:
    """Return every row of the matrix."""
    state = runtime_of(canister).state
    heap = number = None
    if state.module is not None:
        read = u.reply(u.heap_read(u.scratch(), 8), u.get_global())
        reply = reply_of(execute(canister, "query", Context.QUERY, argument=read))
        heap, number = reply[:8], int.from_bytes(reply[8:], "little")
    return {
        "module": canister.module_hash,
        "heap": heap,
        "heap size": len(canister.heap),
        "global": number,
        "stable memory": canister.stable_memory[:8],
        "certified data": state.certified_data,
        "chunk store": dict(state.chunks),
        "global timer": state.timer_ns,
        "log": [record.text for record in canister.logs],
        "cycles": state.cycles,
        "settings": state.settings,
        "status": state.status,
        "snapshots": [item.id for item in canister.list_snapshots()],
        "version": state.version,
        "installed at": state.installed_at_ns,
    }


def load(canister: Canister) -> None:
    canister.load_snapshot(canister.list_snapshots()[0])


OPERATIONS: Final[dict[str, Callable[[Canister], Any]]] = {
    "install": lambda c: change(c, eop(3), "install", b""),
    "reinstall": lambda c: change(c, eop(3), "reinstall", b""),
    "upgrade": lambda c: change(c, plain(3), "upgrade", b""),
    "upgrade, replace": lambda c: change(
        c, eop(3), "upgrade", b"", persistence=Persistence.REPLACE
    ),
    "upgrade, keep": lambda c: change(c, eop(3), "upgrade", b"", persistence=Persistence.KEEP),
    "uninstall": lambda c: lifecycle.uninstall(runtime_of(c)),
    "load": load,
}


@cache
def experiment(operation: str) -> dict[str, dict[str, Any]]:
    """Run one operation on a canister with a full state; return what was seen on the way."""
    with open_sandbox() as ic:
        canister = ic.create_canister(environment={"A": "B"})
        change(canister, plain(1), "install", fill(1))
        _keep_chunk(canister, b"chunk of the snapshot")
        snapshot = seen(canister)
        canister.take_snapshot()
        ic.time_ns += 10**9
        change(canister, plain(2), "upgrade", fill(2) + u.evaluate(u.heap_grow(1)))
        _keep_chunk(canister, b"chunk of later")
        execute(canister, "update", argument=u.do("global_timer_set", 10**18 + 2))
        if operation == "install":
            lifecycle.uninstall(runtime_of(canister))
            _leave_traces(canister)
        ic.time_ns += 10**9  # before looking: time costs cycles
        before = seen(canister)
        report = OPERATIONS[operation](canister)
        assert not isinstance(report, InstallReport) or report.failure is None
        return {"before": before, "snapshot": snapshot, "after": seen(canister),
                "now": {"time": ic.time_ns}}  # fmt: skip


def _keep_chunk(canister: Canister, chunk: bytes) -> None:
    runtime = runtime_of(canister)
    runtime.state = replace(runtime.state, chunks={chunk[:32]: chunk})


def _leave_traces(canister: Canister) -> None:
    """Give an empty canister what an install must keep or clear."""
    runtime = runtime_of(canister)
    runtime.state = replace(runtime.state, certified_data=b"left", timer_ns=10**18)
    runtime.log.append(1, ("left",), is_query=False)
    _keep_chunk(canister, b"chunk of before")


KEPT, FRESH, NONE, TAKEN, NOW, ONE_MORE = "kept", "fresh", "none", "snapshot", "now", "one more"
FRESH_VALUES: Final = {
    "heap": bytes(8),
    "global": 0,
    "stable memory": b"",
    "certified data": b"",
    "global timer": 0,
    "log": [],
    "chunk store": {},
}
NONE_VALUES: Final = FRESH_VALUES | {"heap": None, "global": None}
COLUMNS: Final = (
    "install", "reinstall", "upgrade", "upgrade, replace", "upgrade, keep", "uninstall", "load"
)  # fmt: skip
MATRIX: Final = {
    "module": ("new", "new", "new", "new", "new", NONE, TAKEN),
    "heap": (FRESH, FRESH, FRESH, FRESH, KEPT, NONE, TAKEN),
    "heap size": ("", "", "", "", KEPT, NONE, TAKEN),
    "global": (FRESH, FRESH, FRESH, FRESH, FRESH, NONE, TAKEN),
    "stable memory": (FRESH, FRESH, KEPT, KEPT, KEPT, NONE, TAKEN),
    "certified data": (FRESH, FRESH, KEPT, KEPT, KEPT, NONE, TAKEN),
    "chunk store": (KEPT, KEPT, KEPT, KEPT, KEPT, NONE, TAKEN),
    "global timer": (FRESH, FRESH, FRESH, FRESH, FRESH, NONE, KEPT),
    "log": (FRESH, FRESH, KEPT, KEPT, KEPT, NONE, KEPT),
    "cycles": (KEPT,) * 7,
    "settings": (KEPT,) * 7,
    "status": (KEPT,) * 7,
    "snapshots": (KEPT,) * 7,
    "version": (ONE_MORE,) * 7,
    "installed at": (NOW, NOW, NOW, NOW, NOW, NONE, NOW),
}
CELLS: Final = [
    (row, operation, effect)
    for row, effects in MATRIX.items()
    for operation, effect in zip(COLUMNS, effects, strict=True)
    if effect
]


@pytest.mark.parametrize(("row", "operation", "effect"), CELLS)
def test_the_effect_matrix(row: str, operation: str, effect: str) -> None:
    views = experiment(operation)
    before, after = views["before"][row], views["after"][row]

    if effect == KEPT:
        assert after == before
    elif effect == FRESH:
        assert after == FRESH_VALUES[row]
    elif effect == NONE:
        assert after == NONE_VALUES.get(row, 0 if row == "heap size" else None)
    elif effect == TAKEN:
        assert after == views["snapshot"][row] != before
    elif effect == NOW:
        assert after == views["now"]["time"] != before
    elif effect == ONE_MORE:
        assert after == before + 1
    else:
        assert after not in (before, views["snapshot"][row], None)


# --- which hooks run


@pytest.fixture
def ic() -> Iterator[Sandbox]:
    with open_sandbox() as sandbox:
        yield sandbox


def printed(canister: Canister) -> list[str]:
    texts = [record.text for record in canister.logs]
    runtime_of(canister).log.clear()
    return texts


def test_hooks_run_in_the_order_of_the_specification(ic: Sandbox) -> None:
    module = (WAT / "hooks_print.wat").read_bytes()

    canister = ic.install(module)
    assert printed(canister) == ["start", "init"]
    canister.upgrade(module)
    assert printed(canister) == ["pre", "start", "post"]
    canister.upgrade(module, skip_pre_upgrade=True)
    assert printed(canister) == ["start", "post"]
    canister.reinstall(module)
    assert printed(canister) == ["start", "init"]
    snapshot = canister.take_snapshot()
    canister.load_snapshot(snapshot)
    canister.uninstall()
    assert printed(canister) == []


def test_a_new_instance_of_the_same_state_runs_no_hook(ic: Sandbox) -> None:
    canister = ic.install(WAT / "hooks_print.wat")
    printed(canister)

    runtime_of(canister).discard()
    runtime_of(canister).live()

    assert printed(canister) == []


def test_pre_upgrade_sees_the_old_version_and_post_upgrade_the_new(ic: Sandbox) -> None:
    canister = ic.install(plain(), b"")
    tell = u.do("stable64_grow", 1) + u.store(u.scratch(), u.get("canister_version"))
    execute(
        canister,
        "update",
        argument=u.on(Hook.PRE_UPGRADE, tell + u.do("stable64_write", 0, u.scratch(), 8)),
    )
    version = canister.status().version

    canister.upgrade(
        plain(2),
        u.store(u.scratch(), u.get("canister_version")) + u.do("stable64_write", 8, u.scratch(), 8),
    )

    assert list(memoryview(canister.stable_memory[:16]).cast("Q")) == [version, version + 1]
    assert canister.status().version == version + 1


# --- refusals


def refused(
    canister: Canister, source: bytes, mode: str = "upgrade", **how: Any
) -> tuple[str, str]:
    before = canister.checksum, runtime_of(canister).state
    report = change(canister, source, mode, b"", **how)
    assert report.failure is not None
    assert (canister.checksum, runtime_of(canister).state) == before
    return report.failure.error_code, report.failure.message


def test_installing_over_code_is_refused(ic: Sandbox) -> None:
    canister = ic.install(plain(), b"")

    assert refused(canister, plain(2), "install") == (
        "IC0514",
        (
            f"Canister {canister.id} cannot be installed because the canister is not empty. "
            "Try installing with mode='reinstall' instead."
        ),
    )


def test_upgrading_an_empty_canister_is_refused(ic: Sandbox) -> None:
    canister = ic.create_canister()

    code, message = refused(canister, plain())

    assert code == "IC0537"
    assert message.startswith(
        f"Error from Canister {canister.id}: Attempted to execute a message, but the canister "
        "contains no Wasm module..\nPlease install code"
    )


@pytest.mark.parametrize(
    ("new", "persistence"), [(eop(2), None), (plain(2), None), (plain(2), Persistence.AUTO)]
)
def test_upgrading_enhanced_persistence_needs_the_option(
    ic: Sandbox, new: bytes, persistence: Persistence | None
) -> None:
    canister = ic.install(eop(), b"")

    assert refused(canister, new, persistence=persistence) == (
        "IC0504",
        (
            "Missing upgrade option: Enhanced orthogonal persistence requires the "
            "`wasm_memory_persistence` upgrade option."
        ),
    )


@pytest.mark.parametrize("old", [plain(), eop()], ids=["plain", "eop"])
def test_keeping_the_heap_needs_a_module_that_supports_it(ic: Sandbox, old: bytes) -> None:
    canister = ic.install(old, b"")

    assert refused(canister, plain(2), persistence=Persistence.KEEP) == (
        "IC0504",
        (
            "Invalid upgrade option: The `wasm_memory_persistence: opt Keep` upgrade option "
            "requires that the new canister module supports enhanced orthogonal persistence."
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "persistence", "keeps"),
    [
        (plain(1), plain(2), None, False),
        (plain(1), eop(2), None, False),
        (plain(1), eop(2), Persistence.KEEP, True),
        (plain(1), eop(2), Persistence.AUTO, False),
        (plain(1), plain(2), Persistence.AUTO, False),
        (eop(1), eop(2), Persistence.AUTO, True),
        (eop(1), eop(2), Persistence.REPLACE, False),
        (eop(1), plain(2), Persistence.REPLACE, False),
    ],
)  # fmt: skip
def test_when_an_upgrade_keeps_the_heap(
    ic: Sandbox, old: bytes, new: bytes, persistence: Persistence | None, keeps: bool
) -> None:
    canister = ic.install(old, u.heap_write(u.scratch(), b"remember"))

    report = change(canister, new, "upgrade", b"", persistence=persistence)

    assert report.failure is None
    assert seen(canister)["heap"] == (b"remember" if keeps else bytes(8))


def test_active_segments_are_not_applied_over_a_kept_heap(ic: Sandbox) -> None:
    module = (WAT / "eop_keeps_heap.wat").read_bytes()
    canister = ic.install(module)
    assert canister.query_raw("read") == b"segment\0"
    execute(canister, "grow")
    execute(canister, "overwrite")
    assert canister.query_raw("read") == b"xxxxxxx\1"

    canister.upgrade(module + b"\n;; the next version")

    assert canister.query_raw("read") == b"xxxxxxx\0"
    assert len(canister.heap) == 2 * PAGE


def test_keeping_the_heap_for_a_module_without_a_memory_is_refused(ic: Sandbox) -> None:
    canister = ic.install(eop(), u.heap_write(u.scratch(), b"remember"))
    without = b'(module (@custom "icp:private enhanced-orthogonal-persistence" ""))'

    code, message = refused(canister, without, persistence=Persistence.KEEP)

    assert code == "IC0505"
    assert "memory" in message
    assert seen(canister)["heap"] == b"remember"


def test_keeping_a_heap_larger_than_the_new_module_allows_is_refused(ic: Sandbox) -> None:
    canister = ic.install(eop(), b"")
    small = b'(module (@custom "icp:private enhanced-orthogonal-persistence" "") (memory 1 1))'

    code, _ = refused(canister, small, persistence=Persistence.KEEP)

    assert code == "IC0505"
    assert seen(canister)["heap"] == bytes(8)


# --- all or nothing

STAGES: Final = ("pre_upgrade", "post_upgrade", "init", "limit in pre_upgrade",
                 "limit in post_upgrade", "limit in init")  # fmt: skip


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("persistence", [None, Persistence.KEEP], ids=["replace", "keep"])
@pytest.mark.parametrize("memory", ["auto", "copying"])
def test_a_failing_stage_leaves_everything_as_before(
    stage: str, persistence: Persistence | None, memory: Any
) -> None:
    end = u.loop_forever() if stage.startswith("limit") else u.unreachable()
    limits = MAINNET.relaxed(install_instructions=10_000_000, compile_instructions=0)
    with open_sandbox(memory=memory, limits=limits) as ic:
        canister = ic.install(plain(1), fill(1))
        in_pre = fill(7) + (end if "pre" in stage else b"")
        execute(canister, "update", argument=u.on(Hook.PRE_UPGRADE, in_pre))
        before = seen(canister), canister.checksum, bytes(canister.heap)
        mode = "reinstall" if "init" in stage else "upgrade"
        script = fill(8) + u.evaluate(u.heap_grow(2)) + (b"" if "pre" in stage else end)
        how = {} if mode == "reinstall" else {"persistence": persistence}

        report = change(canister, eop(2), mode, script, **how)

        after = seen(canister), canister.checksum, bytes(canister.heap)
        assert report.failure is not None
        assert report.failure.error_code == ("IC0522" if "limit" in stage else "IC0502")
        log = after[0].pop("log")
        assert log[: len(before[0]["log"])] == before[0].pop("log")
        assert after == before


@pytest.mark.parametrize("memory", ["auto", "copying"])
def test_a_failing_start_function_leaves_everything_as_before(memory: Any) -> None:
    traps = (
        b"(module (memory 1) (global (mut i32) (i32.const 0)) (func $f (unreachable)) (start $f))"
    )
    with open_sandbox(memory=memory) as ic:
        canister = ic.install(plain(1), fill(1))
        before = canister.checksum

        report = change(canister, traps, "upgrade", b"")

        assert report.failure is not None
        assert "Canister trapped: unreachable" in report.failure.message
        assert canister.checksum == before
        assert seen(canister)["heap"] == b"\1" * 8


@pytest.mark.parametrize("mode", ["install", "reinstall", "upgrade"])
def test_a_segment_out_of_bounds_leaves_everything_as_before(ic: Sandbox, mode: str) -> None:
    bad = b"(module (memory 1) (table 1 funcref) (func $f) (elem (i32.const 1) $f))"
    canister = ic.create_canister() if mode == "install" else ic.install(plain(1), fill(1))

    code, message = refused(canister, bad, mode)

    assert code == "IC0505"
    assert "Canister's Wasm module is not valid" in message


def test_all_stages_share_one_instruction_budget() -> None:
    work = u.repeat(1000, b"")

    def upgraded(limit: int) -> InstallReport:
        limits = MAINNET.relaxed(install_instructions=limit, compile_instructions=0)
        with open_sandbox(limits=limits) as ic:
            canister = ic.install(plain(1), b"")
            execute(canister, "update", argument=u.on(Hook.PRE_UPGRADE, work))
            return change(canister, plain(2), "upgrade", work)  # type: ignore[no-any-return]  # by name

    plenty = upgraded(10**9)
    limit = plenty.instructions * 3 // 4
    scarce = upgraded(limit)

    assert plenty.failure is None
    assert [stage.name for stage in scarce.stages] == ["pre_upgrade", "post_upgrade"]
    assert scarce.failure is not None
    assert scarce.failure.error_code == "IC0522"
    assert f"the limit of {limit} instructions" in scarce.failure.message
    assert upgraded(plenty.instructions).failure is None


def test_compiling_is_charged_by_the_instructions_of_the_module(ic: Sandbox) -> None:
    # Six instructions with their ends, one global: eight, at 6,000 each.
    module = b"""(module (global (mut i32) (i32.const 0)) (memory 1)
      (func (export "canister_init") (drop (i32.add (i32.const 1) (i32.const 2))))
      (func (export "canister_update go")))"""
    canister = ic.create_canister()
    before = canister.status().cycles

    report = canister.install(module)

    assert [stage.name for stage in report.stages] == ["compile", "init"]
    assert report.stages[0].instructions == 48_000
    assert before - canister.status().cycles == 5_000_000 + report.instructions
    assert [it.name for it in canister.upgrade(module).stages] == ["compile"]


def test_compiling_takes_from_the_budget_of_the_hooks(ic: Sandbox) -> None:
    module = b'(module (func (export "canister_init")) (func (export "canister_post_upgrade")))'
    with open_sandbox(limits=MAINNET.relaxed(install_instructions=12_000)) as scarce:
        report = change(scarce.create_canister(), module, "install", b"")

    assert ic.install(module).status().module_hash is not None
    assert report.failure is not None
    assert (report.failure.error_code, report.instructions) == ("IC0522", 12_000)
    assert "exceeded the limit of 12000 instructions" in report.failure.message


def test_a_failed_install_leaves_an_empty_canister_with_its_log(ic: Sandbox) -> None:
    canister = ic.create_canister()

    report = change(canister, plain(), "install", u.debug_print(b"hello") + u.trap(b"no"))

    assert report.failure is not None
    assert canister.module_hash is None
    assert (len(canister.heap), len(canister.stable_memory)) == (0, 0)
    assert [record.text.split("\n")[0] for record in canister.logs] == ["hello", "[TRAP]: no"]


def test_many_failed_upgrades_do_not_pile_up_memory(ic: Sandbox) -> None:
    canister = ic.install(plain(1), b"")
    grow = u.evaluate(u.heap_grow(64)) + u.heap_fill(u.scratch(), 1, 65536)
    before = _memory_files()

    for _ in range(20):
        change(canister, plain(2), "upgrade", grow + u.unreachable())

    assert _memory_files() <= before + 2


def test_many_upgrades_do_not_pile_up_memory(ic: Sandbox) -> None:
    canister = ic.install(plain(1), b"")
    before = _memory_files()

    for version in range(20):
        change(canister, plain(version), "upgrade", b"")
        change(canister, plain(version), "reinstall", b"")

    assert _memory_files() <= before + 2


def _memory_files() -> int:
    """Count the memory files this process has open."""
    from pathlib import Path

    links = Path("/proc/self/fd")
    if not links.exists():
        pytest.skip("needs /proc")
    count = 0
    for link in links.iterdir():
        try:
            count += "memfd:" in str(link.readlink())
        except FileNotFoundError:  # the directory's own handle
            continue
    return count
