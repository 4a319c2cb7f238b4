"""Which message comes next.

Without a seed: first in, first out. A message's calls are queued in the order it made them,
before its answer; heartbeats and timers are queued in the order of canister ids.

With a seed another order that the IC could also have taken: any message may come next, but
requests from one sender to one callee stay in order, and so do the tasks of one canister.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world.traffic import Message, Request, Response

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable


def take_next(
    queue: deque[Message],
    choose: Callable[[int], int] | None,
    waits: Callable[[Message], bool] | None = None,
) -> Message:
    """Remove the next message from a queue that is not empty.

    choose: a number below the given one; None: first in, first out.
    waits: whether a message's canister takes no more in this round. Requires: not all do.
    """
    if waits is None and (choose is None or len(queue) == 1):
        return queue.popleft()
    places = _legal_places(queue)
    if waits is not None:
        places = [place for place in places if not waits(queue[place])]
    place = places[choose(len(places)) if choose else 0]
    message = queue[place]
    del queue[place]
    return message


def _legal_places(queue: deque[Message]) -> list[int]:
    """Return where the messages stand that no earlier one has to precede."""
    seen: set[object] = set()
    places = []
    for place, message in enumerate(queue):
        lane = _lane(message)
        if lane not in seen:
            places.append(place)
            seen.add(lane)
    return places


def _lane(message: Message) -> object:
    """Return what keeps messages in order among themselves."""
    if isinstance(message, Request):
        # Ingress messages are not ordered, not even those of one user.
        return message.ingress if message.callback is None else (message.sender, message.callee)
    if isinstance(message, Response):
        return ("response", message.callback)
    return ("task", message.canister)
