"""Restore points: the world just before each message, in a bounded ring.

A point is taken before every message that runs and every act of a controller, and says what
came of it. It costs a mark in each memory that has changed since the point before; what it
holds are the pages its message changes. While nothing is recorded, a message pays one look
at a flag.

What lies between two points, a look at the clock for example, counts to the older one.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from sandbox.errors import UsageError
from sandbox.execution.canister import CanisterRuntime
from sandbox.execution.lifecycle import InstallReport
from sandbox.messages import Answer, Outcome, Reject, Reply
from sandbox.world import anchor
from sandbox.world.points import Past, Point, Rules
from snapshot.ids import SnapshotId
from snapshot.record import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.principal import Principal
    from sandbox.world.anchor import SavedCanister, SavedWorld
    from sandbox.world.traffic import Request
    from sandbox.world.world import World

Result = TypeVar("Result")

_POINTER_BYTES: Final = 8
_DONE: Final = Reply(b"")


class Recorder:
    """The restore points of one world; nothing is recorded before ``start``.

    is_on: whether anything is. It also listens to the router (``watching.Watcher``): points
    learn from it what their message did.
    """

    def __init__(self, world: World) -> None:
        self.is_on = False
        self.points: deque[Point] = deque()
        self.next_number = 0
        self._world = world
        self._rules: Rules | None = None
        self._held_bytes = 0
        self._open: Point | None = None  # its message is running
        self._announced: Point | None = None  # its message is about to run
        self._answered: tuple[Request, Answer] | None = None  # since the point was opened

    # --- on and off

    def start(self, rules: Rules) -> None:
        """Record from now on; what was recorded stays, as far as the rules allow."""
        self._rules = rules
        self._switch(is_on=True)
        self._bound()

    def stop(self) -> None:
        """Record nothing more, and forget all points."""
        self._rules = None
        self._switch(is_on=False)
        self.drop_from(0)

    def saved(self) -> Past:
        """Return what ``restore`` needs."""
        return Past(self._rules, tuple(self.points), self.next_number)

    def restore(self, past: Past | None) -> None:
        """Make the past what it was; points given up meanwhile for their memory stay gone."""
        if past is None:
            past = Past(None, (), 0)
        self._rules = past.rules
        self._switch(is_on=past.rules is not None)
        self.points = deque(point for point in past.points if point.saved is not None)
        self.next_number = past.next_number
        self._held_bytes = sum(point.held_bytes for point in self.points)

    # --- going back

    def rewind(self, point: Point) -> None:
        """Make the world what it was at a point; the points from there on are gone."""
        if self._open is not None:
            raise UsageError("a message is running; the history can be gone back in between two")
        self.show(point)
        self.drop_from(point.number)

    def show(self, point: Point) -> None:
        """Make the world what it was at a point, and leave the points alone."""
        if point.saved is None:
            raise UsageError(f"message {point.number} is no longer in the history")
        anchor.rewind(self._world, point.saved)

    def replay(self, point: Point) -> None:
        """Go back to a point and run its message again, recorded as the first time."""
        saved, again = point.saved, point.again
        self.rewind(point)
        assert again is not None
        fresh = self._point(again)
        if point.is_act:
            fresh = self._point(again, point.entry, point.canister, point.caller)
        fresh.saved = saved
        self._run(fresh, again)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Record nothing meanwhile. Requires: somebody brings the world back afterwards."""
        before, self.is_on = self.is_on, False
        try:
            yield
        finally:
            self.is_on = before

    def drop_from(self, number: int) -> None:
        """Forget the points from a number on."""
        while self.points and self.points[-1].number >= number:
            self._held_bytes -= self.points.pop().held_bytes
        self.next_number = min(self.next_number, number)

    # --- recording

    def act(
        self,
        entry: str,
        action: Callable[[], Result],
        *,
        canister: Principal | None = None,
        caller: Principal | None = None,
        again: Callable[[], object] | None = None,
    ) -> Result:
        """Do what a controller asked for, with a point before it. again: if not the same."""
        if not self.is_on or self._open is not None:
            return action()
        return self._run(self._point(again or action, entry, canister, caller), action)

    def submit(self, action: Callable[[], int | Reject]) -> int | Reject:
        """Submit a message from outside that runs at once: its point comes before that."""
        if not self.is_on or self._open is not None:
            return action()

        def again() -> None:
            action()
            self._world.router.step()

        announced = self._point(again)
        submitted = action()
        self._announced = None if isinstance(submitted, Reject) else announced
        return submitted

    def step(self) -> bool:
        """Run the next message, as ``Router.step``."""
        router = self._world.router
        if self._open is not None or not router.queue:
            return router.step()
        point, self._announced = self._announced or self._point(router.step), None
        return self._run(point, router.step)

    # --- what the router tells

    def requested(self, request: Request, context: int | None) -> None:
        """See ``watching.Watcher``."""

    def began(self, context: int, request: Request | None, canister: Principal) -> None:  # noqa: ARG002  # of the protocol
        """See ``watching.Watcher``."""
        point = self._open
        if point is not None and request is not None and not point.is_act:
            _describe(point, request)

    def executed(self, context: int, canister: Principal, entry: str, outcome: Outcome) -> None:  # noqa: ARG002  # of the protocol
        """See ``watching.Watcher``."""
        point = self._open
        if point is None or point.is_act:
            return
        if not point.is_call:
            # A failed callback comes after its cleanup, and it is what the message was.
            point.canister, point.entry = canister, entry
        point.instructions += outcome.instructions
        point.heap_pages += outcome.heap_dirty_pages
        point.stable_pages += outcome.stable_dirty_pages
        point.result = outcome.failure or point.result or outcome.answer

    def answered(self, request: Request, answer: Answer, refund: int) -> None:  # noqa: ARG002  # of the protocol
        """See ``watching.Watcher``."""
        self._answered = self._answered or (request, answer)

    def query_began(
        self, canister: Principal, method: str, argument: bytes, caller: Principal
    ) -> None:
        """See ``watching.Watcher``."""

    def query_executed(self, canister: Principal, entry: str, outcome: Outcome) -> None:
        """See ``watching.Watcher``."""

    def query_ended(self, answer: Answer) -> None:
        """See ``watching.Watcher``."""

    # --- inside

    def _switch(self, *, is_on: bool) -> None:
        self.is_on, self._open, self._announced = is_on, None, None
        others = tuple(it for it in self._world.router.watchers if it is not self)
        self._world.router.watchers = (*others, self) if is_on else others

    def _point(
        self,
        again: Callable[[], object],
        act: str = "",
        canister: Principal | None = None,
        caller: Principal | None = None,
    ) -> Point:
        """Return a point for now, which is not in the ring yet."""
        newest = self.points[-1].saved if self.points else None
        saved = anchor.save(self._world, newest)
        known = {} if newest is None else newest.canisters
        new = (it for id_, it in saved.canisters.items() if it is not known.get(id_))
        return Point(
            self.next_number,
            saved.now_ns,
            canister,
            act,
            caller,
            is_act=bool(act),
            held_bytes=sum(_POINTER_BYTES * len(it.log[0]) for it in new),
            saved=saved,
            again=again,
        )

    def _run(self, point: Point, action: Callable[[], Result]) -> Result:
        """Let the message of a point run, and put the point into the ring."""
        self._open, self._answered = point, None
        try:
            result = action()
        except BaseException:
            self._open = None  # asked wrongly, or interrupted: nothing happened
            raise
        match result:
            case InstallReport():
                point.result, point.instructions = result.failure, result.instructions
            case CanisterRuntime():
                point.canister = result.state.id
            case Reject():
                point.result = result
        if point.is_act:
            point.result = point.result or _DONE
        elif self._answered is not None:
            self._complete(point, *self._answered)
        self._close(point)
        return result

    def _complete(self, point: Point, request: Request, answer: Answer) -> None:
        """Add what an answer tells that was given without, or beside, an execution."""
        if not point.entry:  # a refusal, a mock, the management canister
            _describe(point, request)
        point.result = point.result or answer

    def _close(self, point: Point) -> None:
        """Put a point whose message has run into the ring."""
        assert point.saved is not None
        self._open = None
        self.next_number = point.number + 1
        if self._rules is not None and self._rules.keeps_traps and point.has_trapped:
            self._keep(point, point.saved)
        point.held_bytes += sum(map(_held_bytes, point.saved.canisters.values()))
        self._held_bytes += point.held_bytes
        self.points.append(point)
        self._bound()

    def _keep(self, point: Point, saved: SavedWorld) -> None:
        """Make the state before a trap a snapshot."""
        item = None if point.canister is None else saved.canisters.get(point.canister)
        if item is None or item.capture.state.module is None:
            return
        label = f"before {point.entry} trapped"
        before = Snapshot.taken(
            SnapshotId.of(item.runtime.state.id, 0),
            point.time_ns,
            label,
            item.capture,
            str(self._world.limits),
        )
        kept = self._world.snapshots.adopt(item.runtime, before)
        if isinstance(kept, Reject):
            point.not_kept = kept.message
        else:
            point.snapshot = kept

    def _bound(self) -> None:
        """Let the oldest points go while there are too many, or they hold too much."""
        rules = self._rules
        assert rules is not None
        while self.points and (
            len(self.points) > rules.points or self._held_bytes > rules.budget_bytes
        ):
            oldest = self.points.popleft()
            self._held_bytes -= oldest.held_bytes
            oldest.forget()


def _describe(point: Point, request: Request) -> None:
    point.canister, point.entry, point.caller = request.callee, request.method, request.sender
    point.argument, point.cycles, point.is_call = request.argument, request.cycles, True


def _held_bytes(item: SavedCanister) -> int:
    """Return what is kept of a canister because its message changed it."""
    runtime, capture = item.runtime, item.capture
    if runtime.state is capture.state:
        return 0
    memories = ((runtime.heap, capture.heap), (runtime.stable, capture.stable))
    return sum(
        held.region.kept_bytes(held.mark) if now is held.region else held.region.image_bytes
        for now, held in memories
    )
