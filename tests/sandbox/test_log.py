"""The log keeps the newest records, counts all, and can take lines back."""

from __future__ import annotations

from sandbox.execution.log import CanisterLog


def filled(count: int, *, limit_bytes: int = 10_000) -> CanisterLog:
    log = CanisterLog(limit_bytes)
    for number in range(count):
        log.append(number, (f"line {number}",), is_query=False)
    return log


def texts(log: CanisterLog) -> list[str]:
    return [record.text for record in log.read()]


def test_records_are_numbered_in_order() -> None:
    log = CanisterLog(1000)

    log.append(5, ("one", "two"), is_query=False)
    log.append(6, ("three",), is_query=True)

    assert [(r.index, r.time_ns, r.text, r.is_query) for r in log.read()] == [
        (0, 5, "one", False),
        (1, 5, "two", False),
        (2, 6, "three", True),
    ]


def test_the_newest_are_kept_when_the_log_is_full() -> None:
    log = filled(1000)

    kept = log.read()
    assert kept[-1].text == "line 999"
    assert [record.index for record in kept] == list(range(kept[0].index, 1000))
    assert 50 < len(kept) < 500
    assert log.next_index == 1000


def test_empty_lines_do_not_pile_up() -> None:
    log = CanisterLog(10_000)

    for _ in range(10):
        log.append(0, [""] * 1000, is_query=False)

    assert len(log.read()) < 500
    assert log.next_index == 10_000


def test_a_line_longer_than_the_limit_empties_the_log() -> None:
    log = filled(3, limit_bytes=200)

    log.append(0, ("x" * 500,), is_query=False)

    assert texts(log) == []
    assert log.next_index == 4


def test_older_records_can_be_forgotten() -> None:
    log = filled(5)

    log.forget_before(3)

    assert texts(log) == ["line 3", "line 4"]
    assert log.next_index == 5


def test_newer_records_can_be_taken_back() -> None:
    log = filled(5)

    log.forget_from(3)
    log.append(9, ("instead",), is_query=False)

    assert texts(log) == ["line 0", "line 1", "line 2", "instead"]
    assert log.read()[-1].index == 3


def test_a_cleared_log_goes_on_counting() -> None:
    log = filled(5)

    log.clear()
    log.append(9, ("next",), is_query=False)

    assert [(record.index, record.text) for record in log.read()] == [(5, "next")]


def test_what_was_saved_can_be_restored() -> None:
    log = filled(5)
    saved = log.saved()
    log.append(9, ("later",) * 3, is_query=False)

    log.restore(saved)

    assert texts(log) == [f"line {number}" for number in range(5)]
    assert log.next_index == 5
