"""Work on several cores: results in order, errors where they belong, nothing left behind."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import pytest

from sandbox.rehearsal.parallel import Progress, WorkerLost, in_parallel


def _children() -> set[str]:
    """Return the processes that this one has begun. Linux only."""
    return {
        name
        for file in Path("/proc/self/task").glob("*/children")
        for name in file.read_text().split()
    }


@pytest.fixture(autouse=True)
def _nothing_is_left() -> object:
    before = _children()
    yield
    assert _children() == before


@pytest.mark.slow
def test_results_come_in_the_order_of_the_inputs() -> None:
    numbers = [float(number) for number in range(40)]

    assert in_parallel(math.sqrt, numbers, workers=3) == [math.sqrt(it) for it in numbers]


def test_one_worker_is_this_process() -> None:
    assert in_parallel(_own_process, [0, 1], workers=1) == [os.getpid()] * 2
    assert in_parallel(_own_process, [0]) == [os.getpid()]
    assert in_parallel(_own_process, []) == []


def _own_process(_: int) -> int:
    return os.getpid()


@pytest.mark.slow
def test_the_first_error_ends_all_workers_at_once() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        in_parallel(time.sleep, [3_600, -1], workers=2)


@pytest.mark.slow
def test_a_worker_that_dies_is_an_error() -> None:
    with pytest.raises(WorkerLost):
        in_parallel(os._exit, [9, 9], workers=2)


@pytest.mark.slow
def test_what_cannot_be_sent_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"memory at .* cannot be sent"):
        in_parallel(memoryview, [b"1", b"2"], workers=2)
    with pytest.raises(TypeError, match="pickle"):
        in_parallel(bytes, [memoryview(b"1"), memoryview(b"2")], workers=2)


@pytest.mark.slow
def test_an_interrupt_leaves_no_worker_behind() -> None:
    def interrupt(progress: Progress) -> None:
        if progress.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_parallel(time.sleep, [0, 3_600, 3_600], workers=2, told=interrupt)


def test_nothing_is_said_of_the_time_left_before_something_is_known() -> None:
    seen: list[Progress] = []

    in_parallel(math.sqrt, [1.0, 4.0], workers=1, told=seen.append)

    assert [(it.done, it.total) for it in seen] == [(0, 2), (1, 2), (2, 2)]
    assert seen[0].seconds_left is None
    assert seen[2].seconds_left == 0


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress(0, 9, None), "0 of 9"),
        (Progress(3, 9, 0.2), "3 of 9, about 1 s left"),
        (Progress(3, 9, 75.4), "3 of 9, about 75 s left"),
        (Progress(3, 9, 600), "3 of 9, about 10 min left"),
    ],
)
def test_progress_is_told_in_words(progress: Progress, text: str) -> None:
    assert str(progress) == text
