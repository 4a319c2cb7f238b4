"""``snapshot``: taking, naming, loading, cloning, deleting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from command_line import CommandLine


@pytest.fixture
def saved(counter: CommandLine) -> CommandLine:
    """A counter at 6 with snapshots `before` (0, at 5) and `after` (1, at 6)."""
    counter("snapshot", "take", "counter", "--label", "before")
    counter("call", "counter", "inc")
    counter("snapshot", "take", "counter", "--label", "after")
    return counter


def ids(run: CommandLine) -> list[str]:
    return [row["id"] for row in run.json("snapshot", "list", "counter")]


def test_taking_says_number_id_size_and_label(counter: CommandLine) -> None:
    shown = counter("snapshot", "take", "counter", "--label", "before").stdout

    assert shown.split() == ["0", ids(counter)[0], *shown.split()[2:4], "before"]


def test_taking_says_the_record_to_machines(counter: CommandLine) -> None:
    record = counter.json("snapshot", "take", "counter", "--label", "before")

    assert record == counter.json("snapshot", "list", "counter")[0]
    assert set(record) == {"id", "taken_on", "label", "total_size", "checksum"}


@pytest.mark.parametrize(("name", "value"), [("before", 5), ("0", 5), ("after", 6), ("1", 6)])
def test_a_snapshot_is_named_by_label_or_number(saved: CommandLine, name: str, value: int) -> None:
    saved("call", "counter", "inc")

    saved("snapshot", "load", "counter", name)

    assert saved.json("call", "counter", "get") == value


def test_a_snapshot_is_named_by_its_id_or_the_start_of_it(saved: CommandLine) -> None:
    first, second = ids(saved)

    assert saved.json("snapshot", "show", "counter", second.upper())["label"] == "after"
    assert saved.json("snapshot", "show", "counter", first[:16])["label"] == "before"


def test_a_number_that_is_gone_means_no_other_snapshot(saved: CommandLine) -> None:
    saved("snapshot", "delete", "counter", "0", "--yes")

    for command in (["load"], ["show"], ["delete", "--yes"]):
        result = saved("snapshot", *command, "counter", "0", code=2)
        assert "there is no snapshot '0'" in result.stderr
    assert saved.json("snapshot", "show", "counter", "0000")["label"] == "after"


@pytest.mark.parametrize("label", ["now", "1"])
def test_a_label_that_means_something_else_is_refused(counter: CommandLine, label: str) -> None:
    result = counter("snapshot", "take", "counter", "--label", label, code=2)

    assert "the canister as it is" in result.stderr
    assert ids(counter) == []


def test_an_ambiguous_name_lists_what_it_could_be(saved: CommandLine) -> None:
    saved("snapshot", "take", "counter", "--label", "before")

    by_label = saved("snapshot", "load", "counter", "before", code=2)
    by_start = saved("snapshot", "load", "counter", "000", code=2)

    assert "could be any of 0 before, 2 before" in by_label.stderr
    assert "0 before, 1 after, 2 before" in by_start.stderr
    assert saved.json("call", "counter", "get") == 6


def test_an_unknown_name_lists_those_there_are(saved: CommandLine) -> None:
    result = saved("snapshot", "load", "counter", "yesterday", code=2)

    assert "there are: 0 before, 1 after" in result.stderr


def test_loading_brings_back_every_byte(saved: CommandLine) -> None:
    checksum = saved.json("snapshot", "show", "counter", "before")["checksum"]
    assert saved.json("status", "counter")["checksum"] != checksum

    shown = saved("snapshot", "load", "counter", "before").stdout

    assert saved.json("status", "counter")["checksum"] == checksum
    assert checksum in shown


def test_a_snapshot_outlives_an_upgrade_that_went_wrong(
    saved: CommandLine, counter_wat: str
) -> None:
    saved("reinstall", "counter", counter_wat, "--argument", "(0)", "--yes")

    saved("snapshot", "load", "counter", "after")

    assert saved.json("call", "counter", "get") == 6


def test_showing_lists_what_it_holds(saved: CommandLine) -> None:
    facts = saved.json("snapshot", "show", "counter", "after")

    assert facts["globals"] == [{"name": "runs", "type": "i32", "value": 1}]
    assert facts["heap_size"] == 65_536
    assert facts["source"] == "taken_from_canister"
    assert "runs: i32 1" in saved("snapshot", "show", "counter", "after").stdout


def test_list_is_for_people_too(saved: CommandLine) -> None:
    header, *rows = saved("snapshot", "list", "counter").stdout.splitlines()

    assert header.split() == ["#", "id", "taken", "size", "label"]
    assert [row.split()[-1] for row in rows] == ["before", "after"]


def test_without_snapshots_the_next_step_is_named(counter: CommandLine) -> None:
    assert "snapshot take counter" in counter("snapshot", "list", "counter").stdout


def test_replace_takes_the_place_of_another(saved: CommandLine) -> None:
    saved("snapshot", "take", "counter", "--label", "newest", "--replace", "before")

    labels = [row["label"] for row in saved.json("snapshot", "list", "counter")]
    assert labels == ["after", "newest"]


def test_the_eleventh_is_refused_with_the_replicas_text(counter: CommandLine) -> None:
    for _ in range(10):
        counter("snapshot", "take", "counter")

    assert "IC0406" in counter("snapshot", "take", "counter", code=1).stderr
    assert len(ids(counter)) == 10


def test_deleting_forgets_it(saved: CommandLine) -> None:
    saved("snapshot", "delete", "counter", "before", "--yes")

    saved("snapshot", "load", "counter", "before", code=2)
    assert len(ids(saved)) == 1


def test_deleting_asks_first(saved: CommandLine) -> None:
    saved("snapshot", "delete", "counter", "before", stdin="n\n", code=2)

    assert len(ids(saved)) == 2


def test_a_clone_goes_its_own_way(saved: CommandLine) -> None:
    saved("snapshot", "clone", "counter", "before", "copy")

    saved("call", "copy", "inc")
    saved("call", "copy", "inc")

    assert saved.json("call", "copy", "get") == 7
    assert saved.json("call", "counter", "get") == 6


def test_a_clone_by_a_stranger_leaves_no_canister(saved: CommandLine) -> None:
    result = saved("snapshot", "clone", "counter", "before", "copy", "--as", "eve", code=1)

    assert "IC0406" in result.stderr
    assert [row["name"] for row in saved.json("list")] == ["counter"]


def test_another_canisters_snapshot_loads_by_its_id(saved: CommandLine, counter_wat: str) -> None:
    saved("install", "other", counter_wat, "--argument", "(0)")

    saved("snapshot", "load", "other", ids(saved)[0])

    assert saved.json("call", "other", "get") == 5


def test_a_stranger_may_not_take_load_or_delete(saved: CommandLine) -> None:
    before = saved.json("snapshot", "list", "counter")

    for words in (["take", "counter"], ["load", "counter", "before"],
                  ["delete", "counter", "before", "--yes"]):  # fmt: skip
        assert "IC0512" in saved("snapshot", *words, "--as", "eve", code=1).stderr

    assert saved.json("snapshot", "list", "counter") == before
