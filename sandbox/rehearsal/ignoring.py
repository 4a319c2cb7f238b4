"""Ignore rules: what of an answer is not compared.

A rule is a method, ``now``, or a method and a path inside its value, ``stats.uptime``,
``log[*].time``, ``#ok`` of a variant as ``result.#ok``; ``*`` stands for any one name, ``[*]``
for any item. What lies below a path is ignored with it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_BELOW: Final = r"(?:$|[.\[])"
_ANY_ITEM, _ANY_NAME = re.escape("[*]"), re.escape("*")


def is_ignored(rules: Iterable[str], method: str, path: str) -> bool:
    """Whether a place in the answer of a method is not to be compared."""
    return any(_matches(rule, method, path) for rule in rules)


def method_of(rule: str, methods: Iterable[str]) -> str | None:
    """Return which of these methods a rule is about, None for none of them."""
    about = (name for name in methods if rule == name or rule.startswith((f"{name}.", f"{name}[")))
    return max(about, key=len, default=None)


def _matches(rule: str, method: str, path: str) -> bool:
    if rule == method:
        return True
    rest = rule.removeprefix(method)
    if rest == rule or not rest.startswith((".", "[")):
        return False
    return _pattern(rest).match(path) is not None


@lru_cache(maxsize=256)
def _pattern(path: str) -> re.Pattern[str]:
    escaped = re.escape(path).replace(_ANY_ITEM, r"\[\d+\]").replace(_ANY_NAME, r"[^.\[]+")
    return re.compile(escaped + _BELOW)
