"""A whole rehearsal of the ICRC ledger's upgrade, as somebody waits for it.

The ledger is the one of ``bench_ledger``. Issue 7: 10,000 transfers of state, report included.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from benchmarks.bench_ledger import DID, RECEIVER, SENDER, TRANSFER, WASM, account, installed
from benchmarks.report import Row, best_us
from sandbox import Sandbox
from sandbox.rehearsal import Call, FromCanister, FromDirectory, Plan, rehearse
from sandbox.rehearsal.report import as_html

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.handle import Canister
    from sandbox.rehearsal.plan import Start

_TRANSFERS: Final = 10_000


def rows() -> Iterator[Row]:
    """Measure from the running canister, and from a directory as dfx writes it."""
    if not (WASM.is_file() and DID.is_file()):
        return
    with Sandbox() as ic, TemporaryDirectory() as folder:
        ledger = installed(ic)
        argument = {"to": account(RECEIVER), "amount": 1}
        transfer = ledger.codec(TRANSFER).encode((argument,))
        started = time.perf_counter()
        for _ in range(_TRANSFERS):
            ledger.update_raw(TRANSFER, transfer, caller=SENDER)
        state_s = time.perf_counter() - started
        ic.snapshots.download(ledger.take_snapshot(), folder)
        here = _rehearsed_s(FromCanister(ic, ledger), transfer)
        directory = _rehearsed_s(FromDirectory(Path(folder), ledger.id), transfer)
        alone = best_us(partial(_upgraded, ledger), repeat=1) / 1e6
    yield Row(
        f"ICRC ledger, upgrade rehearsed after {_TRANSFERS:,} transfers, with its HTML report",
        f"{here:.2f} s", "≤ 5 s",
        f"from a snapshot directory {directory:.2f} s; {here / alone:.0f} × the upgrade alone; "
        f"the transfers took {state_s:.1f} s",
    )  # fmt: skip


def _rehearsed_s(start: Start, transfer: bytes) -> float:
    plan = Plan(
        argument="(variant { Upgrade })",
        did=DID.read_text("utf-8"),
        traffic=(Call(TRANSFER, transfer, SENDER),),
    )

    def rehearsed() -> None:
        assert as_html(rehearse(start, WASM, plan))

    return best_us(rehearsed, repeat=1, rounds=3) / 1e6


def _upgraded(ledger: Canister) -> None:
    ledger.upgrade(WASM, {"Upgrade": None})
