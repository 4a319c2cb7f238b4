"""Recursion without Python's stack."""

import pytest

from sandbox.candid.trampoline import Task, TooDeep, run


def depth(levels: int) -> Task[int]:
    """Count down by recursion, and up again."""
    return 0 if levels == 0 else 1 + (yield depth(levels - 1))


def test_a_task_nests_deeper_than_the_stack_of_python() -> None:
    assert run(depth(100_000)) == 100_000


def test_as_many_tasks_wait_as_the_limit_says_and_no_more() -> None:
    assert run(depth(10), limit=10) == 10
    with pytest.raises(TooDeep):
        run(depth(11), limit=10)


def test_an_exception_of_a_subtask_leaves_through_run() -> None:
    def outer() -> Task[None]:
        yield inner()

    def inner() -> Task[None]:
        raise LookupError("from inside")
        yield

    with pytest.raises(LookupError, match="from inside"):
        run(outer())
