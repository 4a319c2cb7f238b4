"""update_settings: each setting changes, shows, and is refused beyond its bounds."""

from __future__ import annotations

from typing import Any

import pytest

from calling_room import ALICE, IDLE, ask_management, caller
from engine_room import open_sandbox
from sandbox import CanisterRejected, Principal, Sandbox
from sandbox.limits import MAINNET

NUMBERS = {
    "compute_allocation": (1, 101, "ComputeAllocation expected to be in the range [0..100]"),
    "memory_allocation": (1 << 20, 1 << 64, "MemoryAllocation expected to be in the range"),
    "freezing_threshold": (60, 1 << 64, "Freezing threshold expected to be in the range"),
    "reserved_cycles_limit": (9, 1 << 128, "Reserved cycles limit expected to be in the range"),
    "minimum_incoming_canister_call_cycles": (5, 1 << 128, "Minimum incoming canister call"),
    "log_memory_limit": (1 << 20, 1 << 64, "Log memory limit expected to be in the range of"),
    "wasm_memory_limit": (1 << 30, (1 << 48) + 1, "Wasm memory limit expected to be in the range"),
    "wasm_memory_threshold": (9, (1 << 48) + 1, "Wasm memory threshold expected to be in"),
}
VISIBILITIES = ("log_visibility", "snapshot_visibility", "status_visibility")


def settings_of(ic: Sandbox, canister: Any) -> Any:
    return ic.management.canister_status(canister_id=canister.id).settings


def update(ic: Sandbox, canister: Any, **settings: Any) -> None:
    ic.management.update_settings(canister_id=canister.id, settings=settings)


@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_a_number_changes_and_nothing_else_does(ic: Sandbox, name: str) -> None:
    canister = ic.create_canister()
    before = settings_of(ic, canister)

    update(ic, canister, **{name: NUMBERS[name][0]})

    assert settings_of(ic, canister) == {**before, name: NUMBERS[name][0]}


@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_a_number_out_of_range_changes_nothing(ic: Sandbox, name: str) -> None:
    canister = ic.create_canister()
    _, too_much, text = NUMBERS[name]
    before = canister.status()

    with pytest.raises(CanisterRejected) as caught:
        update(ic, canister, **{name: too_much, "controllers": [ALICE]})

    assert caught.value.error_code == "IC0504"
    assert caught.value.message.startswith(text)
    assert (canister.status().settings, canister.status().version) == (
        before.settings,
        before.version,
    )


@pytest.mark.parametrize(
    ("limit_bytes", "text"),
    [
        (4095, "The canister log memory limit 4095 is too low. It must be at least 4096."),
        (
            (2 << 20) + 1,
            "The canister log memory limit 2097153 is too high. It must be at most 2097152.",
        ),
    ],
)
def test_a_log_is_a_page_at_least_and_two_mib_at_most(
    ic: Sandbox, limit_bytes: int, text: str
) -> None:
    canister = ic.create_canister()
    before = settings_of(ic, canister)

    with pytest.raises(CanisterRejected) as caught:
        update(ic, canister, log_memory_limit=limit_bytes)

    assert (caught.value.error_code, caught.value.message) == ("IC0406", text)
    assert settings_of(ic, canister) == before


def test_no_setting_is_missing_in_the_status(ic: Sandbox) -> None:
    shown = settings_of(ic, ic.create_canister())

    assert shown.log_memory_limit == 4096
    assert set(shown) == {"controllers", "environment_variables", *NUMBERS, *VISIBILITIES}


@pytest.mark.parametrize("name", VISIBILITIES)
@pytest.mark.parametrize(
    "viewers", [{"public": None}, {"controllers": None}, {"allowed_viewers": [ALICE]}]
)
def test_a_visibility_changes(ic: Sandbox, name: str, viewers: dict[str, Any]) -> None:
    canister = ic.create_canister()

    update(ic, canister, **{name: viewers})

    assert settings_of(ic, canister)[name] == viewers


def test_new_controllers_raise_the_version_and_enter_the_history(ic: Sandbox) -> None:
    canister, asking = ic.create_canister(), caller(ic)

    update(ic, canister, controllers=[ALICE, ic.identity])
    update(ic, canister, freezing_threshold=1)

    info = ask_management(
        asking, "canister_info", {"canister_id": canister.id, "num_requested_changes": 20}
    )
    assert canister.status().version == 2
    assert info.controllers == [ALICE, ic.identity]
    assert info.total_num_changes == 2
    assert info.recent_changes[-1].details == {
        "controllers_change": {"controllers": [ALICE, ic.identity]}
    }
    assert info.recent_changes[-1].canister_version == 1
    assert info.recent_changes[-1].origin == {"from_user": {"user_id": ic.identity}}


