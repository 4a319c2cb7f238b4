"""A call that was submitted and may still be under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.errors import UsageError
from sandbox.messages import Answer, Reject, Reply
from sandbox.world import rounds

if TYPE_CHECKING:
    from sandbox.interface import MethodCodec
    from sandbox.sandbox import Sandbox


class Pending:
    """The answer to come of a submitted update.

    Nothing runs before somebody asks for a result, ticks, or moves the clock: several calls
    can be submitted first, and run in any order the sandbox's seed chooses.
    """

    def __init__(self, sandbox: Sandbox, ingress: int, codec: MethodCodec) -> None:
        self._sandbox = sandbox
        self._ingress = ingress
        self._codec = codec
        self._answer: Answer | None = None

    @property
    def is_done(self) -> bool:
        """Whether the answer is there. Runs nothing."""
        return self._taken() is not None

    def result(self) -> Any:
        """Run what can run now, and return the result as ``Canister.update`` would.

        Raises: CanisterRejected, CanisterTrapped; UsageError while the answer needs the clock
            to move (or will never come).
        """
        return self._codec.decode(self.result_raw())

    def result_raw(self) -> bytes:
        """Run what can run now, and return the reply's bytes. See ``result``."""
        if self._taken() is None:
            with self._sandbox.entered() as world:
                world.settle()
        answer = self._taken()
        if answer is None:
            raise UsageError(f"the call of {self._codec.name!r} has no answer yet: {self._why()}")
        if isinstance(answer, Reject):
            raise answer.to_exception()
        assert isinstance(answer, Reply)
        return answer.data

    def _taken(self) -> Answer | None:
        if self._answer is None:
            with self._sandbox.entered() as world:
                self._answer = world.router.take_answer(self._ingress)
        return self._answer

    def _why(self) -> str:
        with self._sandbox.entered() as world:
            if world.router.queue:
                return rounds.why_unanswered(world)
        return "move the clock with ic.advance(...) until what it waits for has happened"

    def __repr__(self) -> str:
        return f"<call of {self._codec.name!r}, {'done' if self.is_done else 'under way'}>"
