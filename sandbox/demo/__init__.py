"""The rollback story on real Motoko canisters, as a function that tells it."""

from sandbox.demo.story import Line, tell

__all__ = ["Line", "tell"]
