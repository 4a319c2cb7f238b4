"""What differs between two decoded Candid values, told by paths such as ``accounts[3].owner``.

Works on the Python values of ``sandbox.candid``: mappings are records, tuples and lists are
vectors. Ask both states the same query and compare the answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


class Absent(Enum):
    """Stands for what one of two values does not have."""

    ABSENT = "absent"


# In the place of a value that one side does not have.
ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class ValueChange:
    """One place where two values differ; ``ABSENT`` where one has nothing there."""

    path: str
    before: Any
    after: Any


def diff_values(before: Any, after: Any, path: str = "") -> Iterator[ValueChange]:
    """Yield the smallest parts that differ, in the order of the first value."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            place = f"{path}.{key}" if path else str(key)
            yield from diff_values(before.get(key, ABSENT), after.get(key, ABSENT), place)
    elif _is_vector(before) and _is_vector(after):
        for at in range(max(len(before), len(after))):
            old = before[at] if at < len(before) else ABSENT
            new = after[at] if at < len(after) else ABSENT
            yield from diff_values(old, new, f"{path}[{at}]")
    elif type(before) is not type(after) or before != after:
        yield ValueChange(path, before, after)


def _is_vector(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray))
