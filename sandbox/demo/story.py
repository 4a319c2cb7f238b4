"""An upgrade rehearsed, done all the same, and undone, on a Motoko ledger of points.

Nothing is staged: the canisters are compiled Motoko (sources beside them), every figure
comes from running them, and ``tell`` raises ``StoryBroken`` when anything does not come
out as the text claims.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import TYPE_CHECKING, Final, TypeVar

from sandbox.errors import CanisterRejected, SandboxError
from sandbox.rehearsal import Call, FromCanister, Plan, Severity, rehearse
from sandbox.rehearsal.report import as_html
from sandbox.rehearsal.report.text import fact_text
from sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from sandbox.handle import Canister
    from sandbox.rehearsal import Rehearsal
    from snapshot.record import Snapshot


_T = TypeVar("_T")
Bytes = tuple[bytes, bytes, dict[str, int | float]]
# Two members to ask for, and what may happen between an upgrade and its rollback.
_PLAN: Final = Plan(
    probes=(Call("balance_of", '("ada")'), Call("balance_of", '("grace")')),
    traffic=(Call("award", '("alan", 50, "for the machine")'),),
)


class StoryBroken(SandboxError):
    """The sandbox did not do what the story says: a defect, please report it."""


class Kind(StrEnum):
    """How a line is meant to be shown."""

    TITLE = "title"
    STEP = "step"
    FACT = "fact"
    BAD = "bad"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the story."""

    kind: Kind
    text: str


def tell(reports: Path) -> Iterator[Line]:
    """Run the story and yield it line by line. reports: where its two HTML reports go.

    Raises: StoryBroken, OSError.
    """
    with Sandbox() as ic:
        yield from _classical(ic, reports)
        yield from _enhanced(ic)
    yield Line(Kind.TITLE, "What you saw: real Wasm, real memory, no server, no network.")


def _classical(ic: Sandbox, reports: Path) -> Iterator[Line]:
    yield Line(Kind.TITLE, "1  A Motoko ledger with state worth keeping")
    ledger = ic.install(module("ledger_v1.classical"))
    yield Line(Kind.STEP, f"install ledger_v1 (Motoko, classical persistence) as {ledger.id}")
    ledger.update("award", "ada", 1200, "for the compiler")
    ledger.update("award", "grace", 300, "for the debugger")
    ledger.update("give", "ada", "grace", 200, "thanks")
    yield Line(Kind.FACT, f"balances: {_balances(ledger)}")
    yield from _failed_message(ledger)

    yield Line(Kind.TITLE, "2  Rehearse the upgrade before pressing the button")
    bad = yield from _rehearse(ic, ledger, "ledger_v2_bad", reports)
    _expect({"S04", "A03"} <= bad.codes, "the rehearsal was to notice the loss")

    yield Line(Kind.TITLE, "3  Press it all the same: a snapshot, and the upgrade that does harm")
    before_upgrade = _bytes_of(ledger)
    snapshot, took_us = _timed(lambda: ledger.take_snapshot(label="before v2"))
    yield from _describe(ledger, snapshot, took_us)
    ledger.upgrade(module("ledger_v2_bad.classical"))
    yield Line(Kind.STEP, "upgrade to ledger_v2_bad: the upgrade reports success")
    yield Line(Kind.BAD, f"balances: {_balances(ledger)}   <- gone, without any error")
    _expect(_balances(ledger) == "nobody has any points", "v2_bad was to lose the balances")

    yield Line(Kind.TITLE, "4  Roll back, and prove it")
    yield from _roll_back(ledger, snapshot, before_upgrade)

    yield Line(Kind.TITLE, "5  The same upgrade, done well")
    before = _balances(ledger)
    good = yield from _rehearse(ic, ledger, "ledger_v2_good", reports)
    _expect(good.is_ok, "the rehearsal of v2_good was to find nothing wrong")
    ledger.upgrade(module("ledger_v2_good.classical"))
    _expect(_balances(ledger) == before, "v2_good was to keep the balances")
    yield Line(Kind.GOOD, f"upgrade to ledger_v2_good (explicit migration): {_balances(ledger)}")


def _rehearse(
    ic: Sandbox, ledger: Canister, name: str, reports: Path
) -> Generator[Line, None, Rehearsal]:
    """Rehearse an upgrade of the ledger on its state, say what came out, write the report."""
    before = ledger.checksum
    start, target = FromCanister(ic, ledger), module(f"{name}.classical")
    outcome, took_us = _timed(lambda: rehearse(start, target, _PLAN))
    yield Line(Kind.STEP, f"rehearse the upgrade to {name}: {took_us / 1_000:.0f} ms")
    verdict, *ways_back = outcome.verdict.split("; ")
    yield Line(Kind.GOOD if outcome.is_ok else Kind.BAD, verdict)
    yield from (Line(Kind.FACT, way) for way in ways_back)
    for item in outcome.of(Severity.FAILURE):
        shown = "; ".join(map(fact_text, item.evidence[:2]))
        yield Line(Kind.FACT, f"{item.code} {item.title}: {shown}")
    same = sum(diff.is_same for diff in outcome.probes)
    yield Line(Kind.FACT, f"{same} of {len(outcome.probes)} queries answer as before the upgrade")
    report = reports / f"{name}.html"
    report.write_text(as_html(outcome, f"ledger_v1 to {name}"), "utf-8")
    yield Line(Kind.FACT, f"the whole report, for your browser: {report}")
    _expect(ledger.checksum == before, "the rehearsal left a trace")
    yield Line(Kind.GOOD, "the ledger itself is untouched, byte for byte")
    return outcome


