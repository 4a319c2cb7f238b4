"""The root of trust of every sandbox: a BLS key whose secret everybody knows.

The secret is 1, so the public key is the generator of G2. Certificates made with it verify
as on the IC, for clients that are given this key, and prove nothing to anybody else.
"""

from __future__ import annotations

from typing import Final

SECRET: Final = 1
# What stands before the 96 bytes of a key on BLS12-381 (DER: algorithm, curve, bit string).
DER_PREFIX: Final = bytes.fromhex(
    "308182301d060d2b0601040182dc7c0503010201060c2b0601040182dc7c05030201036100"
)
ROOT_KEY: Final = DER_PREFIX + bytes.fromhex(
    "93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
    "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
)
