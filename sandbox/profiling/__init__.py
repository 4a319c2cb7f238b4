"""Profiles: which functions used up the instructions of messages.

``with ic.profile() as profile:`` collects, ``print(profile)`` lists the functions,
``profile.save("calls.svg")`` draws a flame graph. Counted, not sampled: the numbers are
those that are charged, and add up to them.
"""

from sandbox.profiling.profile import Profile
from sandbox.profiling.tree import FunctionCost, Node

__all__ = ["FunctionCost", "Node", "Profile"]
