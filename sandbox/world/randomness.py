"""Randomness from the sandbox's seed: the same seed, the same bytes in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256


@dataclass(slots=True)
class Randomness:
    """A stream of bytes. drawn: how many draws so far; an anchor puts it back."""

    seed: int
    drawn: int = 0

    def draw(self) -> bytes:
        """Return the next 32 bytes."""
        self.drawn += 1
        return sha256(f"canister-sandbox raw_rand {self.seed} {self.drawn}".encode()).digest()

    def below(self, bound: int) -> int:
        """Return a number from 0 to ``bound - 1``."""
        # The bias is bound / 2^256: none to speak of.
        return int.from_bytes(self.draw(), "big") % bound

    def secret(self, purpose: str) -> bytes:
        """Return 32 bytes that depend on the seed and the purpose only; draws nothing."""
        return sha256(f"canister-sandbox secret {self.seed} {purpose}".encode()).digest()
