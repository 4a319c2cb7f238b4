"""metadata.json: the text of a snapshot's metadata, exactly as dfx and icp-cli write it.

Reading is strict: a number of the wrong type or range, a key twice, a constant JSON does not
have, anything that could be read in two ways is refused with its place.
Source: reference/snapshot_directory_format.md section 2.
"""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING, Any, Final

from snapshot.content import GlobalValue
from snapshot.directory.errors import DirectoryRefused, NotRepresentable
from snapshot.directory.json_text import Float, pretty
from snapshot.record import Source
from snapshot.transfer import Metadata

if TYPE_CHECKING:
    from pathlib import Path

# 1,000 globals and 100 chunk hashes, one array element per line, are some 200 KB.
MAX_BYTES: Final = 4 << 20
_U64: Final = 1 << 64
_HASH_BYTES: Final = 32
_INTEGER_BITS: Final = {"i32": 32, "i64": 64}
_HOOKS: Final = ("condition_not_satisfied", "ready", "executed")


class _Invalid(ValueError):
    """Something in the text is wrong; the message says what."""


def encode(metadata: Metadata, *, lossy: bool = False) -> str:
    """Return the text.

    lossy: write a float that is infinite or no number as ``null``, as dfx does; such a file
        cannot be read back by anybody.

    Raises: NotRepresentable, unless ``lossy``.
    """
    if not lossy:
        _check_floats(metadata.globals)
    source = metadata.source
    fields = {
        "source": None if source is None else {str(source): None},
        "taken_at_timestamp": metadata.taken_on,
        "wasm_module_size": metadata.module_bytes,
        "globals": [{value.type: _shown(value)} for value in metadata.globals],
        "wasm_memory_size": metadata.heap_bytes,
        "stable_memory_size": metadata.stable_bytes,
        "wasm_chunk_store": [{"hash": list(hash_)} for hash_ in metadata.chunk_hashes],
        "canister_version": metadata.canister_version,
        "certified_data": list(metadata.certified_data),
        "global_timer": _shown_timer(metadata.timer_ns),
        "on_low_wasm_memory_hook_status": metadata.low_memory_hook,
    }
    return pretty(fields)


def decode(text: bytes, path: Path) -> Metadata:
    """Read the text of the file at ``path``.

    Raises: DirectoryRefused.
    """
    if len(text) > MAX_BYTES:
        raise DirectoryRefused(path, f"it is longer than {MAX_BYTES} bytes")
    try:
        fields = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
        return _metadata(fields)
    except _Invalid as error:
        raise DirectoryRefused(path, str(error)) from error
    except (ValueError, RecursionError) as error:
        raise DirectoryRefused(path, f"it is not JSON: {error}") from error


def _metadata(fields: Any) -> Metadata:
    if not isinstance(fields, dict):
        raise _Invalid("it is not a JSON object")
    return Metadata(
        source=_source(fields.get("source")),
        taken_on=_count(fields, "taken_at_timestamp"),
        module_bytes=_count(fields, "wasm_module_size"),
        globals=tuple(_global(item, at) for at, item in enumerate(_list(fields, "globals"))),
        heap_bytes=_count(fields, "wasm_memory_size"),
        stable_bytes=_count(fields, "stable_memory_size"),
        chunk_hashes=tuple(_hash(item) for item in _list(fields, "wasm_chunk_store")),
        canister_version=_count(fields, "canister_version"),
        certified_data=_bytes(_list(fields, "certified_data"), "certified_data"),
        timer_ns=_timer(fields.get("global_timer")),
        low_memory_hook=_hook(fields.get("on_low_wasm_memory_hook_status")),
    )


# --- writing


def _shown(value: GlobalValue) -> Any:
    if value.type in _INTEGER_BITS:
        half = 1 << (_INTEGER_BITS[value.type] - 1)
        return (value.bits + half) % (2 * half) - half
    if value.type == "v128":
        return [
            value.bits >> shift & 0xFFFF_FFFF for shift in range(0, value.bits.bit_length(), 32)
        ]
    return Float(float(value.number), int(value.type[1:]))


def _shown_timer(timer_ns: int | None) -> Any:
    if timer_ns is None:
        return None
    return {"active": timer_ns} if timer_ns else "inactive"


