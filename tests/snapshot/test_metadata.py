"""metadata.json: byte for byte as dfx writes it, and hostile ones refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshot.content import GlobalValue
from snapshot.directory import DirectoryRefused, NotRepresentable
from snapshot.directory.metadata import decode, encode
from snapshot.record import Source
from snapshot.transfer import Metadata

HERE = Path("metadata.json")

# The sample of reference/snapshot_directory_format.md section 2, its hash in full length.
SAMPLE = Metadata(
    source=Source.TAKEN,
    taken_on=1754900000000000000,
    module_bytes=1187,
    globals=(GlobalValue("i32", 1048576), GlobalValue("v128", 7 | 1 << 64)),
    heap_bytes=1114112,
    stable_bytes=0,
    chunk_hashes=(bytes([1, 2]) * 16,),
    canister_version=5,
    certified_data=b"",
    timer_ns=0,
    low_memory_hook="condition_not_satisfied",
)
SAMPLE_TEXT = (
    """{
  "source": {
    "taken_from_canister": null
  },
  "taken_at_timestamp": 1754900000000000000,
  "wasm_module_size": 1187,
  "globals": [
    {
      "i32": 1048576
    },
    {
      "v128": [
        7,
        0,
        1
      ]
    }
  ],
  "wasm_memory_size": 1114112,
  "stable_memory_size": 0,
  "wasm_chunk_store": [
    {
      "hash": [
        """
    + ",\n        ".join(["1", "2"] * 16)
    + """
      ]
    }
  ],
  "canister_version": 5,
  "certified_data": [],
  "global_timer": "inactive",
  "on_low_wasm_memory_hook_status": "condition_not_satisfied"
}"""
)


def fields(**changes: Any) -> bytes:
    return json.dumps(json.loads(SAMPLE_TEXT) | changes).encode()


def test_the_text_is_the_samples() -> None:
    assert encode(SAMPLE) == SAMPLE_TEXT
    assert decode(SAMPLE_TEXT.encode(), HERE) == SAMPLE


_BITS = {"i32": 32, "i64": 64, "v128": 128}
_global = st.one_of(
    *(
        st.builds(GlobalValue, st.just(type_), st.integers(0, (1 << bits) - 1))
        for type_, bits in _BITS.items()
    ),
    st.integers(0, (1 << 64) - 1).map(lambda bits: GlobalValue("f64", bits)),
    st.integers(0, (1 << 32) - 1).map(lambda bits: GlobalValue("f32", bits)),
)


@given(st.lists(_global, max_size=8), st.none() | st.integers(0, (1 << 64) - 1))
def test_every_metadata_reads_back_or_is_refused_for_a_float(
    values: list[GlobalValue], timer: int | None
) -> None:
    metadata = Metadata(1, tuple(values), 0, 0, bytes(range(32)), timer)

    try:
        text = encode(metadata)
    except NotRepresentable:
        unusual = [value for value in values if value.type in ("f32", "f64")]
        assert any(value.number in (float("inf"), -float("inf")) or value.number != value.number
                   for value in unusual)  # fmt: skip
    else:
        assert decode(text.encode(), HERE) == metadata


def test_a_lossy_nan_is_null_as_dfx_writes_it_and_refused_when_read() -> None:
    metadata = Metadata(1, (GlobalValue("f64", 0x7FF8_0000_0000_0001),), 0, 0)

    text = encode(metadata, lossy=True)

    assert '"f64": null' in text
    with pytest.raises(DirectoryRefused, match="not a number, and its bits are lost"):
        decode(text.encode(), HERE)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'{"wasm_module_size": NaN}', "NaN is not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b" " * (5 << 20), "longer than"),
        (fields(globals=None), "globals is missing or not a list"),
        (fields(globals=[None]), "Could not parse global in snapshot metadata"),
        (fields(globals=[{"i32": 1, "i64": 2}]), "global 0 is not one of"),
        (fields(globals=[{"i31": 1}]), "not one of i32"),
        (fields(globals=[{"i32": 1 << 31}]), "not an integer from -2147483648"),
        (fields(globals=[{"i32": True}]), "not an integer"),
        (fields(globals=[{"i64": 1.0}]), "not an integer"),
        (fields(globals=[{"f32": 1e39}]), "too large for its type"),
        (fields(globals=[{"f64": "1"}]), "not a number"),
        (fields(globals=[{"f64": None}]), "its bits are lost"),
        (fields(globals=[{"f64": 10**400}]), "too large"),
        (fields(globals=[{"v128": [1 << 32]}]), "not an integer from 0"),
        (fields(globals=[{"v128": [0, 0, 0, 0, 1]}]), "larger than 128 bits"),
        (fields(globals=[{"v128": 5}]), "not a list of 32-bit digits"),
        (fields(wasm_memory_size=-1), "wasm_memory_size is -1"),
        (fields(wasm_memory_size=1 << 64), "wasm_memory_size is"),
        (fields(stable_memory_size="0"), "stable_memory_size is '0'"),
        (fields(wasm_chunk_store=[{"hash": [1, 2]}]), "2 bytes instead of 32"),
        (fields(wasm_chunk_store=[{"hash": [256] * 32}]), "a byte of a chunk's hash is 256"),
        (fields(wasm_chunk_store=["../../etc/passwd"]), "no hash"),
        (fields(certified_data=[-1]), "a byte of certified_data is -1"),
        (fields(global_timer={"active": -1}), "global_timer is -1"),
        (fields(global_timer="soon"), "neither"),
        (fields(on_low_wasm_memory_hook_status="maybe"), "not one of"),
        (fields(source={"stolen": None}), "source is neither"),
    ],
)  # fmt: skip
def test_hostile_text_is_refused_with_its_reason(text: bytes, reason: str) -> None:
    with pytest.raises(DirectoryRefused) as caught:
        decode(text, HERE)

    assert reason in str(caught.value)
    assert caught.value.path == HERE


def test_fields_that_may_be_missing_or_unknown_are_no_fault() -> None:
    given_fields = json.loads(SAMPLE_TEXT) | {"new_in_2027": [1]}
    for name in ("source", "global_timer", "on_low_wasm_memory_hook_status"):
        del given_fields[name]

    metadata = decode(json.dumps(given_fields).encode(), HERE)

    assert (metadata.source, metadata.timer_ns, metadata.low_memory_hook) == (None, None, None)
