"""The ICRC ledger of dfinity/pocketic-py: a real canister, from install to archive.

Nobody here may pass it on, so it is not in the checkout. To run these tests, put
``ledger_canister.wasm`` and ``ledger.did`` from that repository's
``examples/ledger_canister`` into a folder and name it in CANISTER_SANDBOX_LEDGER.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import CanisterTrapped, Principal, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.handle import Canister

    Ledger = Callable[..., Canister]

FOLDER = Path(os.environ.get("CANISTER_SANDBOX_LEDGER", ""))
WASM, DID = FOLDER / "ledger_canister.wasm", FOLDER / "ledger.did"
pytestmark = pytest.mark.skipif(
    not (WASM.is_file() and DID.is_file()),
    reason="CANISTER_SANDBOX_LEDGER names no folder with ledger_canister.wasm and ledger.did",
)

ALICE, BOB, MINTER = Principal(b"alice"), Principal(b"bob"), Principal(b"minter")
FEE = 10
UPGRADE = {"Upgrade": None}


def account(owner: Principal) -> dict[str, Any]:
    return {"owner": owner, "subaccount": None}


@pytest.fixture
def ledger(ic: Sandbox) -> Ledger:
    """Install a ledger in which Alice has 1,000,000; options: of archiving."""

    def install(**archiving: object) -> Canister:
        archive_options = {
            "num_blocks_to_archive": 1_000,
            "trigger_threshold": 2_000,
            "controller_id": Principal.anonymous(),
        }
        init = {
            "token_name": "Test token",
            "token_symbol": "TEST",
            "minting_account": account(MINTER),
            "initial_balances": [(account(ALICE), 1_000_000)],
            "transfer_fee": FEE,
            "metadata": [],
            "archive_options": archive_options | archiving,
            "feature_flags": {"icrc2": True},
        }
        return ic.install(WASM, {"Init": init}, did=DID)

    return install


def transfer(ledger: Canister, sender: Principal, to: Principal, amount: int) -> Any:
    argument = {"to": account(to), "amount": amount}
    return ledger.update("icrc1_transfer", argument, caller=sender)


def balances(ledger: Canister) -> tuple[int, int]:
    alice, bob = (ledger.query("icrc1_balance_of", account(who)) for who in (ALICE, BOB))
    return alice, bob


def test_it_answers_with_what_it_was_installed_with(ledger: Ledger) -> None:
    token = ledger()

    assert token.icrc1_name() == "Test token"
    assert token.icrc1_fee() == FEE
    assert balances(token) == (1_000_000, 0)


def test_a_transfer_moves_the_amount_and_burns_the_fee(ledger: Ledger) -> None:
    token = ledger()

    assert transfer(token, ALICE, BOB, 500) == {"Ok": 1}

    assert balances(token) == (1_000_000 - 500 - FEE, 500)
    assert token.icrc1_total_supply() == 1_000_000 - FEE


def test_the_minting_account_makes_tokens_and_takes_them_back(ledger: Ledger) -> None:
    token = ledger()

    assert transfer(token, MINTER, BOB, 7_000) == {"Ok": 1}
    assert transfer(token, BOB, MINTER, 3_000) == {"Ok": 2}

    assert balances(token) == (1_000_000, 4_000)
    assert token.icrc1_total_supply() == 1_004_000


def test_a_transfer_of_too_much_is_refused_and_the_books_stay_as_they_were(
    ledger: Ledger,
) -> None:
    token = ledger()
    whole_chain = {"start": 0, "length": 10}
    before = token.get_transactions(whole_chain)

    answer = transfer(token, BOB, ALICE, 5)

    assert answer == {"Err": {"InsufficientFunds": {"balance": 0}}}
    assert token.get_transactions(whole_chain) == before
    assert balances(token) == (1_000_000, 0)
    assert token.icrc1_total_supply() == 1_000_000


def test_a_call_that_traps_leaves_every_byte_as_it_was(ledger: Ledger) -> None:
    token = ledger()
    transfer(token, ALICE, BOB, 500)
    before = token.checksum

    with pytest.raises(CanisterTrapped):
        token.update_raw("icrc1_transfer", b"DIDL\x00\x00", caller=ALICE)

    assert token.checksum == before
    assert balances(token) == (1_000_000 - 500 - FEE, 500)


def test_an_approved_spender_spends_up_to_the_allowance(ledger: Ledger) -> None:
    token = ledger()
    pair = {"account": account(ALICE), "spender": account(BOB)}
    take = {"from": account(ALICE), "to": account(BOB), "amount": 600}

    token.icrc2_approve({"spender": account(BOB), "amount": 1_000}, caller=ALICE)
    token.icrc2_transfer_from(take, caller=BOB)
    refused = token.icrc2_transfer_from(take, caller=BOB)

    assert refused == {"Err": {"InsufficientAllowance": {"allowance": 1_000 - 600 - FEE}}}
    assert token.icrc2_allowance(pair)["allowance"] == 1_000 - 600 - FEE
    assert balances(token) == (1_000_000 - 600 - 2 * FEE, 600)


def test_an_allowance_expires_as_time_passes(ic: Sandbox, ledger: Ledger) -> None:
    token = ledger()
    approval = {
        "spender": account(BOB),
        "amount": 1_000,
        "expires_at": ic.time_ns + 3_600_000_000_000,
    }
    token.icrc2_approve(approval, caller=ALICE)

    ic.advance(hours=2)

    pair = {"account": account(ALICE), "spender": account(BOB)}
    assert token.icrc2_allowance(pair) == {"allowance": 0, "expires_at": None}


def test_an_upgrade_keeps_balances_and_allowances(ledger: Ledger) -> None:
    token = ledger()
    transfer(token, ALICE, BOB, 500)
    token.icrc2_approve({"spender": account(BOB), "amount": 1_000}, caller=ALICE)
    before = balances(token)

    token.upgrade(WASM, UPGRADE)

    pair = {"account": account(ALICE), "spender": account(BOB)}
    assert balances(token) == before
    assert token.icrc2_allowance(pair)["allowance"] == 1_000
    assert transfer(token, ALICE, BOB, 1) == {"Ok": 3}


def test_a_failed_upgrade_leaves_every_byte_as_it_was(ledger: Ledger) -> None:
    token = ledger()
    transfer(token, ALICE, BOB, 500)
    before = token.checksum

    with pytest.raises(CanisterTrapped):
        token.upgrade(WASM, b"not Candid")

    assert token.checksum == before
    assert transfer(token, ALICE, BOB, 1) == {"Ok": 2}


def test_a_snapshot_brings_the_ledger_back_across_an_upgrade(ledger: Ledger) -> None:
    token = ledger()
    transfer(token, ALICE, BOB, 500)
    snapshot = token.take_snapshot()
    token.upgrade(WASM, UPGRADE)
    transfer(token, ALICE, BOB, 9_000)

    token.load_snapshot(snapshot)

    assert token.checksum == snapshot.checksum
    assert balances(token) == (1_000_000 - 500 - FEE, 500)


def test_the_same_transfer_twice_is_a_duplicate_within_a_day(ic: Sandbox, ledger: Ledger) -> None:
    token = ledger()
    argument = {"to": account(BOB), "amount": 5, "created_at_time": ic.time_ns}
    token.icrc1_transfer(argument, caller=ALICE)

    again = token.icrc1_transfer(argument, caller=ALICE)
    ic.advance(days=2)
    late = token.icrc1_transfer(argument, caller=ALICE)

    assert again == {"Err": {"Duplicate": {"duplicate_of": 1}}}
    assert late == {"Err": {"TooOld": None}}
    assert balances(token) == (1_000_000 - 5 - FEE, 5)


@pytest.mark.slow
def test_old_blocks_move_to_an_archive_that_the_ledger_creates(ic: Sandbox, ledger: Ledger) -> None:
    token = ledger(
        trigger_threshold=20, num_blocks_to_archive=10, cycles_for_archive_creation=10**13
    )

    for _ in range(30):
        transfer(token, ALICE, BOB, 1)

    blocks = token.get_transactions({"start": 0, "length": 31})
    (archived,) = blocks["archived_transactions"]
    assert (archived["start"], archived["length"]) == (0, blocks["first_index"])
    archive = ic.canister(archived["callback"].principal)
    asked = {"start": 0, "length": archived["length"]}
    moved = archive.query(archived["callback"].method, asked)
    assert len(moved["transactions"]) == archived["length"]
    assert len(moved["transactions"]) + len(blocks["transactions"]) == 31
    assert balances(token) == (1_000_000 - 30 * (1 + FEE), 30)
