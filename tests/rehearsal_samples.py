"""For each finding a canister pair that trips it and one that does not; the pages show them.

Modules are named as in ``wat/rehearsal``; ``demo:`` ones are the demo's Motoko canisters.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sandbox import Principal, Sandbox
from sandbox.demo.story import module as demo_module
from sandbox.limits import MAINNET, Limits
from sandbox.rehearsal import (
    Acceptance,
    Budget,
    Call,
    FromCanister,
    Growth,
    Migration,
    Plan,
    Rehearsal,
    Severity,
    rehearse,
)

if TYPE_CHECKING:
    from sandbox.engine import Compiler

WAT: Final = Path(__file__).parents[1] / "wat" / "rehearsal"
FAILURE, WARNING, NOTE = Severity.FAILURE, Severity.WARNING, Severity.NOTE


@dataclass(frozen=True, slots=True)
class Pair:
    """Two modules and the circumstances of the upgrade from one to the other.

    cycles: the canister's balance. is_stopped: it is stopped before the rehearsal.
    is_waiting: a call of its own is in flight then.
    """

    old: str
    new: str
    plan: Plan = field(default_factory=Plan)
    cycles: int = 100_000_000_000_000
    is_stopped: bool = False
    is_waiting: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """What trips a finding, how severe it is then, and what does not trip it."""

    code: str
    bad: Pair
    good: Pair
    severity: Severity


_CLEAN: Final = Pair("v1", "v2")


def _limited(**changes: int) -> Plan:
    return Plan(limits=MAINNET.relaxed(**changes))


def _forecasting(**changes: int) -> Plan:
    return Plan(growth=Growth((Call("fill"),)), limits=MAINNET.relaxed(**changes))


_TIGHT: Final = _limited(install_instructions=500_000)
_HALF: Final = _limited(install_instructions=2_500_000)
_PACKED: Final = _limited(install_instructions=5_000_000)
_STABLE: Final = _limited(install_stable_write_bytes=1_500_000)
_STABLE_TIGHT: Final = _limited(install_stable_write_bytes=500_000)
_INC: Final = Plan(traffic=(Call("inc"),))
_MIGRATED: Final = Plan(migrated=Migration(Call("migrated", expect="0x01")))
_GUARDED: Final = Plan(guarded=(Call("pay"),))
_RUNBOOK: Final = ("stop", "snapshot create", "install --mode upgrade", "start")


def _typing(*steps: str) -> Pair:
    return Pair("v1", "v2", Plan(runbook=steps))


def _expecting(answer: str) -> Pair:
    return Pair("v1", "v2", Plan(probes=(Call("get", expect=answer),)))


def _replying(answer: str) -> Pair:
    return Pair("v1", "v2", Plan(traffic=(Call("inc", expect=answer),)))


def _probing(instructions: int) -> Pair:
    return Pair("v1", "v2", Plan(probes=(Call("get", instructions=instructions),)))


def _growing(stable_growth: int) -> Pair:
    budget = Budget(stable_growth=stable_growth)
    return Pair("v1", "grows_in_post", Plan(budgets={"post_upgrade": budget}))


def _accepting(until: date) -> Pair:
    return Pair("v1", "v2", Plan(accept=(Acceptance("A03", "counts anew by law", until),)))


SAMPLES: Final = (
    Sample("S01", Pair("v1", "unknown_import"), _CLEAN, FAILURE),
    Sample("S01", Pair("saves_heap", "out_of_bounds"), _CLEAN, FAILURE),
    Sample("S02", Pair("did_v1", "did_breaking"), Pair("did_v1", "did_v2"), FAILURE),
    Sample("S02", Pair("v1", "no_get"), _CLEAN, FAILURE),
    Sample("S02", Pair("did_v1", "did_query"), Pair("did_v1", "did_v2"), WARNING),
    Sample("S03", Pair("did_v1", "did_null"), Pair("did_v1", "did_v2"), WARNING),
    Sample(
        "S04",
        Pair("demo:ledger_v1.classical", "demo:ledger_v2_bad.classical"),
        Pair("demo:ledger_v1.classical", "demo:ledger_v2_good.classical"),
        FAILURE,
    ),
    Sample(
        "S05", Pair("eop_v1", "eop_v2", Plan(persistence=None)), Pair("eop_v1", "eop_v2"), FAILURE
    ),
    Sample("S05", Pair("eop_v1", "eop_v2", Plan(persistence="replace")), Pair("v1", "v2"), FAILURE),
    Sample("S06", Pair("v1", "eop_v1"), Pair("eop_v1", "eop_v2"), WARNING),
    Sample("S07", Pair("v1", "v2", Plan(persistence="keep")), _CLEAN, FAILURE),
    Sample("S08", Pair("heartbeat", "v2"), Pair("heartbeat", "heartbeat"), WARNING),
    Sample("S08", Pair("saves_heap", "forgets_heap"), Pair("saves_heap", "saves_heap"), FAILURE),
    Sample("S09", Pair("did_v1", "v2"), Pair("did_v1", "did_v2"), WARNING),
    Sample("S09", Pair("did_v1", "did_private"), Pair("did_v1", "did_v2"), WARNING),
    Sample("S10", Pair("v1", "v1"), _CLEAN, WARNING),
    Sample(
        "S11",
        Pair("v1", "v2", Plan(mode="reinstall")),
        _CLEAN,
        FAILURE,
    ),
    Sample("S11", Pair("v1", "v2", Plan(mode="install")), _CLEAN, FAILURE),
    Sample("P01", Pair("trap_in_pre", "v2"), _CLEAN, FAILURE),
    Sample("P01", Pair("v1", "trap_in_pre"), Pair("v1", "trap_in_post"), FAILURE),
    Sample("P02", Pair("spin_in_pre", "v2", _TIGHT), Pair("spin_in_pre", "v2"), FAILURE),
    Sample("P02", Pair("spin_in_pre", "v2", _HALF), Pair("spin_in_pre", "v2"), WARNING),
    Sample(
        "P02",
        Pair("saves_one_by_one", "saves_one_by_one", _PACKED),
        Pair("saves_one_by_one", "saves_one_by_one"),
        WARNING,
    ),
    Sample("P02", Pair("v1", "spin_in_pre", _TIGHT), Pair("v1", "spin_in_pre"), FAILURE),
    Sample(
        "P02",
        Pair("reads_all_in_pre", "v2", _forecasting(install_instructions=22_000_000)),
        Pair("reads_all_in_pre", "v2", _forecasting()),
        WARNING,
    ),
    Sample("P03", Pair("grow_in_pre", "v2"), _CLEAN, WARNING),
    Sample("P04", Pair("write_in_pre", "v2", _STABLE_TIGHT), Pair("write_in_pre", "v2"), FAILURE),
    Sample("P04", Pair("write_in_pre", "v2", _STABLE), Pair("write_in_pre", "v2"), WARNING),
    Sample(
        "P04", Pair("write_in_pre", "wipes_in_post", _STABLE), Pair("v1", "v2", _STABLE), WARNING
    ),
    Sample("P05", Pair("v1", "v2", cycles=50_000_000_000), _CLEAN, FAILURE),
    Sample(
        "P06",
        Pair("calls_out", "v2", is_waiting=True),
        Pair("calls_out", "calls_out", is_waiting=True),
        FAILURE,
    ),
    Sample("P07", Pair("calls_out", "v2", is_waiting=True), Pair("calls_out", "v2"), WARNING),
    Sample(
        "P07", Pair("calls_out", "calls_out", _INC), Pair("calls_out_bounded", "v2", _INC), NOTE
    ),
    Sample("P08", Pair("v1", "adds_in_post"), _CLEAN, FAILURE),
    Sample("P08", Pair("v1", "adds_in_post"), Pair("tells_balance", "tells_balance"), FAILURE),
    Sample("P06", Pair("calls_out", "v2", _INC), Pair("v1", "v2", _INC), NOTE),
    Sample("P08", Pair("v1", "adds_in_heap", _INC), Pair("v1", "v2", _INC), FAILURE),
    Sample("P08", Pair("counts_upgrades", "counts_upgrades"), _CLEAN, WARNING),
    Sample("P09", Pair("saves_heap", "saves_heap"), _CLEAN, NOTE),
    Sample("Q01", Pair("v1", "needs_argument"), _CLEAN, NOTE),
    Sample("Q01", Pair("v1", "needs_argument", Plan(argument=b"")), _CLEAN, FAILURE),
    Sample(
        "Q02",
        Pair("v1", "stores_argument", Plan(argument="(5 : nat8)")),
        Pair("v1", "v2", Plan(argument="(5 : nat8)")),
        NOTE,
    ),
    Sample("Q03", Pair("v1", "trap_in_post"), _CLEAN, FAILURE),
    Sample("Q04", Pair("v1", "spin_in_post", _TIGHT), Pair("v1", "spin_in_post"), FAILURE),
    Sample("Q04", Pair("v1", "spin_in_post", _HALF), Pair("v1", "spin_in_post"), WARNING),
    Sample("Q05", Pair("v1", "inc_needs_init"), _CLEAN, FAILURE),
    Sample("Q05", Pair("v1", "inc_needs_init"), Pair("reads_all_in_pre", "v2"), FAILURE),
    Sample(
        "Q06",
        Pair("demo:ledger_v1.eop", "demo:ledger_v2_bad.eop"),
        Pair("demo:ledger_v1.eop", "demo:ledger_v1.eop"),
        FAILURE,
    ),
    Sample("Q08", Pair("v1", "calls_in_post"), Pair("v1", "calls_out"), FAILURE),
    Sample(
        "L01",
        Pair("demo:ledger_v1.classical", "demo:ledger_v2_bad.classical"),
        Pair("demo:ledger_v1.classical", "demo:ledger_v2_good.classical"),
        FAILURE,
    ),
    Sample(
        "L01",
        Pair("managed_full", "managed_emptied"),
        Pair("managed_full", "managed_v2"),
        FAILURE,
    ),
    Sample("L02", Pair("managed_v1", "managed_twice"), Pair("managed_v1", "managed_v2"), FAILURE),
    Sample(
        "Q07",
        Pair("cells_v1", "cells_v2_idle", _MIGRATED),
        Pair("cells_v1", "cells_v2", _MIGRATED),
        FAILURE,
    ),
    Sample(
        "Q07",
        Pair("cells_v1", "cells_v2_forgets", _MIGRATED),
        Pair("cells_v1", "cells_v2", _MIGRATED),
        FAILURE,
    ),
    Sample(
        "Q07",
        Pair("cells_v1", "cells_v2", replace(_MIGRATED, rollback=("downgrade",))),
        Pair("cells_v1", "cells_v2", _MIGRATED),
        FAILURE,
    ),
    Sample("L03", Pair("managed_v1", "managed_swapped"), Pair("managed_v1", "managed_v2"), FAILURE),
    Sample(
        "L03", Pair("managed_v1", "managed_swapped"), Pair("managed_v1", "managed_newer"), FAILURE
    ),
    Sample("L04", Pair("v1", "managed_takes_over"), Pair("managed_v1", "managed_v2"), FAILURE),
    Sample("L05", Pair("managed_v1", "managed_resized"), Pair("managed_v1", "managed_v2"), FAILURE),
    Sample("L06", Pair("v1", "grows_in_post"), _CLEAN, WARNING),
    Sample("L07", Pair("cell_v1", "cell_shorter"), Pair("cell_v1", "cell_wiped"), NOTE),
    Sample("A01", Pair("timer_v1", "v2"), Pair("timer_v1", "timer_v2"), FAILURE),
    Sample("A02", Pair("certified_v1", "v2"), Pair("certified_v1", "certified_v2"), WARNING),
    Sample("A02", Pair("certified_v1", "v2"), Pair("site_v1", "site_v1"), WARNING),
    Sample("A03", Pair("v1", "zeroes_in_post"), _CLEAN, FAILURE),
    Sample("A03", Pair("v1", "adds_in_post"), Pair("tells_balance", "tells_balance"), WARNING),
    Sample("A03", Pair("site_v1", "site_restyled"), Pair("site_v1", "site_v2"), WARNING),
    Sample("A03", Pair("site_v1", "site_gone"), Pair("site_v1", "site_v2"), FAILURE),
    Sample("A04", Pair("v1", "no_get"), _CLEAN, FAILURE),
    Sample("A05", Pair("v1", "slow_get"), _CLEAN, WARNING),
    Sample(
        "A07",
        Pair("salt_v1", "salt_anew", Plan(identities=(Call("salt"), Call("user")))),
        Pair("salt_v1", "salt_v2", Plan(identities=(Call("salt"), Call("user")))),
        FAILURE,
    ),
    Sample("A07", Pair("salt_v1", "salt_anew"), Pair("salt_v1", "salt_v2"), WARNING),
    Sample("A08", Pair("site_v1", "site_stale"), Pair("site_v1", "site_v2"), FAILURE),
    Sample(
        "A06",
        Pair("locks_v1", "locks_moved", _GUARDED),
        Pair("locks_v1", "locks_cleared", _GUARDED),
        FAILURE,
    ),
    Sample("R01", Pair("v1", "moves_in_post", Plan(rollback=("downgrade",))), _CLEAN, FAILURE),
    Sample("R01", Pair("v1", "moves_in_post"), _CLEAN, WARNING),
    Sample("R02", Pair("v1", "timer_v2"), _CLEAN, WARNING),
    Sample("R02", Pair("timer_v1", "v2"), Pair("timer_v1", "timer_v2"), WARNING),
    Sample("R03", Pair("calls_out", "v2", is_waiting=True), Pair("calls_out", "v2"), WARNING),
    Sample("R04", Pair("v1", "v2", _INC), _CLEAN, NOTE),
    Sample(
        "R04",
        Pair("v1", "v2", _INC),
        Pair("tells_balance", "tells_balance", Plan(traffic=(Call("inc"),), ignore=("inc",))),
        NOTE,
    ),
    Sample("R04", Pair("v1", "calls_out", _INC), Pair("v1", "calls_out"), WARNING),
    Sample("R05", Pair("v1", "v2", is_stopped=True), _CLEAN, WARNING),
    Sample("R05", _typing("stop", "install --mode upgrade"), _typing(*_RUNBOOK), FAILURE),
    Sample("R06", _typing("stop", "install --mode upgrade", "start"), _typing(*_RUNBOOK), WARNING),
    Sample("E01", _expecting("0x0800000000000000"), _expecting("0x0700000000000000"), FAILURE),
    Sample("E01", _replying("0x07"), _replying("0x"), FAILURE),
    Sample("E02", _probing(5), _probing(50_000), FAILURE),
    Sample("E02", _growing(65_535), _growing(65_536), FAILURE),
    Sample("E03", _accepting(date(2026, 1, 31)), _accepting(date(9999, 12, 31)), WARNING),
)


def module(name: str) -> Path | bytes:
    """Return a sample's module."""
    if name.startswith("demo:"):
        return demo_module(name.removeprefix("demo:"))
    return WAT / f"{name}.wat"


def rehearsed(pair: Pair, compiler: Compiler) -> Rehearsal:
    """Rehearse a pair in a sandbox of its own."""
    limits: Limits = pair.plan.limits
    with Sandbox(limits=limits, compiler=compiler) as ic:
        canister = ic.install(module(pair.old), cycles=200_000_000_000_000)
        runtime = ic.world.existing(canister.id)
        ic.world.bank.add(runtime, pair.cycles - runtime.state.cycles)
        if pair.old.startswith("demo:"):
            canister.update("award", "ada", 1_200, "for the compiler")
        if pair.is_waiting:
            ic.mock(Principal.anonymous()).rejects().delays(hours=1)
            canister.submit_raw("inc")
            ic.tick()
        if pair.is_stopped:
            canister.stop()
        return rehearse(FromCanister(ic, canister), module(pair.new), pair.plan)
