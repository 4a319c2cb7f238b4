"""What everything costs: the fee table of a 13-node application subnet.

All amounts are cycles. ``FREE`` is the same table with nothing in it.
Source: reference/limits_and_costs.md section 3 (rs/config, rs/cycles_account_manager).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SECONDS_PER_DAY: Final = 86_400
LONGEST_RESPONSE_BYTES: Final = 2 << 20
LONGEST_RESERVATION_S: Final = 300_000_000
_GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Prices:
    """One fee table.

    Of an HTTP outcall: ``nodes`` is the subnet's size, the per-byte fees are per node.
    """

    name: str = "application subnet, 13 nodes"
    nodes: int = 13
    creation: int = 500_000_000_000
    message: int = 5_000_000
    instruction: int = 1
    instruction_wasm64: int = 2
    ingress: int = 1_200_000
    ingress_byte: int = 2_000
    call: int = 260_000
    call_byte: int = 1_000
    gib_second: int = 127_000
    compute_percent_second: int = 10_000_000
    signature: int = 10_000_000_000
    outcall: int = 3_000_000
    outcall_per_node: int = 60_000
    outcall_request_byte: int = 400
    outcall_response_byte: int = 800

    def execution(self, instructions: int, *, is_64: bool) -> int:
        """Return what a message of so many instructions costs."""
        each = self.instruction_wasm64 if is_64 else self.instruction
        return self.message + instructions * each

    @property
    def longest_response(self) -> int:
        """Return what is prepaid for a response's way back."""
        return self.call_byte * LONGEST_RESPONSE_BYTES

    def call_fee(self, instruction_limit: int, *, is_64: bool) -> int:
        """Return what a call costs whatever its size, the prepaid parts included."""
        return self.call + self.longest_response + self.execution(instruction_limit, is_64=is_64)

    def memory(self, size_bytes: int, seconds: int) -> int:
        """Return what storing some bytes for some seconds costs."""
        return size_bytes * self.gib_second * seconds // _GIB

    def ingress_induction(self, size_bytes: int) -> int:
        """Return what the receiver pays for an ingress message of this size."""
        return self.ingress + self.ingress_byte * size_bytes

    def http_outcall(self, request_bytes: int, max_response_bytes: int) -> int:
        """Return what an HTTP outcall costs, whatever comes back."""
        return self.nodes * (
            self.outcall
            + self.outcall_per_node * self.nodes
            + self.outcall_request_byte * request_bytes
            + self.outcall_response_byte * max_response_bytes
        )


# What an application subnet of 13 nodes charges.
MAINNET_13_NODES: Final = Prices()
# Nothing costs anything.
FREE: Final = Prices(
    name="free",
    creation=0,
    message=0,
    instruction=0,
    instruction_wasm64=0,
    ingress=0,
    ingress_byte=0,
    call=0,
    call_byte=0,
    gib_second=0,
    compute_percent_second=0,
    signature=0,
    outcall=0,
    outcall_per_node=0,
    outcall_request_byte=0,
    outcall_response_byte=0,
)
