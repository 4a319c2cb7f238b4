from __future__ import annotations

import pytest

from sandbox.memory.errors import RegionMisused
from sandbox.memory.runs import (
    OS_PAGE,
    WASM_PAGE,
    checked_size,
    clipped,
    joined,
    page_window,
    pages_of,
    runs_of,
)


def test_pages_of_counts_every_page_touched() -> None:
    assert pages_of(OS_PAGE - 1, 2) == range(2)
    assert pages_of(OS_PAGE, OS_PAGE) == range(1, 2)
    assert not pages_of(OS_PAGE, 0)


def test_neighbouring_pages_become_one_run() -> None:
    assert runs_of([3, 0, 1]) == [(0, 2 * OS_PAGE), (3 * OS_PAGE, OS_PAGE)]


@pytest.mark.parametrize(
    ("runs", "gap", "result"),
    [
        ([], 0, []),
        ([(0, 4), (4, 4)], 0, [(0, 8)]),
        ([(0, 8), (2, 2)], 0, [(0, 8)]),
        ([(0, 4), (5, 1)], 0, [(0, 4), (5, 1)]),
        ([(0, 4), (5, 1)], 1, [(0, 6)]),
    ],
)
def test_joined_runs(runs: list[tuple[int, int]], gap: int, result: list[tuple[int, int]]) -> None:
    assert list(joined(runs, gap)) == result


def test_clipping_cuts_the_run_across_the_end_and_drops_those_behind_it() -> None:
    assert list(clipped([(0, 4), (6, 4), (10, 4)], 8)) == [(0, 4), (6, 2)]


def test_a_window_is_widened_to_os_pages_and_kept_inside() -> None:
    assert page_window(None, WASM_PAGE) == (0, WASM_PAGE)
    assert page_window((1, OS_PAGE + 1), WASM_PAGE) == (0, 2 * OS_PAGE)
    assert page_window((0, 9 * WASM_PAGE), WASM_PAGE) == (0, WASM_PAGE)


@pytest.mark.parametrize("size_bytes", [-WASM_PAGE, 1, WASM_PAGE - 1])
def test_a_memory_is_a_whole_number_of_wasm_pages(size_bytes: int) -> None:
    with pytest.raises(RegionMisused):
        checked_size(size_bytes)
