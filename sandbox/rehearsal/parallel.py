"""The same work on many inputs, on all cores.

A worker is a Python process of its own that is sent one input after the other and answers
with results, both pickled: no fork (a forked child must not use its parent's sandboxes) and
no import of the user's main program. Workers end with the call, however it ends; one whose
parent was killed sees the end of its input. With one core or one input, no worker is begun.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sandbox.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import IO

Input = TypeVar("Input")
Result = TypeVar("Result")
_COMMAND: Final = "from sandbox.rehearsal.parallel import serve; serve()"


class WorkerLost(SandboxError):
    """A worker process ended before its work did: killed, most likely for want of memory."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work is. seconds_left: None as long as there is nothing to tell it by."""

    done: int
    total: int
    seconds_left: float | None

    def __str__(self) -> str:
        left = f", about {_duration(self.seconds_left)} left" if self.seconds_left else ""
        return f"{self.done} of {self.total}{left}"


def in_parallel(
    function: Callable[[Input], Result],
    inputs: Sequence[Input],
    *,
    workers: int | None = None,
    told: Callable[[Progress], None] = lambda _progress: None,
) -> list[Result]:
    """Return the function's results, in the order of the inputs.

    function: of a module that can be imported; inputs and results can be pickled.
    workers: None is one for each core. told: at the beginning, and after each result.

    Raises: what the function raises first; WorkerLost.
    """
    count = min(workers or _cores(), len(inputs))
    clock = _Clock(len(inputs), max(count, 1), told)
    if count <= 1:
        return [clock.ticked(function(item)) for item in inputs]
    crew = _Crew(function, inputs)
    try:
        crew.begin(count)
        found: dict[int, Result] = {}
        while len(found) < len(inputs):
            number, result, failure = crew.results.get()
            if failure is not None:
                raise failure
            found[number] = clock.ticked(result)
    finally:
        crew.end()
    return [found[number] for number in range(len(inputs))]


def serve() -> None:
    """Be a worker: answer inputs from standard input until it ends."""
    # What is printed by mistake must not come between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while True:
        try:
            module, name, item = pickle.load(sys.stdin.buffer)  # noqa: S301  # our parent's
        except EOFError:
            return
        _dump(_answer(getattr(import_module(module), name), item), answers)


def _answer(function: Callable[[Any], Any], item: Any) -> tuple[Any, BaseException | None]:
    try:
        return function(item), None
    except Exception as error:  # noqa: BLE001  # it is raised in the parent
        return None, error


def _dump(answer: tuple[Any, BaseException | None], stream: IO[bytes]) -> None:
    try:
        data = pickle.dumps(answer)
        pickle.loads(data)  # noqa: S301  # some errors can be written and not read
    except Exception as error:  # noqa: BLE001  # whatever pickling takes exception to
        what = answer[1] if answer[1] is not None else answer[0]
        data = pickle.dumps((None, RuntimeError(f"{what!r:.500} cannot be sent: {error}")))
    stream.write(data)
    stream.flush()


class _Crew:
    """The workers of one call: a process each, and a thread that feeds it."""

    def __init__(self, function: Callable[[Any], Any], inputs: Sequence[Any]) -> None:
        self._name = (function.__module__, function.__name__)
        self._todo: SimpleQueue[tuple[int, Any]] = SimpleQueue()
        for numbered in enumerate(inputs):
            self._todo.put(numbered)
        self.results: SimpleQueue[tuple[int, Any, BaseException | None]] = SimpleQueue()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._threads: list[Thread] = []

    def begin(self, count: int) -> None:
        """Begin the workers."""
        for _ in range(count):
            process = subprocess.Popen(  # noqa: S603  # this Python, and our own command
                [sys.executable, "-c", _COMMAND],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # Ctrl-C is ours to hear, and ``end`` to pass on
            )
            self._processes.append(process)
            thread = Thread(target=self._feed, args=(process,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def end(self) -> None:
        """End them, whatever they are at."""
        for process in self._processes:
            process.kill()
        for thread in self._threads:
            thread.join()
        for process in self._processes:
            with process:
                pass

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        number = -1
        try:
            while True:
                number, item = self._todo.get_nowait()
                pickle.dump((*self._name, item), process.stdin)
                process.stdin.flush()
                result, failure = pickle.load(process.stdout)  # noqa: S301  # our worker's
                self.results.put((number, result, failure))
        except Empty:
            pass
        except (EOFError, OSError, pickle.UnpicklingError):
            self.results.put((number, None, WorkerLost("a worker process ended unexpectedly")))
        except Exception as error:  # noqa: BLE001  # an input that cannot be sent
            self.results.put((number, None, error))
        finally:
            with suppress(OSError):
                process.stdin.close()


@dataclass(slots=True)
class _Clock:
    """Tells how long it will take: by the mean of what is done, in whole rounds of workers."""

    total: int
    workers: int
    told: Callable[[Progress], None]
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.told(Progress(0, self.total, None))

    def ticked(self, result: Result) -> Result:
        """Note one more result, and return it."""
        self.done += 1
        # As many were begun at once as there are workers, so that fewer results tell nothing.
        seen = self.done >= self.workers
        rate = (time.monotonic() - self.began) / self.done
        left = rate * (self.total - self.done) if seen else None
        self.told(Progress(self.done, self.total, left))
        return result


def _cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"