def _check_floats(values: tuple[GlobalValue, ...]) -> None:
    for at, value in enumerate(values):
        if value.type in ("f32", "f64") and not math.isfinite(value.number):
            raise NotRepresentable(
                f"global {at} is the {value.type} {value.number} (bits {value.bits:#x}), for "
                "which metadata.json has no form: dfx writes null and cannot read it back. A store "
                "keeps it; lossy (--lossy) writes the null, for a directory to look into only"
            )


# --- reading


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _Invalid(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice")
    return fields


def _constant(name: str) -> Any:
    raise _Invalid(f"{name} is not JSON")


def _count(fields: dict[str, Any], key: str) -> int:
    if key not in fields:
        raise _Invalid(f"{key} is missing")
    return _integer(fields[key], 0, _U64, key)


def _integer(value: Any, low: int, end: int, what: str) -> int:
    if type(value) is not int or not low <= value < end:
        raise _Invalid(f"{what} is {value!r:.40}, not an integer from {low} to {end - 1}")
    return value


def _list(fields: dict[str, Any], key: str) -> list[Any]:
    value = fields.get(key)
    if not isinstance(value, list):
        raise _Invalid(f"{key} is missing or not a list")
    return value


def _bytes(values: list[Any], what: str) -> bytes:
    return bytes(_integer(value, 0, 256, f"a byte of {what}") for value in values)


def _hash(item: Any) -> bytes:
    if not isinstance(item, dict) or not isinstance(item.get("hash"), list):
        raise _Invalid("an entry of wasm_chunk_store is no hash")
    hash_ = _bytes(item["hash"], "a chunk's hash")
    if len(hash_) != _HASH_BYTES:
        raise _Invalid(f"a chunk's hash has {len(hash_)} bytes instead of {_HASH_BYTES}")
    return hash_


def _global(item: Any, at: int) -> GlobalValue:
    if item is None:
        raise _Invalid(f"Could not parse global in snapshot metadata: global {at} is null")
    if not isinstance(item, dict) or len(item) != 1:
        raise _Invalid(f"global {at} is not one of i32, i64, f32, f64, v128")
    ((type_, value),) = item.items()
    what = f"global {at} ({type_})" if len(type_) <= 8 else f"global {at}"
    if type_ in _INTEGER_BITS:
        half = 1 << (_INTEGER_BITS[type_] - 1)
        return GlobalValue(type_, _integer(value, -half, half, what) % (2 * half))
    if type_ in ("f32", "f64"):
        return GlobalValue(type_, _float_bits(value, type_, what))
    if type_ == "v128":
        return GlobalValue(type_, _digits(value, what))
    raise _Invalid(f"{what} is not one of i32, i64, f32, f64, v128")


def _float_bits(value: Any, type_: str, what: str) -> int:
    if value is None:
        raise _Invalid(f"{what} is null: it was infinite or not a number, and its bits are lost")
    if type(value) not in (int, float):
        raise _Invalid(f"{what} is {value!r:.40}, not a number")
    layout = "<f" if type_ == "f32" else "<d"
    try:
        packed = struct.pack(layout, float(value))
    except OverflowError:
        raise _Invalid(f"{what} is {value!r:.40}, too large for its type") from None
    if math.isinf(float(value)):
        raise _Invalid(f"{what} is {value!r:.40}, too large for its type")
    return int.from_bytes(packed, "little")


def _digits(value: Any, what: str) -> int:
    if not isinstance(value, list):
        raise _Invalid(f"{what} is not a list of 32-bit digits")
    digits = [_integer(digit, 0, 1 << 32, f"a digit of {what}") for digit in value]
    bits = sum(digit << 32 * place for place, digit in enumerate(digits[:5]))
    if bits >> 128 or any(digits[5:]):
        raise _Invalid(f"{what} is larger than 128 bits")
    return bits


def _source(value: Any) -> Source | None:
    if value is None:
        return None
    if isinstance(value, dict) and len(value) == 1:
        (name,) = value
        if name in (Source.TAKEN, Source.UPLOADED):
            return Source(name)
    raise _Invalid("source is neither taken_from_canister nor metadata_upload")


def _timer(value: Any) -> int | None:
    if value is None:
        return None
    if value == "inactive":
        return 0
    if isinstance(value, dict) and set(value) == {"active"}:
        return _integer(value["active"], 0, _U64, "global_timer")
    raise _Invalid('global_timer is neither "inactive" nor {"active": ns}')


def _hook(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value in _HOOKS):
        return value
    raise _Invalid(f"on_low_wasm_memory_hook_status is not one of {', '.join(_HOOKS)}")
