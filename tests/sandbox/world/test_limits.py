"""Profiles of limits: named, compared, relaxed, recorded."""

from __future__ import annotations

import json

import pytest

from calling_room import IDLE
from engine_room import compiler
from sandbox import Sandbox, UsageError
from sandbox.limits import GENEROUS, MAINNET, PROFILES, SYSTEM, Limits, profile


def test_profiles_are_found_with_and_without_their_version() -> None:
    assert profile("mainnet") is profile("mainnet-2026-08") is MAINNET
    assert profile("system") is SYSTEM


def test_an_unknown_profile_is_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="there is no profile 'devnet'; there are mainnet"):
        profile("devnet")


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_a_sandbox_takes_a_profile_by_name(name: str) -> None:
    with Sandbox(compiler=compiler(), limits=name) as ic:
        assert ic.limits is PROFILES[name]
        assert ic.install(IDLE).update_raw("go") == b""


def test_two_profiles_are_compared_limit_by_limit() -> None:
    assert MAINNET.differences(SYSTEM) == {
        "update_instructions": (40_000_000_000, 50_000_000_000),
        "query_instructions": (5_000_000_000, 50_000_000_000),
        "install_instructions": (300_000_000_000, 1_000_000_000_000),
    }
    assert MAINNET.differences(MAINNET) == {}


def test_a_relaxed_profile_says_what_was_relaxed() -> None:
    relaxed = MAINNET.relaxed(chunk_bytes=5).relaxed(update_instructions=80_000_000_000)

    assert str(MAINNET) == "mainnet 2026-08"
    assert str(relaxed) == "mainnet 2026-08 with update_instructions=80,000,000,000, chunk_bytes=5"
    assert relaxed.summary() == {
        "name": "mainnet",
        "version": "2026-08",
        "relaxed": {"update_instructions": 80_000_000_000, "chunk_bytes": 5},
    }
    assert str(relaxed.relaxed(update_instructions=40_000_000_000, chunk_bytes=1 << 20)) == str(
        MAINNET
    )


def test_a_profile_of_ones_own_is_described_by_what_the_mainnet_does_not_have() -> None:
    assert str(Limits(name="mine", version="1", chunk_bytes=5)) == "mine 1 with chunk_bytes=5"


def test_two_profiles_differ_in_what_was_relaxed() -> None:
    relaxed = MAINNET.relaxed(chunk_bytes=5, controllers=1)

    assert MAINNET.differences(relaxed) == {"chunk_bytes": (1 << 20, 5), "controllers": (10, 1)}


@pytest.mark.parametrize("changes", [{"chunks": 1}, {"chunk_bytes": -1}, {"chunk_bytes": True}])
def test_relaxing_what_is_no_limit_or_no_count_is_refused(changes: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="limit"):
        MAINNET.relaxed(**changes)


@pytest.mark.parametrize("limits", [MAINNET, GENEROUS, MAINNET.relaxed(chunk_bytes=5)])
def test_a_recorded_profile_is_read_back(limits: Limits) -> None:
    assert Limits.from_dict(json.loads(json.dumps(limits.as_dict()))) == limits


def test_a_record_with_an_unknown_limit_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no limit speed"):
        Limits.from_dict({"name": "x", "speed": 1})
