"""A world in a directory: what ``canister-sandbox --state DIR`` keeps between invocations."""

from sandbox.durable.care import check_directory
from sandbox.durable.directory import WorldDirectory

__all__ = ["WorldDirectory", "check_directory"]
