"""``world.json``: the one file that says what a world is, with its own BLAKE3.

``{"format": 1, "blake3": "…", "world": …}``: the digest is of ``world`` as JSON without spaces
and with all but ASCII escaped, its keys in the order they stand in.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sandbox.durable.plain import decode, encode
from sandbox.durable.records import KNOWN, WorldRecord
from sandbox.errors import UsageError
from snapshot.ids import digest_of
from snapshot.store.files import NewFile

if TYPE_CHECKING:
    from pathlib import Path

    from snapshot.store import Store

_FORMAT: Final = 1


def publish_record(record: WorldRecord, path: Path, store: Store) -> None:
    """Put a record in the place of the last one, at once and durably. Raises: StoreWriteFailed."""
    text = _text(encode(record, KNOWN))
    head = json.dumps({"format": _FORMAT, "blake3": digest_of([text])})
    data = head[:-1].encode() + b', "world": ' + text + b"}\n"
    with NewFile(store.disk, store.temporary_path) as file:
        file.append([data])
        file.publish(path)


def read_record(path: Path) -> WorldRecord | None:
    """Return the record, None when there is none yet. Raises: UsageError for a damaged one."""
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise UsageError(f"{path} is not a world of this version of the sandbox")
    if digest_of([_text(data.get("world"))]) != data.get("blake3"):
        raise UsageError(f"{path} is damaged: it does not hash to the BLAKE3 it carries")
    record = decode(data["world"], KNOWN)
    if not isinstance(record, WorldRecord):
        raise UsageError(f"{path} does not hold a world")
    return record


def _text(world: Any) -> bytes:
    """Return the one spelling of a world's JSON that its digest is about."""
    return json.dumps(world, separators=(",", ":")).encode()
