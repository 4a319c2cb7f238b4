"""Canister settings of a project: amounts with units, who may see, variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import UsageError
from sandbox.principal import Principal
from sandbox.projects.settings import Setting
from sandbox.projects.wanted import wanted_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        ("compute_allocation", 5, 5),
        ("compute_allocation", "5", 5),
        ("memory_allocation", 4096, 4096),
        ("memory_allocation", "4KB", 4_000),
        ("memory_allocation", "2 MiB", 2 << 20),
        ("wasm_memory_limit", "2.5gib", 5 << 29),
        ("wasm_memory_threshold", "512mib", 512 << 20),
        ("log_memory_limit", "2mib", 2 << 20),
        ("freezing_threshold", 0, 0),
        ("freezing_threshold", "90d", 90 * 86_400),
        ("freezing_threshold", "2_592_000", 2_592_000),
        ("freezing_threshold", "15days 2min 2s", 1_296_122),
        ("freezing_threshold", "1h30m", 5_400),
        ("reserved_cycles_limit", "1.5t", 1_500_000_000_000),
        ("reserved_cycles_limit", "500_000", 500_000),
        ("log_visibility", "public", {"public": None}),
        ("status_visibility", "controllers", {"controllers": None}),
        (
            "log_visibility",
            {"allowed_viewers": ["aaaaa-aa"]},
            {"allowed_viewers": [Principal("aaaaa-aa")]},
        ),
        ("environment_variables", {"A": "x", "B": ""}, [("A", "x"), ("B", "")]),
        ("environment_variables", {"KEY": {"path": "key"}}, [("KEY", "secret")]),
    ],
)
def test_a_setting_is_read(tmp_path: Path, name: str, given: object, meant: Any) -> None:
    (tmp_path / "key").write_text(" secret\n")
    if name == "environment_variables":
        meant = [{"name": key, "value": value} for key, value in meant]

    assert wanted_settings(Setting({name: given}, "icp.yaml:"), tmp_path) == {name: meant}


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("compute_allocation", "5%"),
        ("compute_allocation", -1),
        ("compute_allocation", True),
        ("memory_allocation", "4 parsecs"),
        ("memory_allocation", "1gib 2kib"),
        ("memory_allocation", ""),
        ("memory_allocation", 1.5),
        ("freezing_threshold", "1M"),  # a month for dfx, and no minute
        ("freezing_threshold", "soon"),
        ("freezing_threshold", "1d, 2h"),
        ("reserved_cycles_limit", "t"),
        ("log_visibility", "everybody"),
        ("log_visibility", {"allowed_viewers": ["somebody"]}),
        ("environment_variables", ["A"]),
        ("environment_variables", {"A": 1}),
        ("environment_variables", {"A": {"path": "nowhere"}}),
    ],
)
def test_what_cannot_be_understood_is_told_by_place(
    tmp_path: Path, name: str, given: object
) -> None:
    with pytest.raises(UsageError, match=rf"icp.yaml: {name}"):
        wanted_settings(Setting({name: given}, "icp.yaml:"), tmp_path)


def test_what_is_not_given_or_not_ours_stays_as_it_is(tmp_path: Path) -> None:
    given = {"compute_allocation": None, "something_newer": 5}

    assert wanted_settings(Setting(given, "icp.yaml:"), tmp_path) == {}
    assert wanted_settings(Setting(None, "icp.yaml:"), tmp_path) == {}