def test_controllers_are_a_set_in_the_replicas_order(ic: Sandbox) -> None:
    # Shorter ones first, then by their bytes: the replica's Principal begins with its length.
    short, long, longest = (Principal(raw) for raw in (b"\xff", b"\0\1", b"\0\2"))
    canister, asking = ic.create_canister(controllers=[longest, short, ic.identity]), caller(ic)

    update(ic, canister, controllers=[ic.identity, longest, short, longest, long])

    wanted = [short, long, longest, ic.identity]
    info = ask_management(
        asking, "canister_info", {"canister_id": canister.id, "num_requested_changes": 2}
    )
    assert settings_of(ic, canister).controllers == info.controllers == wanted
    listed = [change.details.value["controllers"] for change in info.recent_changes]
    assert listed == [[short, longest, ic.identity], wanted]


def test_controllers_that_are_given_again_enter_the_history_again(ic: Sandbox) -> None:
    canister = ic.create_canister()

    for _ in range(3):
        update(ic, canister, controllers=[ic.identity])
    update(ic, canister, environment_variables=[{"name": "a", "value": "b"}])

    assert canister.runtime.state.total_changes == 4  # and the creation


@pytest.mark.parametrize("name", VISIBILITIES)
def test_only_so_many_viewers_are_allowed(name: str) -> None:
    viewers = [Principal(bytes([number])) for number in range(4)]
    with open_sandbox(limits=MAINNET.relaxed(allowed_viewers=3)) as ic:
        canister = ic.install(IDLE)
        update(ic, canister, **{name: {"allowed_viewers": viewers[:3]}})
        before = settings_of(ic, canister)

        with pytest.raises(CanisterRejected, match="exceeds maximum allowed 3"):
            update(ic, canister, **{name: {"allowed_viewers": viewers}})

        assert settings_of(ic, canister) == before


def test_more_than_ten_controllers_are_refused(ic: Sandbox) -> None:
    canister = ic.create_canister()

    with pytest.raises(CanisterRejected, match="exceeds maximum allowed 10"):
        update(ic, canister, controllers=[Principal(bytes([number])) for number in range(11)])

    assert canister.status().controllers == (ic.identity,)


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ([("a" * 129, "")], "exceeds the maximum allowed length of 128"),
        ([("a", "b" * 129)], "exceeds the maximum allowed length of 128"),
        ([("a", "1"), ("a", "2")], "Duplicate environment variable"),
        ([(str(number), "") for number in range(21)], "Too many environment variables: 21"),
    ],
)
def test_environment_variables_have_bounds(
    ic: Sandbox, variables: list[tuple[str, str]], text: str
) -> None:
    canister = ic.create_canister()

    with pytest.raises(CanisterRejected, match=text) as caught:
        update(
            ic,
            canister,
            environment_variables=[{"name": name, "value": value} for name, value in variables],
        )

    assert caught.value.error_code == "IC0408"
    assert settings_of(ic, canister).environment_variables == []


def test_environment_variables_reach_the_canister(ic: Sandbox) -> None:
    canister = ic.install(IDLE)

    update(ic, canister, environment_variables=[{"name": "KEY", "value": "x"}])

    assert canister.status().settings.environment == {"KEY": "x"}


def test_an_allocation_that_would_freeze_the_canister_is_refused(ic: Sandbox) -> None:
    canister = ic.create_canister(cycles=10**12)

    with pytest.raises(CanisterRejected) as caught:
        update(ic, canister, compute_allocation=50)

    assert caught.value.error_code == "IC0530"
    assert "Cannot increase compute allocation to 50% due to insufficient cycles" in (
        caught.value.message
    )
    assert settings_of(ic, canister).compute_allocation == 0


def test_calls_with_too_few_cycles_are_rejected_and_refunded(ic: Sandbox) -> None:
    from calling_room import Rejected, ask

    asking, canister = caller(ic), ic.install(IDLE)
    update(ic, canister, minimum_incoming_canister_call_cycles=1000)

    refused = ask(asking, canister.id, "go", cycles=999)
    let_in = ask(asking, canister.id, "go", cycles=1000)

    assert isinstance(refused, Rejected)
    assert refused.code == 5
    assert let_in == b""
