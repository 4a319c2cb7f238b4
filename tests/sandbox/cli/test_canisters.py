"""``list``, ``status``, ``logs``, ``start``, ``stop``, ``delete``, ``advance``, ``identity``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import Principal

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import CommandLine


def test_list_shows_every_canister(counter: CommandLine, counter_wat: str) -> None:
    counter("install", "other", counter_wat, "--argument", "(0)")

    header, *rows = counter("list").stdout.splitlines()

    assert header.split() == ["name", "id", "status", "module", "heap", "stable", "cycles"]
    assert [row.split()[0] for row in rows] == ["counter", "other"]
    assert [row["name"] for row in counter.json("list")] == ["counter", "other"]


def test_list_of_nothing_names_the_next_step_and_makes_nothing(run: CommandLine) -> None:
    assert "canister-sandbox install" in run("list").stdout
    assert run.json("list") == []
    assert not run.state.exists()


def test_status_shows_what_there_is(counter: CommandLine) -> None:
    shown = counter("status", "counter").stdout
    facts = counter.json("status", "counter")

    assert "running" in shown
    assert "inc: () -> (nat8)" in shown
    assert facts["controllers"] == [counter.json("identity")["principal"]]
    assert facts["heap"] == 65_536


def test_looking_changes_no_byte(counter: CommandLine) -> None:
    before = counter.files()

    for words in (["list"], ["status", "counter"], ["logs", "counter"],
                  ["snapshot", "list", "counter"], ["doctor"], ["identity"]):  # fmt: skip
        counter(*words)

    assert counter.files() == before


def test_a_stranger_may_look(run: CommandLine, counter_wat: str) -> None:
    run("install", "counter", counter_wat, "--argument", "(0)", "--as", "ada")

    assert run.json("status", "counter")["name"] == "counter"
    assert run.json("snapshot", "list", "counter") == []


def test_logs_come_with_index_and_time(counter: CommandLine) -> None:
    counter("call", "counter", "fail", code=1)

    assert counter("logs", "counter").stdout.startswith(
        "[0. 2025-01-01 00:00:00 UTC]: about to fail"
    )
    assert counter.json("logs", "counter")[0]["text"] == "about to fail"


def test_a_canister_stops_and_starts(counter: CommandLine) -> None:
    counter("stop", "counter")
    assert counter.json("status", "counter")["status"] == "stopped"

    counter("start", "counter")
    assert counter.json("status", "counter")["status"] == "running"


def test_a_running_canister_is_not_deleted_and_the_next_step_is_named(
    counter: CommandLine,
) -> None:
    result = counter("delete", "counter", "--yes", code=1)

    assert "IC0510" in result.stderr
    assert "Stop it with: canister-sandbox stop counter" in result.stderr
    assert len(counter.json("list")) == 1


def test_a_deleted_canister_is_gone_and_its_name_free(
    counter: CommandLine, counter_wat: str
) -> None:
    counter("stop", "counter")

    counter("delete", "counter", "--yes")

    assert counter.json("list") == []
    counter("install", "counter", counter_wat, "--argument", "(0)")


def test_advance_runs_the_timers_on_the_way_and_shows_what_they_print(
    counter: CommandLine,
) -> None:
    counter("call", "counter", "wake_in_an_hour")

    assert "the timer ran" not in counter("advance", "--minutes", "59").stderr
    result = counter("advance", "--minutes", "1", "--seconds", "1")

    assert "[log] counter: the timer ran" in result.stderr
    assert result.stdout == "it is now 2025-01-01 01:00:01 UTC\n"


def test_advance_adds_its_units_up(counter: CommandLine) -> None:
    before = counter.json("advance")["time"]

    after = counter.json("advance", "--days", "1", "--hours", "2", "--minutes", "0.5")["time"]

    assert after - before == (26 * 3600 + 30) * 10**9


@pytest.mark.parametrize("days", ["-1", "1000000"])
def test_time_goes_neither_back_nor_beyond_its_end(counter: CommandLine, days: str) -> None:
    before = counter.json("status", "counter")["time"]

    counter("advance", "--days", days, code=2)

    assert counter.json("status", "counter")["time"] == before


def test_an_identity_is_a_self_authenticating_principal(run: CommandLine) -> None:
    ada, bob = (Principal(run("identity", name).stdout.strip()) for name in ("ada", "bob"))

    assert ada != bob
    assert len(bytes(ada)) == 29
    assert not run.state.exists()


@pytest.mark.parametrize(
    ("who", "reason"),
    [("", "at least one character"), ("bnz7o-iuaaa-aaaab-qaaaa-cai", "checksum does not match")],
)
def test_who_is_nobody_is_refused_and_nothing_changes(
    counter: CommandLine, who: str, reason: str
) -> None:
    before = counter.files()

    for words in (("call", "counter", "inc", "--as", who), ("identity", who)):
        assert reason in counter(*words, code=2).stderr

    assert counter.files() == before


def test_a_canister_cannot_have_the_name_of_anothers_id(
    counter: CommandLine, counter_wat: str
) -> None:
    (first,) = counter.json("list")

    for name in ("", first["id"], "\x1b[31mred"):
        result = counter("install", name, counter_wat, "--argument", "(7)", code=2)
        assert "a canister cannot be named" in result.stderr
        assert "\x1b" not in result.stderr

    assert counter.json("list") == [first]
    assert counter.json("call", first["id"], "get") == 5


def test_the_id_of_a_canister_is_printed_alone(counter: CommandLine) -> None:
    shown = counter("id", "counter").stdout

    assert shown == f"{counter.json('status', 'counter')['id']}\n"


def test_what_is_uninstalled_keeps_its_cycles_and_snapshots(
    counter: CommandLine, counter_wat: str
) -> None:
    counter("snapshot", "take", "counter", "--label", "before")

    counter("uninstall", "counter", "--yes")

    failed = counter("call", "counter", "get", code=1)
    assert "canister-sandbox reinstall counter MODULE" in failed.stderr
    assert counter.json("status", "counter")["module"] == ""
    counter("snapshot", "load", "counter", "before")
    assert counter.json("call", "counter", "get") == 5


def test_uninstalling_asks_first(counter: CommandLine) -> None:
    counter("uninstall", "counter", code=2, stdin="n\n")

    assert counter.json("call", "counter", "get") == 5


@pytest.mark.parametrize(
    ("text", "amount"), [("5T", 5 * 10**12), ("1.5b", 15 * 10**8), ("1_000,000", 10**6), ("0", 0)]
)
def test_a_canister_gets_more_cycles(counter: CommandLine, text: str, amount: int) -> None:
    before = counter.json("status", "counter")["cycles"]

    shown = counter("top-up", "counter", text).stdout

    after = counter.json("status", "counter")["cycles"]
    assert shown == f"counter has {after:,} cycles\n"
    assert amount - 5_000_000 < after - before <= amount  # it pays for being told


@pytest.mark.parametrize(
    "text", ["-5", "T", "", "1.5", "0x5", "nan", "1e3", str(1 << 128), "9" * 99]
)
def test_what_is_no_amount_of_cycles_is_refused(counter: CommandLine, text: str) -> None:
    before = counter.files()

    assert "is no amount of cycles" in counter("top-up", "--", "counter", text, code=2).stderr

    assert counter.files() == before


def test_the_management_canister_can_be_called(counter: CommandLine, tmp_path: Path) -> None:
    settings = tmp_path / "settings.txt"
    id_ = counter("id", "counter").stdout.strip()
    settings.write_text(
        f'(record {{ canister_id = principal "{id_}"; '
        "settings = record { freezing_threshold = opt 77 } })"
    )

    words = ("call", "aaaaa-aa", "update_settings", "--argument-file", str(settings))
    refused = counter(*words, "--as", "stranger", code=1)
    done = counter(*words)

    assert "IC0512" in refused.stderr
    assert done.stdout == "()\n"
    asked = f'record {{ canister_id = principal "{id_}" }}'
    status = counter.json("call", "aaaaa-aa", "canister_status", asked)
    assert status["settings"]["freezing_threshold"] == 77


def test_a_misspelt_method_of_the_management_canister_names_the_near_one(
    counter: CommandLine,
) -> None:
    result = counter("call", "aaaaa-aa", "canister_statu", code=1)

    assert "Did you mean canister_status" in result.stderr
