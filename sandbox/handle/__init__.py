"""What users hold of a canister: an id with everything one can do with it.

``canister`` calls methods, ``managing`` installs and keeps snapshots, ``inspection`` looks
inside; ``base`` is what they share.
"""

from sandbox.handle.canister import Canister
from sandbox.handle.managing import CanisterStatus

__all__ = ["Canister", "CanisterStatus"]
