"""``snapshot show``, ``diff``, ``find``, ``read``, ``patch``; ``verify`` and ``gc``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from snapshot.store.pack import read_index

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import CommandLine


@pytest.fixture
def saved(counter: CommandLine) -> CommandLine:
    """A counter at 6 with a snapshot `before` at 5."""
    counter("snapshot", "take", "counter", "--label", "before")
    counter("call", "counter", "inc")
    return counter


def test_show_without_a_snapshot_shows_the_canister_as_it_is(saved: CommandLine) -> None:
    facts = saved.json("snapshot", "show", "counter")

    assert facts["globals"] == [{"name": "runs", "type": "i32", "value": 1}]
    assert facts["checksum"] == saved.json("status", "counter")["checksum"]
    assert sum(item["length"] for item in facts["heap_map"]) == 65_536
    assert "static data" in saved("snapshot", "show", "counter").stdout


def test_show_names_the_limits_a_snapshot_was_taken_under(saved: CommandLine) -> None:
    saved("limits", "mainnet", "--relax", "update_instructions=80_000_000_000")

    assert saved.json("snapshot", "show", "counter", "before")["limits"] == "mainnet 2026-08"
    assert "with update_instructions=80,000,000,000" in saved("snapshot", "show", "counter").stdout


def test_diff_shows_the_bytes_and_globals_that_differ(saved: CommandLine) -> None:
    shown = saved("snapshot", "diff", "counter", "before").stdout
    facts = saved.json("snapshot", "diff", "counter", "before", "now")

    assert "runs: i32 0 -> i32 1" in shown
    assert "- 000000000007  05" in shown
    assert "+ 000000000007  06" in shown
    assert facts["heap"]["changes"] == [{"offset": 7, "before": "05", "after": "06"}]
    assert facts["stable"]["pages_changed"] == 0


def test_diff_of_a_state_with_itself_finds_nothing(saved: CommandLine) -> None:
    assert "nothing differs" in saved("snapshot", "diff", "counter", "now", "now").stdout
    assert saved.json("snapshot", "diff", "counter", "before", "before")["same"]


def test_diff_lists_no_more_changes_than_asked_for(saved: CommandLine) -> None:
    assert "--limit" in saved("snapshot", "diff", "counter", "before", "--limit", "0").stdout


def test_diff_draws_a_picture(saved: CommandLine, tmp_path: Path) -> None:
    picture = tmp_path / "changed.svg"

    saved("snapshot", "diff", "counter", "before", "--picture", str(picture))

    assert ET.parse(picture).getroot().tag.endswith("svg")
    assert "counter: before to now, heap" in picture.read_text()


def test_diff_writes_a_page_with_everything(saved: CommandLine, tmp_path: Path) -> None:
    page = tmp_path / "changes.html"

    result = saved("snapshot", "diff", "counter", "0", "--html", str(page))

    assert f"written: {page}" in result.stdout
    text = page.read_text()
    assert "<h1>counter: 0 to now</h1>" in text
    assert "<svg" in text
    assert "<del>- " in text
    assert "<ins>+ " in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize(
    ("options", "offset"),
    [
        (["--text", "timer"], 0x91),
        (["--hex", "74 69 6d 65 72"], 0x91),
        (["--int", "0x6d6974", "--bits", "32"], None),
        (["--int", "1701669236", "--bits", "32"], 0x91),
    ],
)
def test_find_says_where_something_stands(
    saved: CommandLine, options: list[str], offset: int | None
) -> None:
    hits = saved.json("snapshot", "find", "counter", *options)

    assert hits == ([] if offset is None else [{"memory": "heap", "offset": offset}])


def test_find_shows_what_stands_around_it(saved: CommandLine) -> None:
    assert "heap, byte 0x91" in saved("snapshot", "find", "counter", "--text", "timer").stdout
    assert saved("snapshot", "find", "counter", "--text", "nowhere").stdout == "nowhere\n"
    assert (
        "--limit 10"
        in saved("snapshot", "find", "counter", "before", "--text", "DIDL", "--limit", "1").stdout
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "say one thing"),
        (["--text", "a", "--int", "1"], "say one thing"),
        (["--hex", "abc"], "not hexadecimal"),
        (["--int", "many"], "not a number"),
        (["--text", "\udcff"], "cannot be written as UTF-8"),
        (["--int", "300", "--bits", "8"], "does not fit"),
        (["--principal", "nonsense"], "nonsense"),
        (["--int", "0"], "zeros are everywhere"),
    ],
)
def test_find_asked_wrongly_says_why(saved: CommandLine, options: list[str], said: str) -> None:
    assert said in saved("snapshot", "find", "counter", *options, code=2).stderr


def test_read_prints_a_hexdump_or_exports_the_bytes(saved: CommandLine, tmp_path: Path) -> None:
    shown = saved("snapshot", "read", "counter", "--offset", "0x80", "--length", "13").stdout
    saved(
        "snapshot", "read", "counter", "before", "--length", "8",
        "--output", str(tmp_path / "range.bin"),
    )  # fmt: skip

    assert shown.endswith("about to fail\n")
    assert (tmp_path / "range.bin").read_bytes() == b"DIDL\x00\x01\x7b\x05"


def test_read_ends_where_the_memory_ends(saved: CommandLine) -> None:
    assert saved("snapshot", "read", "counter", "--stable").stdout == "\n"
    assert "0x10000" in saved("snapshot", "read", "counter", "--offset", "65537", code=2).stderr


def test_a_patch_is_a_new_snapshot_that_says_what_was_changed(saved: CommandLine) -> None:
    made = saved.json(
        "snapshot", "patch", "counter", "before",
        "--heap", "7=2a", "--global", "runs=0x63", "--label", "fixed",
    )  # fmt: skip

    saved("snapshot", "load", "counter", "fixed")

    assert made["notes"] == ["heap at 0x7: 05 -> 2a", "runs: 0x0 -> 0x63"]
    assert saved.json("snapshot", "show", "counter", "fixed")["notes"] == made["notes"]
    assert saved.json("call", "counter", "get") == 42
    saved("snapshot", "load", "counter", "before")
    assert saved.json("call", "counter", "get") == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "say what to change"),
        (["--heap", "7"], "OFFSET=HEX"),
        (["--heap", "x=00"], "not a number"),
        (["--heap", "70000=00"], "not inside"),
        (["--global", "runs"], "NAME=BITS"),
        (["--global", "nothing=1"], "no global"),
        (["--global", "runs=0x100000000"], "does not fit"),
    ],
)
def test_a_patch_asked_wrongly_changes_nothing(
    saved: CommandLine, options: list[str], said: str
) -> None:
    before = saved.files()

    assert said in saved("snapshot", "patch", "counter", "before", *options, code=2).stderr
    assert saved.files() == before


def test_verify_reads_everything_and_finds_nothing(saved: CommandLine) -> None:
    found = saved.json("snapshot", "verify")

    assert found["findings"] == []
    assert found["snapshots"] == 2
    assert found["bytes_read"] > 0
    assert "all sound" in saved("snapshot", "verify", "--sample", "0.5").stdout


def test_verify_names_a_flipped_bit_with_its_place(saved: CommandLine) -> None:
    path = max((saved.state / "store" / "packs").iterdir(), key=lambda item: item.stat().st_size)
    data = bytearray(path.read_bytes())
    data[read_index(path)[0].offset + 100] ^= 1
    path.write_bytes(data)

    result = saved("snapshot", "verify", code=1)

    assert str(path) in result.stdout
    assert "faults found" in result.stderr


def test_verify_names_what_the_world_needs_and_the_store_has_lost(saved: CommandLine) -> None:
    lost = next((saved.state / "store" / "snapshots").iterdir())
    lost.unlink()

    result = saved("snapshot", "verify", code=1)

    assert "the store has lost" in result.stdout
    assert lost.stem[:12] in result.stdout


def test_verify_names_a_damaged_record(saved: CommandLine) -> None:
    (saved.state / "world.json").write_bytes(b"{")

    assert "world.json" in saved("snapshot", "verify", code=1).stdout
    found = json.loads(saved("snapshot", "verify", "--json", code=1).stdout)
    assert len(found["findings"]) == 1


def test_verify_without_a_world_is_asked_wrongly(run: CommandLine) -> None:
    assert "there is no world" in run("snapshot", "verify", code=2).stderr


def test_gc_keeps_what_a_rule_keeps(saved: CommandLine) -> None:
    for label in ("release-1", "middle", "newest"):
        saved("call", "counter", "inc")
        saved("snapshot", "take", "counter", "--label", label)
    rules = ("--keep-last", "1", "--keep-label", "release-*")

    planned = saved.json("snapshot", "gc", *rules, "--dry-run")
    assert len(saved.json("snapshot", "list", "counter")) == 4
    done = saved.json("snapshot", "gc", *rules)

    assert planned["dropped"] == done["dropped"]
    labels = [row["label"] for row in saved.json("snapshot", "list", "counter")]
    assert labels == ["release-1", "newest"]
    assert saved.json("snapshot", "verify")["findings"] == []
    assert saved.json("call", "counter", "get") == 9


def test_gc_without_a_rule_deletes_no_snapshot(saved: CommandLine) -> None:
    assert "freed" in saved("snapshot", "gc").stdout
    assert len(saved.json("snapshot", "list", "counter")) == 1


MANAGED = """(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
  (memory 1)
  (data (i32.const 0) "MGR\\01\\01\\00\\01\\00")
  (data (i32.const 100) "\\01BTR")
  (func (export "canister_init")
    (drop (call $grow (i64.const 3)))
    (call $write (i64.const 0) (i64.const 0) (i64.const 8))
    ;; memory 0 has one page, in bucket 0, which is page 1
    (call $write (i64.const 40) (i64.const 100) (i64.const 1))
    (memory.fill (i32.const 200) (i32.const 255) (i32.const 32768))
    (i32.store8 (i32.const 200) (i32.const 0))
    (call $write (i64.const 2080) (i64.const 200) (i64.const 32768))
    (call $write (i64.const 65536) (i64.const 101) (i64.const 3)))
  (func (export "canister_update change")
    (call $write (i64.const 65600) (i64.const 100) (i64.const 4)) (call $reply)))"""


def test_diff_tells_changes_by_virtual_memory(
    run: CommandLine, wat_file: Callable[[str], str], tmp_path: Path
) -> None:
    run("install", "it", wat_file(MANAGED))
    run("snapshot", "take", "it", "--label", "before")
    run("call", "it", "change")

    shown = run("snapshot", "diff", "it", "before", "--html", str(tmp_path / "page.html")).stdout
    told = run.json("snapshot", "diff", "it", "before")

    assert "memory 0 BTreeMap" in shown
    assert [row["number"] for row in told["stable_parts"]] == [0]
    assert "<td>memory 0</td>" in (tmp_path / "page.html").read_text()
