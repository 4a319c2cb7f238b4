"""The management canister, ``aaaaa-aa``: every method of ``ic.did`` that one machine can offer."""

from __future__ import annotations

from sandbox.management.facade import ManagementCanister

__all__ = ["ManagementCanister"]
