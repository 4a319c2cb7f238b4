"""``fetch_canister_logs``: which records of a log come, and who may see them.

Source: replica canister_logs.rs and ring_buffer.rs, ``records``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.management.call import refuse
from sandbox.world.controlling import with_help

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.candid.values import VariantValue
    from sandbox.management.call import ManagementCall
    from sandbox.state import LogRecord

_FETCHED_BYTES: Final = 2_000_000
# What a record counts besides its content: number, time, length.
_RECORD_BYTES: Final = 16


def logs(call: ManagementCall) -> dict[str, Any]:
    """Return the records that fit into a reply: the newest, or the oldest that a filter finds."""
    runtime = call.target()
    settings = runtime.state.settings
    if not settings.lets_see(call.caller, settings.log_visibility):
        raise refuse(
            "IC0406",
            with_help(f"Caller {call.caller} is not allowed to access canister logs", "").rstrip(),
        )
    kept = [record for record in runtime.log.read() if not record.is_query]
    wanted: VariantValue | None = call.argument["filter"]
    if wanted is None:
        records = _fitting(reversed(kept))[::-1]
    else:
        records = _fitting(record for record in kept if _is_found(record, wanted))
    return {"canister_log_records": records}


def _is_found(record: LogRecord, wanted: VariantValue) -> bool:
    place = record.index if wanted.tag == "by_idx" else record.time_ns
    return bool(wanted.value["start"] <= place < wanted.value["end"])


def _fitting(records: Iterable[LogRecord]) -> list[dict[str, Any]]:
    """Return the first records, as many as a reply holds."""
    found, size_bytes = [], 0
    for record in records:
        content = record.text.encode()
        size_bytes += len(content) + _RECORD_BYTES
        if size_bytes > _FETCHED_BYTES:
            break
        found.append({"idx": record.index, "timestamp_nanos": record.time_ns, "content": content})
    return found