def _failed_message(ledger: Canister) -> Iterator[Line]:
    before = ledger.checksum
    try:
        ledger.update("give", "grace", "ada", 1_000_000, "too generous")
    except CanisterRejected as error:
        yield Line(Kind.STEP, "a transfer that traps after it has written: " + error.error_code)
    else:
        raise StoryBroken("the transfer of a million points went through")
    yield Line(Kind.FACT, f"the canister's log says: {ledger.logs[-1].text.splitlines()[0]}")
    _expect(ledger.checksum == before, "the trapped message left a trace")
    yield Line(Kind.GOOD, "heap, stable memory and globals are the bytes they were")


def _describe(ledger: Canister, snapshot: Snapshot, took_us: float) -> Iterator[Line]:
    sizes = f"heap {len(ledger.heap):,} B, stable memory {len(ledger.stable_memory):,} B"
    yield Line(Kind.STEP, f"snapshot {snapshot.id} {snapshot.label!r} in {took_us:.0f} µs")
    yield Line(Kind.FACT, f"{sizes}, {len(ledger.globals)} mutable globals")
    yield Line(Kind.FACT, f"checksum {snapshot.checksum}")


def _roll_back(ledger: Canister, snapshot: Snapshot, bytes_before: Bytes) -> Iterator[Line]:
    after_upgrade = ledger.checksum
    _expect(after_upgrade != snapshot.checksum, "the upgrade was to change the state")
    _, took_us = _timed(lambda: ledger.load_snapshot(snapshot))
    yield Line(Kind.STEP, f"load the snapshot: {took_us:.0f} µs")
    yield Line(Kind.FACT, f"checksum after the upgrade  {after_upgrade}")
    yield Line(Kind.FACT, f"checksum of the snapshot    {snapshot.checksum}")
    yield Line(Kind.FACT, f"checksum of the canister    {ledger.checksum}")
    _expect(ledger.checksum == snapshot.checksum, "the rollback did not restore the state")
    _expect(_bytes_of(ledger) == bytes_before, "the rollback did not restore the bytes")
    heap, stable, globals_ = bytes_before
    compared = f"{len(heap):,} + {len(stable):,} bytes and {len(globals_)} globals compared"
    yield Line(Kind.GOOD, f"heap, stable memory and globals are the bytes they were ({compared})")
    yield Line(Kind.GOOD, f"balances: {_balances(ledger)}")


def _enhanced(ic: Sandbox) -> Iterator[Line]:
    yield Line(Kind.TITLE, "6  Enhanced orthogonal persistence: the bad upgrade is refused")
    ledger = ic.install(module("ledger_v1.eop"))
    ledger.update("award", "ada", 1200, "for the compiler")
    before = ledger.checksum
    try:
        ledger.upgrade(module("ledger_v2_bad.eop"))
    except CanisterRejected as error:
        reason = ledger.logs[-1].text.splitlines()[0].removeprefix("[TRAP]: ")
        yield Line(Kind.STEP, f"upgrade to ledger_v2_bad: {error.error_code}, {reason}")
    else:
        raise StoryBroken("the incompatible upgrade went through")
    _expect(ledger.checksum == before, "the refused upgrade left a trace")
    yield Line(Kind.GOOD, f"nothing has changed, byte for byte: {_balances(ledger)}")


def module(name: str) -> bytes:
    """Return a demo canister's module, gzipped as it is shipped."""
    return (resources.files("sandbox.demo") / "canisters" / f"{name}.wasm.gz").read_bytes()


def _bytes_of(ledger: Canister) -> Bytes:
    return bytes(ledger.heap), bytes(ledger.stable_memory), ledger.globals


def _balances(ledger: Canister) -> str:
    rows = sorted(ledger.query("balances"))
    if not rows:
        return "nobody has any points"
    return ", ".join(f"{name} {points:,}" for name, points in rows)


def _timed(action: Callable[[], _T]) -> tuple[_T, float]:
    start = time.perf_counter()
    result = action()
    return result, (time.perf_counter() - start) * 1e6


def _expect(is_so: object, otherwise: str) -> None:
    if not is_so:
        raise StoryBroken(otherwise)
