"""How much work a message may ask for, beyond what its own length pays.

Fourteen bytes can announce ten million nulls, and a table of a hundred types can
describe a value of 2^100 nodes. Bytes are their own limit; these are for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.candid.errors import CandidDecodeError


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for decoding; the defaults are far above what canisters send.

    types: entries of the type table; the Rust library, and so the replica, has the same limit.
    members: fields, methods, arguments and results in the table, all together.
    unpaid_nodes: nodes of values beyond 16 per byte, for example nulls in a vector.
    depth: values inside one another; each level costs about a kilobyte while it is open.
    """

    types: int = 10_000
    members: int = 20_000
    unpaid_nodes: int = 100_000
    depth: int = 200_000


DEFAULT_LIMITS = Limits()


class Meter:
    """What is left of the limits while one message is decoded."""

    __slots__ = ("depth", "unpaid_nodes")

    def __init__(self, limits: Limits) -> None:
        self.unpaid_nodes = limits.unpaid_nodes
        self.depth = limits.depth

    def charge(self, nodes: int, place: int) -> None:
        """Count nodes that no bytes pay for.

        Raises: CandidDecodeError.
        """
        self.unpaid_nodes -= nodes
        if self.unpaid_nodes < 0:
            raise CandidDecodeError(place, "the value has more parts than its bytes can pay")
