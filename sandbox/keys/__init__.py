"""Threshold keys without the threshold: real keys, derived from the sandbox's seed.

Derivation and signatures are those of the IC's own libraries, so that a canister, or its
tests, can derive and verify with the public key alone. Not for secrets: whoever knows the
seed knows every key.
"""

from __future__ import annotations
