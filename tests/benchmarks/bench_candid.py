"""What Candid costs, beside the published codecs: ``python tests/benchmarks/bench_candid.py``.

The others take part where they can be imported (``pip install icp-py-core ic-py``, best
in a virtual environment of their own, with this checkout on PYTHONPATH). All read and
write the same values in the same run and must agree on them; ratios are what matters.
"""

from __future__ import annotations

import platform
import random
import sys
from functools import partial
from importlib import import_module, metadata
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.report import Row, markdown
from sandbox.candid import Codec, parse_types
from sandbox.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1 << 20
RECORDS = 10_000
RECORD_TYPE = (
    "record { name : text; email : text; id : nat64; balance : nat; "
    "owner : principal; nick : opt text }"
)
# The slowest of the others takes 20 s for a blob: one try, the rest of us several.
TRIES, LONG_MS = 15, 300.0

# Types of other packages, which may not be there.
Module: TypeAlias = Any


class Contender(NamedTuple):
    """One codec: how it encodes and decodes the two subjects."""

    name: str
    encode_records: Callable[[], bytes]
    decode_records: Callable[[bytes], object]
    encode_blob: Callable[[], bytes]
    decode_blob: Callable[[bytes], object]


class Subject(NamedTuple):
    """What is encoded: principals as bytes, as the others take them."""

    records: list[dict[str, Any]]
    blob: bytes


def subject() -> Subject:
    """Return values as a ledger or a user registry has them."""
    source = random.Random(1)
    records = [
        {
            "name": f"user{number}",
            "email": f"user{number}@example.com",
            "id": number * 12_345,
            "balance": source.randrange(10**12),
            "owner": source.randbytes(10),
            "nick": None if number % 3 else "bob",
        }
        for number in range(RECORDS)
    ]
    return Subject(records, source.randbytes(MIB))


def ours(given: Subject) -> Contender:
    """Return this project's codec."""
    records = [{**record, "owner": Principal(record["owner"])} for record in given.records]
    of_records = Codec(*parse_types(f"(vec {RECORD_TYPE})"))
    of_blob = Codec(*parse_types("(blob)"))
    return Contender(
        "this codec",
        lambda: of_records.encode((records,)),
        of_records.decode,
        lambda: of_blob.encode((given.blob,)),
        of_blob.decode,
    )


def published(name: str, package: str, given: Subject) -> Contender | None:
    """Return one of the packages from PyPI, None where it is not installed."""
    try:
        codec: Module = import_module(package)
    except ImportError:
        return None
    types = codec.Types
    record = types.Record(
        {
            "name": types.Text,
            "email": types.Text,
            "id": types.Nat64,
            "balance": types.Nat,
            "owner": types.Principal,
            "nick": types.Opt(types.Text),
        }
    )
    of_records, of_blob = types.Vec(record), types.Vec(types.Nat8)
    # They take the bytes of a principal, and opt as a list of none or one.
    records = [
        {**each, "nick": [] if each["nick"] is None else [each["nick"]]} for each in given.records
    ]
    return Contender(
        name,
        lambda: bytes(codec.encode([{"type": of_records, "value": records}])),
        lambda data: codec.decode(data, of_records),
        lambda: bytes(codec.encode([{"type": of_blob, "value": given.blob}])),
        lambda data: codec.decode(data, of_blob),
    )


def best_ms(*actions: Callable[[], object]) -> list[float]:
    """Return the best CPU time of each action in ms.

    They take turns, so that a machine that is busy for a while disturbs all of them;
    what takes long has one try.
    """
    best = [float("inf")] * len(actions)
    for _ in range(TRIES):
        for number, action in enumerate(actions):
            if LONG_MS < best[number] < float("inf"):
                continue
            start = process_time()
            action()
            best[number] = min(best[number], (process_time() - start) * 1e3)
    return best


def rows() -> list[Row]:
    """Return the table's rows, and for each the ratio to the fastest other codec."""
    given = subject()
    mine = ours(given)
    found = (
        published("icp-py-core", "icp_candid.candid", given),
        published("ic-py", "ic.candid", given),
    )
    others = [other for other in found if other is not None]
    records, blob = mine.encode_records(), mine.encode_blob()
    for other in others:
        # Type tables may be ordered differently; the values must be the same.
        assert mine.decode_records(other.encode_records()) == mine.decode_records(records)
    all_ = [mine, *others]
    subjects: dict[str, list[Callable[[], object]]] = {
        "encode 10,000 records of six fields": [each.encode_records for each in all_],
        "decode them at their type": [partial(each.decode_records, records) for each in all_],
        "encode a blob of 1 MiB": [each.encode_blob for each in all_],
        "decode it": [partial(each.decode_blob, blob) for each in all_],
    }
    compared = []
    for what, actions in subjects.items():
        time_ms, *rivals = best_ms(*actions)
        named = {other.name: rival for other, rival in zip(others, rivals, strict=True)}
        compared.append(Row(f"Candid: {what}", f"{time_ms:.2f} ms", ratio=beside(time_ms, named)))
    return [*compared, *own_rows(records)]


def beside(time_ms: float, rivals: dict[str, float]) -> str:
    """Return what the others took, and how many times faster this codec is."""
    if not rivals:
        return ""
    each = ", ".join(f"{name} {rival:.1f} ms" for name, rival in rivals.items())
    return f"{each}: {min(rivals.values()) / time_ms:.1f} times faster than the faster one"


def own_rows(records: bytes) -> list[Row]:
    """Return rows that have no counterpart: first use, small messages, other shapes."""
    types, env = parse_types(f"(vec {RECORD_TYPE})")
    value = ([{"name": "", "email": "", "id": 0, "balance": 0, "owner": Principal(b"")}],)
    message = Codec(types, env).encode(value)
    pair = Codec(*parse_types("(nat, text)"))
    small = pair.encode((5, "hello"))
    numbers = Codec(*parse_types("(vec nat64)"))
    million = numbers.encode((list(range(10**6)),))
    timed = {
        "first encode of a type": lambda: Codec(types, env).encode(value),
        "first decode of a type": lambda: Codec(types, env).decode(message),
        "encode (nat, text)": lambda: pair.encode((5, "hello")),
        "decode (nat, text)": lambda: pair.decode(small),
        "decode 1,000,000 nat64": lambda: numbers.decode(million),
        "skip the 10,000 records": lambda: Codec(()).decode(records),
    }
    return [Row(f"Candid: {what}", f"{best_ms(act)[0]:.3f} ms") for what, act in timed.items()]


def versions() -> str:
    """Return a line about the machine and the codecs."""
    names = []
    for name in ("icp-py-core", "ic-py"):
        try:
            names.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            names.append(f"{name} is not installed")
    return f"{platform.machine()}, Python {platform.python_version()}, {', '.join(names)}"


if __name__ == "__main__":
    print(f"Measured on {versions()}\n")
    print(markdown(rows()))
