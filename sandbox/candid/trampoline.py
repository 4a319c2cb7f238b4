"""Recursion without Python's stack: a task yields the subtask it waits for.

A value may nest a hundred thousand levels deep, Python's stack may not. A recursive
function becomes a generator; where it would call itself, it says
``result = yield itself(…)``, and ``run`` keeps the waiting ones in a list.
An exception leaves through ``run``; tasks cannot catch what a subtask raises.
Both forms of Candid use it: the parsers and printers of text, and the generated code.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import TypeAlias, TypeVar

_T = TypeVar("_T")

Task: TypeAlias = Generator["Task[_T]", _T, _T]


class TooDeep(Exception):
    """More tasks wait for one another than the limit given to ``run``."""


def run(task: Task[_T], limit: int = sys.maxsize) -> _T:
    """Run a task and all it waits for; return its result.

    limit: how many tasks may wait; text needs none, because its own length is one.

    Raises: TooDeep.
    """
    waiting: list[Task[_T]] = []
    result: _T | None = None
    while True:
        try:
            # The first send starts a generator and must be None, which mypy cannot know.
            subtask = task.send(result)  # type: ignore[arg-type]
        except StopIteration as done:
            result = done.value
            if not waiting:
                return done.value  # type: ignore[no-any-return] # StopIteration is untyped
            task = waiting.pop()
        else:
            if len(waiting) >= limit:
                raise TooDeep
            waiting.append(task)
            task, result = subtask, None
