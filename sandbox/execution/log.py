"""A canister's log: what it printed and why it trapped, newest kept.

The log is not part of the transaction (a trapped message's output stays) but it is part
of the world: an anchor puts it back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sandbox.state import LogRecord

if TYPE_CHECKING:
    from collections.abc import Iterable


# What a record counts besides its text, so that empty lines cannot pile up for ever.
_RECORD_BYTES: Final = 32


@dataclass(slots=True)
class CanisterLog:
    """Records in order; when they hold too much, the oldest half goes.

    limit_bytes: what is kept at least, whatever the canister's settings say.
    next_index: what the next record will be called.
    """

    limit_bytes: int
    records: tuple[LogRecord, ...] = ()
    _pending: list[LogRecord] = field(default_factory=list)
    next_index: int = 0
    _bytes: int = 0

    def append(
        self,
        time_ns: int,
        lines: Iterable[str],
        *,
        is_query: bool,
        wanted_bytes: int | None = None,
    ) -> None:
        """Add lines written at one moment.

        wanted_bytes: the setting ``log_memory_limit``; 0 keeps nothing and counts nothing.
        """
        if wanted_bytes == 0:
            return
        for line in lines:
            self._pending.append(LogRecord(self.next_index, time_ns, line, is_query))
            self.next_index += 1
            self._bytes += len(line) + _RECORD_BYTES
        self._trim(max(self.limit_bytes, wanted_bytes or 0))

    def read(self) -> tuple[LogRecord, ...]:
        """Return all records kept, oldest first."""
        if self._pending:
            self.records = (*self.records, *self._pending)
            self._pending.clear()
        return self.records

    def forget_before(self, index: int) -> None:
        """Drop the records older than ``index``."""
        self.restore((tuple(r for r in self.read() if r.index >= index), self.next_index))

    def forget_from(self, index: int) -> None:
        """Take the records from ``index`` on back, as if they had never been written."""
        self.restore((tuple(r for r in self.read() if r.index < index), index))

    def clear(self) -> None:
        """Forget the records; counting goes on."""
        self.records, self._bytes = (), 0
        self._pending.clear()

    def saved(self) -> tuple[tuple[LogRecord, ...], int]:
        """Return what ``restore`` needs to bring this log back."""
        return self.read(), self.next_index

    def restore(self, saved: tuple[tuple[LogRecord, ...], int]) -> None:
        """Become what the log was when ``saved`` was taken."""
        self._pending.clear()
        self.records, self.next_index = saved
        self._bytes = _size(self.records)

    def _trim(self, limit_bytes: int) -> None:
        if self._bytes <= limit_bytes:
            return
        records = list(self.read())
        while records and self._bytes > limit_bytes // 2:
            half = max(1, len(records) // 2)
            self._bytes -= _size(records[:half])
            records = records[half:]
        self.records = tuple(records)


def _size(records: Iterable[LogRecord]) -> int:
    return sum(len(record.text) + _RECORD_BYTES for record in records)
