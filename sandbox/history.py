"""``ic.history``: a restore point before every message; going back, and finding the culprit.

Nothing is recorded, and nothing costs anything, before ``record``. Then each message costs
what an anchor does, and the pages it changes are kept until the ring or its budget is full.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from shlex import quote
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sandbox.errors import CanisterRejected, UsageError
from sandbox.messages import Reply
from sandbox.principal import Principal
from sandbox.wording import call_command
from sandbox.world.points import Point, Rules
from sandbox.world.tracing import answer_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.sandbox import Sandbox
    from sandbox.world.tracing import Trace

__all__ = ["History", "Point"]

PointLike: TypeAlias = "Point | int"
_MOST_POINTS: Final = 1_000
_MOST_BYTES: Final = 256 << 20
_WIDEST: Final = 60  # of a result in the table
_HEADER: Final = ("", "time", "message", "caller", "result", "instructions", "pages")


class History:
    """The restore points of a sandbox, oldest first; ``print`` it.

    Points are numbered from 0. ``history[7]`` is the point before message 7, ``history[-1]``
    the one before the last message. An anchor brings the history back with everything else.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def record(
        self,
        *,
        points: int = _MOST_POINTS,
        budget_bytes: int = _MOST_BYTES,
        keeps_traps: bool = False,
    ) -> None:
        """Take a point before every message from now on.

        points, budget_bytes: the oldest points go when there are more, or when the pages kept
            for them take more memory. keeps_traps: when a message traps, the state of its
            canister just before becomes a snapshot (``point.snapshot``); ``command`` gives
            what replays the message on it.
        """
        if points < 1 or budget_bytes < 0:
            raise UsageError("a history needs at least 1 point, and a budget of 0 bytes or more")
        with self._sandbox.entered() as world:
            world.recorder.start(Rules(points, budget_bytes, keeps_traps))

    def stop(self) -> None:
        """Record nothing more and forget all points."""
        with self._sandbox.entered() as world:
            world.recorder.stop()

    @property
    def is_recording(self) -> bool:
        """Whether messages leave points."""
        return self._sandbox.world.recorder.is_on

    def __len__(self) -> int:
        return len(self._sandbox.world.recorder.points)

    def __iter__(self) -> Iterator[Point]:
        return iter(tuple(self._sandbox.world.recorder.points))

    def __getitem__(self, to: int) -> Point:
        return self.find(to)

    def find(self, to: PointLike) -> Point:
        """Return a point by its number, from the end when negative. Raises: UsageError."""
        points = self._sandbox.world.recorder.points
        if isinstance(to, Point):
            found = to if to in points else None
        elif to < 0:
            found = points[to] if -to <= len(points) else None
        else:
            found = next((point for point in points if point.number == to), None)
        if found is None:
            raise UsageError(f"{_name(to)} is not in the history: {self._extent()}")
        return found

    def rewind(self, to: PointLike) -> None:
        """Make the whole sandbox what it was just before a message. See ``Sandbox.rewind``."""
        with self._sandbox.entered() as world:
            world.recorder.rewind(self.find(to))
            self._forget_names()

    def replay(self, to: PointLike) -> Trace:
        """Go back to a point and let its message run again; return what it did.

        What was to come after it (calls it made, their answers) waits for ``ic.tick()``.
        """
        with self._sandbox.entered() as world, world.traced() as tracer:
            world.recorder.replay(self.find(to))
            self._forget_names()
            return tracer.trace

    def bisect(self, holds: Callable[[], object]) -> Point | None:
        """Return the point of the first message after which something no longer holds.

        holds: a function without arguments, asked in the states of some points; what it does
            there is undone. A canister's reject counts as false. It must hold at the oldest
            point and, as for every bisection, must not come back once it is gone.
        Returns: None when it still holds. ``ic.rewind`` the point to look at the state before.
        Raises: UsageError when it did not hold at the oldest point either.
        """
        points = self._points()
        with self._elsewhere() as visit:
            if _is_true(holds):
                return None
            visit(points[0])
            if not _is_true(holds):
                raise UsageError(
                    f"it did not hold before {_name(points[0])} either, the oldest there is: "
                    "record more, or ask for something that was true once"
                )
            good, bad = 0, len(points)
            while bad - good > 1:
                middle = (good + bad) // 2
                visit(points[middle])
                good, bad = (middle, bad) if _is_true(holds) else (good, middle)
            return points[good]

    def first_change(self, look: Callable[[], Any]) -> Point | None:
        """Return the point of the first message that changed what ``look`` returns.

        look: a query, a range of bytes, anything that can be compared:
            ``first_change(lambda: ledger.heap[0x400:0x410])``. See ``bisect``.
        """
        points = self._points()
        with self._elsewhere() as visit:
            visit(points[0])
            before = look()
        return self.bisect(lambda: look() == before)

    def command(self, to: PointLike) -> str | None:
        """Return the commands that load the state before a trap and send its message again.

        None when no snapshot was kept, or when the message was not a call.
        """
        point = self.find(to)
        if point.snapshot is None or point.canister is None or not point.is_call:
            return None
        canister = self._sandbox.canister(point.canister)
        call = call_command(
            canister, point.entry, point.argument, caller=point.caller, cycles=point.cycles
        )
        if call is None:
            return None
        name = quote(self._sandbox.name_of(point.canister) or str(point.canister))
        return f"canister-sandbox snapshot load {name} {point.snapshot.id}\ncanister-sandbox {call}"

    def to_json(self) -> str:
        """Return the points as JSON, without the states they lead to."""
        return json.dumps([self._dict(point) for point in self], indent=1)

    def __str__(self) -> str:
        rows = [_HEADER, *(self._row(point) for point in self)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADER))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def __repr__(self) -> str:
        return f"<History: {self._extent()}>"

    # --- inside

    @contextmanager
    def _elsewhere(self) -> Iterator[Callable[[Point], None]]:
        """Lend the way to other points; at the end everything is as it is now."""
        with (
            self._sandbox.anchor(),
            self._sandbox.entered() as world,
            world.recorder.paused(),
        ):
            yield world.recorder.show

    def _points(self) -> tuple[Point, ...]:
        """Return all points. Raises: UsageError when there is none."""
        points = tuple(self)
        if not points:
            raise UsageError(f"there is nothing to search: {self._extent()}")
        return points

    def _forget_names(self) -> None:
        """Drop the names of canisters that are not there any more, or not yet."""
        ic = self._sandbox
        ic.names = {name: id_ for name, id_ in ic.names.items() if id_ in ic.world.canisters}

    def _extent(self) -> str:
        points = self._sandbox.world.recorder.points
        if not self.is_recording:
            return "nothing is recorded; ic.history.record() begins"
        if not points:
            return "it is empty"
        return f"it holds messages {points[0].number} to {points[-1].number}"

    def _row(self, point: Point) -> tuple[str, ...]:
        ran, is_reply = bool(point.instructions), isinstance(point.result, Reply)
        pages = f"{point.heap_pages + point.stable_pages:,}"
        words = self._sandbox.world.wording
        where = "" if point.canister is None else f"{words.name(point.canister)}."
        answered = words.answer(point.canister or Principal.management(), point.entry, point.result)
        return (
            str(point.number),
            f"{datetime.fromtimestamp(point.time_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S}",
            where + point.entry,
            "" if point.caller is None else words.name(point.caller),
            "done" if point.is_act and is_reply else _cut(answered),
            f"{point.instructions:,}" if ran else "",
            pages if ran and not point.is_act else "",
        )

    def _dict(self, point: Point) -> dict[str, Any]:
        return {
            "number": point.number,
            "time_ns": point.time_ns,
            "canister": None if point.canister is None else str(point.canister),
            "entry": point.entry,
            "caller": None if point.caller is None else str(point.caller),
            "argument": point.argument.hex(),
            "cycles": point.cycles,
            "result": answer_dict(point.result),
            "instructions": point.instructions,
            "heap_pages": point.heap_pages,
            "stable_pages": point.stable_pages,
            "snapshot": None if point.snapshot is None else str(point.snapshot.id),
        }


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _is_true(holds: Callable[[], object]) -> bool:
    try:
        return bool(holds())
    except CanisterRejected:
        return False


def _name(to: PointLike) -> str:
    return f"message {to.number if isinstance(to, Point) else to}"
