"""The ICRC ledger: what a real canister's messages cost, beside the portable memory.

Nobody here may pass the ledger on: CANISTER_SANDBOX_LEDGER names the folder that has its
``ledger_canister.wasm`` and ``ledger.did`` (see ``tests/sandbox/test_icrc_ledger.py``).
Design section 8.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.report import Row, best_us
from sandbox import Principal, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.handle import Canister

FOLDER = Path(os.environ.get("CANISTER_SANDBOX_LEDGER", ""))
WASM, DID = FOLDER / "ledger_canister.wasm", FOLDER / "ledger.did"
SENDER, RECEIVER = Principal(b"sender"), Principal(b"receiver")
TRANSFER: Final = "icrc1_transfer"


def rows() -> Iterator[Row]:
    """Measure the ledger; a note in its place where there is none."""
    if not (WASM.is_file() and DID.is_file()):
        note = "CANISTER_SANDBOX_LEDGER names no folder with ledger_canister.wasm and ledger.did"
        yield Row("ICRC ledger", "not measured", ratio=note)
        return
    with Sandbox() as ic, Sandbox(memory="copying") as portable:
        ledger = installed(ic)
        yield from _messages(ledger, installed(portable))
        yield from _whole(ledger)
        yield _profiled(ic, ledger)
    yield _again()


def _messages(ledger: Canister, copying: Canister) -> Iterator[Row]:
    argument = {"to": account(RECEIVER), "amount": 1}
    encoded = ledger.codec(TRANSFER).encode((argument,))
    # A row's variants take turns, so that all of them see the same machine.
    typed, raw, copied = _in_turn(
        partial(ledger.update, TRANSFER, argument, caller=SENDER),
        partial(ledger.update_raw, TRANSFER, encoded, caller=SENDER),
        partial(copying.update_raw, TRANSFER, encoded, caller=SENDER),
    )
    comparison = f"{1e6 / raw:,.0f} with encoded bytes, {1e6 / copied:,.0f} on portable memory"
    yield Row("ICRC ledger, transfers/s", f"{1e6 / typed:,.0f}", "≥ 1,300", comparison)
    balance = account(RECEIVER)
    (query,) = _in_turn(lambda: ledger.query("icrc1_balance_of", balance))
    yield Row("ICRC ledger, balance queries/s", f"{1e6 / query:,.0f}", "",
              f"{typed / query:.1f}× the transfers")  # fmt: skip


def _whole(ledger: Canister) -> Iterator[Row]:
    """An upgrade of everything, and the way back."""
    snapshot = ledger.take_snapshot()
    upgrade = best_us(lambda: ledger.upgrade(WASM, {"Upgrade": None}), repeat=1)

    def upgrade_and_load() -> None:
        ledger.upgrade(WASM, {"Upgrade": None})
        ledger.load_snapshot(snapshot)

    back = max(0.0, best_us(upgrade_and_load, repeat=1) - upgrade)
    yield Row("ICRC ledger, upgrade to itself", f"{upgrade / 1000:.1f} ms", "",
              f"loading the snapshot from before: {back / 1000:.1f} ms")  # fmt: skip


def _profiled(ic: Sandbox, ledger: Canister) -> Row:
    argument = {"to": account(RECEIVER), "amount": 1}
    transfer = partial(ledger.update, TRANSFER, argument, caller=SENDER)
    plain = best_us(transfer)
    with ic.profile():
        profiled = best_us(transfer)
    return Row("ICRC ledger, transfers/s while profiled", f"{1e6 / profiled:,.0f}", "",
               f"{profiled / plain:.1f}× the time without")  # fmt: skip


def _again() -> Row:
    """A new sandbox that finds the module's compiled code on the disk."""

    def install() -> None:
        with Sandbox() as ic:
            installed(ic)

    again = best_us(install, repeat=1)
    size = WASM.stat().st_size / 1e6
    return Row("ICRC ledger, a new sandbox from the compile cache", f"{again / 1000:.0f} ms",
               "≤ 100 ms", f"a module of {size:.1f} MB, its init included")  # fmt: skip


def _in_turn(*actions: Callable[[], object]) -> list[float]:
    """Return the best time of each in µs."""
    best = [float("inf")] * len(actions)
    for _ in range(5):
        best = [
            min(known, best_us(action, repeat=100, rounds=1))
            for known, action in zip(best, actions, strict=True)
        ]
    return best


def installed(ic: Sandbox) -> Canister:
    """Install the ledger."""
    return ic.install(WASM, init_argument(), did=DID)


def init_argument() -> dict[str, Any]:
    """Return what the ledger is installed with: all tokens are the sender's."""
    init: dict[str, Any] = {
        "token_name": "Benchmark",
        "token_symbol": "B",
        "minting_account": account(Principal(b"minter")),
        "initial_balances": [(account(SENDER), 10**12)],
        "transfer_fee": 10,
        "metadata": [],
        # More than will be made: archiving is another subject.
        "archive_options": {
            "num_blocks_to_archive": 1_000,
            "trigger_threshold": 10**6,
            "controller_id": Principal.anonymous(),
        },
        "feature_flags": {"icrc2": True},
    }
    return {"Init": init}


def account(owner: Principal) -> dict[str, Any]:
    """Return the account of a principal."""
    return {"owner": owner, "subaccount": None}
