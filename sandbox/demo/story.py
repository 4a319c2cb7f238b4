"""A failed upgrade and the way back, told on a Motoko ledger of a community's points.

Nothing is staged: the canisters are compiled Motoko (sources beside them), every figure
comes from running them, and ``tell`` raises ``StoryBroken`` when anything does not come
out as the text claims.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import TYPE_CHECKING, TypeVar

from sandbox.errors import CanisterRejected, SandboxError
from sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.handle import Canister
    from snapshot.record import Snapshot


_T = TypeVar("_T")
Bytes = tuple[bytes, bytes, dict[str, int | float]]


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


def tell() -> Iterator[Line]:
    """Run the story and yield it line by line. Raises: StoryBroken."""
    with Sandbox() as ic:
        yield from _classical(ic)
        yield from _enhanced(ic)
    yield Line(Kind.TITLE, "What you saw: real Wasm, real memory, no server, no network.")


def _classical(ic: Sandbox) -> Iterator[Line]:
    yield Line(Kind.TITLE, "1  A Motoko ledger with state worth keeping")
    ledger = ic.install(module("ledger_v1.classical"))
    yield Line(Kind.STEP, f"install ledger_v1 (Motoko, classical persistence) as {ledger.id}")
    ledger.update("award", "ada", 1200, "for the compiler")
    ledger.update("award", "grace", 300, "for the debugger")
    ledger.update("give", "ada", "grace", 200, "thanks")
    yield Line(Kind.FACT, f"balances: {_balances(ledger)}")
    yield from _failed_message(ledger)

    yield Line(Kind.TITLE, "2  Take a snapshot, then upgrade to a version that breaks the data")
    before_upgrade = _bytes_of(ledger)
    snapshot, took_us = _timed(lambda: ledger.take_snapshot(label="before v2"))
    yield from _describe(ledger, snapshot, took_us)
    ledger.upgrade(module("ledger_v2_bad.classical"))
    yield Line(Kind.STEP, "upgrade to ledger_v2_bad: the upgrade reports success")
    yield Line(Kind.BAD, f"balances: {_balances(ledger)}   <- gone, without any error")
    _expect(_balances(ledger) == "nobody has any points", "v2_bad was to lose the balances")

    yield Line(Kind.TITLE, "3  Roll back, and prove it")
    yield from _roll_back(ledger, snapshot, before_upgrade)

    yield Line(Kind.TITLE, "4  The same upgrade, done well")
    before = _balances(ledger)
    ledger.upgrade(module("ledger_v2_good.classical"))
    _expect(_balances(ledger) == before, "v2_good was to keep the balances")
    yield Line(Kind.GOOD, f"upgrade to ledger_v2_good (explicit migration): {_balances(ledger)}")


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
    yield Line(Kind.TITLE, "5  Enhanced orthogonal persistence: the bad upgrade is refused")
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
