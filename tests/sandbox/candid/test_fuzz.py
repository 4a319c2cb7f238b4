"""The decoder against the specification written down naively, on valid and on broken bytes.

The oracle reads a message into a tree of wire values, then coerces the tree, exactly
as the specification describes it and without any thought of speed or of attackers.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sandbox import candid
from sandbox.candid import CandidDecodeError, Codec, strategies
from sandbox.candid.subtyping import subtype
from sandbox.candid.types import (
    Env,
    Field,
    Func,
    Mode,
    Opt,
    Prim,
    Record,
    Ref,
    Service,
    Type,
    Variant,
    Vec,
)
from sandbox.candid.values import FuncRef, RecordValue, ServiceRef, Some, Value, VariantValue
from sandbox.principal import Principal

PRIMITIVES = dict(zip(range(-1, -18, -1), [
    Prim.NULL, Prim.BOOL, Prim.NAT, Prim.INT, Prim.NAT8, Prim.NAT16, Prim.NAT32, Prim.NAT64,
    Prim.INT8, Prim.INT16, Prim.INT32, Prim.INT64, Prim.FLOAT32, Prim.FLOAT64, Prim.TEXT,
    Prim.RESERVED, Prim.EMPTY,
], strict=True)) | {-24: Prim.PRINCIPAL}  # fmt: skip
FORMATS = {
    Prim.NAT8: "B", Prim.NAT16: "H", Prim.NAT32: "I", Prim.NAT64: "Q",
    Prim.INT8: "b", Prim.INT16: "h", Prim.INT32: "i", Prim.INT64: "q",
    Prim.FLOAT32: "f", Prim.FLOAT64: "d",
}  # fmt: skip
# More elements than any message here has bytes: only nulls could be so many, and how
# many of those are too many is a matter of limits, not of the specification.
MAX_COUNT = 20_000
FUTURE = Ref("a type of the future")
MODES = {1: Mode.QUERY, 2: Mode.ONEWAY, 3: Mode.COMPOSITE_QUERY}


Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]
# How long an example takes says nothing on a busy machine.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Malformed(Exception):
    """The bytes are no Candid message."""


class Misfit(Exception):
    """The value is not one of the expected type."""


@dataclass
class Reader:
    """Reads a message from front to back."""

    data: bytes
    place: int = 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.place:
            raise Malformed
        self.place += count
        return self.data[self.place - count : self.place]

    def leb(self, *, signed: bool = False) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value - (1 << shift) if signed and byte & 0x40 else value

    def length(self) -> int:
        start = self.place
        value = self.leb()
        if value >> 64 or self.place - start > 10:
            raise Malformed
        return value

    def flag(self) -> bool:
        byte = self.take(1)[0]
        if byte > 1:
            raise Malformed
        return byte == 1

    def principal(self) -> Principal:
        if not self.flag() or (length := self.length()) > 29:
            raise Malformed
        return Principal(self.take(length))

    def text(self) -> str:
        try:
            return self.take(self.length()).decode()
        except UnicodeDecodeError:
            raise Malformed from None


class HeaderReader:
    """Reads magic number, type table and argument types into ``Type`` values."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.count = 0

    def read(self) -> tuple[list[Type], dict[str, Type]]:
        if self.reader.take(4) != b"DIDL":
            raise Malformed
        self.count = self.reader.length()
        env = {}
        for number in range(self.count):
            env[f"{number}"] = self.entry()
        for type_ in env.values():
            if isinstance(type_, Service):
                for _, method in type_.methods:
                    if not isinstance(method, Ref) or not isinstance(env.get(method.name), Func):
                        raise Malformed
        return self.several(self.index), env

    def several(self, read: Callable[[], Type]) -> list[Type]:
        return [read() for _ in range(self.reader.length())]

    def index(self) -> Type:
        number = self.reader.leb(signed=True)
        if 0 <= number < self.count:
            return Ref(f"{number}")
        if number not in PRIMITIVES:
            raise Malformed
        return PRIMITIVES[number]

    def entry(self) -> Type:
        opcode = self.reader.leb(signed=True)
        if opcode == -18:
            return Opt(self.index())
        if opcode == -19:
            return Vec(self.index())
        if opcode == -20:
            return Record(self.fields())
        if opcode == -21:
            return Variant(self.fields())
        if opcode == -22:
            arguments, results = self.several(self.index), self.several(self.index)
            modes = [MODES.get(self.reader.take(1)[0]) for _ in range(self.reader.length())]
            if None in modes or len(set(modes)) < len(modes) or (Mode.ONEWAY in modes and results):
                raise Malformed
            return Func(tuple(arguments), tuple(results), frozenset(filter(None, modes)))
        if opcode == -23:
            methods = [(self.reader.text(), self.index()) for _ in range(self.reader.length())]
            names = [name for name, _ in methods]
            if sorted(set(names)) != names:
                raise Malformed
            return Service(tuple(methods))  # type: ignore[arg-type] # checked when all are read
        if opcode < -24:
            self.reader.take(self.reader.length())
            return FUTURE
        raise Malformed

    def fields(self) -> tuple[Field, ...]:
        fields = []
        for _ in range(self.reader.length()):
            field_id = self.reader.length()
            fields.append(Field(field_id, None, self.index()))
        ids = [field.id for field in fields]
        if sorted(set(ids)) != ids or any(field_id >> 32 for field_id in ids):
            raise Malformed
        return tuple(fields)


def resolve(type_: Type, env: Env) -> Type:
    while isinstance(type_, Ref) and type_ is not FUTURE:
        type_ = env[type_.name]
    return type_


def read_value(reader: Reader, type_: Type, env: Env) -> Value:
    """Read a value of a wire type; opt is a list of none or one, a variant a pair."""
    meaning = resolve(type_, env)
    match meaning:
        case Opt(inner):
            return [read_value(reader, inner, env)] if reader.flag() else []
        case Vec(inner):
            count = reader.length()
            assume(count <= MAX_COUNT)
            return [read_value(reader, inner, env) for _ in range(count)]
        case Record(fields):
            return {field.id: read_value(reader, field.type, env) for field in fields}
        case Variant(fields):
            case = reader.length()
            if case >= len(fields):
                raise Malformed
            return fields[case].id, read_value(reader, fields[case].type, env)
        case Prim():
            return read_primitive(reader, meaning)
    return read_reference(reader, meaning)


def read_primitive(reader: Reader, prim: Prim) -> Value:
    match prim:
        case Prim.NULL | Prim.RESERVED:
            return None
        case Prim.EMPTY:
            raise Malformed
        case Prim.BOOL:
            return reader.flag()
        case Prim.NAT | Prim.INT:
            return reader.leb(signed=prim is Prim.INT)
        case Prim.TEXT:
            return reader.text()
        case Prim.PRINCIPAL:
            return reader.principal()
    format_ = f"<{FORMATS[prim]}"
    return struct.unpack(format_, reader.take(struct.calcsize(format_)))[0]


def read_reference(reader: Reader, type_: Type) -> Value:
    if isinstance(type_, Service):
        return reader.principal()
    if type_ is FUTURE:
        size = reader.length()
        if reader.length():
            raise Malformed
        return reader.take(size)
    if not reader.flag():
        raise Malformed
    return FuncRef(reader.principal(), reader.text())


def coerce(value: Value, given: Type, genv: Env, wanted: Type, wenv: Env) -> Value:
    """Coerce a wire value to its Python form at the expected type."""
    low, high = resolve(given, genv), resolve(wanted, wenv)
    if isinstance(high, Opt):
        return coerce_to_opt(value, low, genv, high.inner, wenv)
    match low, high:
        case _, Prim.RESERVED:
            return None
        case Vec(inner), Vec(wanted_inner):
            found = [coerce(each, inner, genv, wanted_inner, wenv) for each in value]
            return bytes(found) if resolve(wanted_inner, wenv) is Prim.NAT8 else found
        case Record(), Record():
            return coerce_record(value, low, genv, high, wenv)
        case Variant(), Variant():
            return coerce_variant(value, low, genv, high, wenv)
        case (Func(), Func()) | (Service(), Service()) if subtype(low, named(genv), high, wenv):
            return value if isinstance(low, Func) else ServiceRef(value)
        case (Prim.NAT, Prim.INT) | (Service(), Prim.PRINCIPAL):
            return value
        case Prim(), Prim() if low is high:
            return value
    raise Misfit


def coerce_to_opt(value: Value, low: Type, genv: Env, inner: Type, wenv: Env) -> Value:
    if low in (Prim.NULL, Prim.RESERVED, FUTURE):
        return None
    if isinstance(low, Opt):
        return forgiving(value[0], low.inner, genv, inner, wenv) if value else None
    if opens_endlessly(inner, wenv):
        raise Misfit
    return forgiving(value, low, genv, inner, wenv)


def forgiving(value: Value, given: Type, genv: Env, wanted: Type, wenv: Env) -> Value:
    """Coerce the content of an opt; what does not fit is null."""
    try:
        found = coerce(value, given, genv, wanted, wenv)
    except Misfit:
        return None
    content = resolve(wanted, wenv)
    wraps = isinstance(content, Opt) or content in (Prim.NULL, Prim.RESERVED)
    return Some(found) if wraps else found


def opens_endlessly(type_: Type, env: Env) -> bool:
    """Return whether the type is opt after opt without end; no plain value fits into that."""
    seen = []
    while isinstance(meaning := resolve(type_, env), Opt):
        if meaning in seen:
            return True
        seen.append(meaning)
        type_ = meaning.inner
    return False


def coerce_variant(value: Value, low: Variant, genv: Env, high: Variant, wenv: Env) -> Value:
    tag, payload = value
    types = {field.id: field.type for field in low.fields}
    for field in high.fields:
        if field.id == tag:
            found = coerce(payload, types[tag], genv, field.type, wenv)
            return VariantValue(tag if field.name is None else field.name, found)
    raise Misfit


def coerce_record(value: Value, low: Record, genv: Env, high: Record, wenv: Env) -> Value:
    types = {field.id: field.type for field in low.fields}
    found = RecordValue()
    for field in high.fields:
        key = field.id if field.name is None else field.name
        if field.id in types:
            found[key] = coerce(value[field.id], types[field.id], genv, field.type, wenv)
        elif not is_omissible(field.type, wenv):
            raise Misfit
        else:
            found[key] = None
    keys = list(found)
    return tuple(found.values()) if keys and keys == list(range(len(keys))) else found


def is_omissible(type_: Type, env: Env) -> bool:
    meaning = resolve(type_, env)
    return isinstance(meaning, Opt) or meaning in (Prim.NULL, Prim.RESERVED)


def named(env: Env) -> Env:
    """Return the environment with unknown types as a type that is nothing else's subtype."""
    return {name: Prim.RESERVED if type_ is FUTURE else type_ for name, type_ in env.items()}


def oracle(data: bytes, types: tuple[Type, ...], env: Env) -> tuple[Value, ...]:
    reader = Reader(data)
    given, genv = HeaderReader(reader).read()
    values = [read_value(reader, type_, genv) for type_ in given]
    if reader.place != len(data):
        raise Malformed
    found = []
    for number, wanted in enumerate(types):
        if number < len(given):
            found.append(coerce(values[number], given[number], genv, wanted, env))
        elif is_omissible(wanted, env):
            found.append(None)
        else:
            raise Misfit
    return tuple(found)


def same_outcome(data: bytes, types: tuple[Type, ...], env: Env) -> bool:
    """Compare decoder and oracle; True where the message was accepted."""
    try:
        expected = oracle(data, types, env)
    except (Malformed, Misfit, RecursionError):
        with pytest.raises(CandidDecodeError) as caught:
            candid.decode(data, types, env=env)
        assert 0 <= caught.value.offset <= len(data)
        return False
    # NaN equals nothing, but its repr does; and repr tells 1 from True.
    assert repr(candid.decode(data, types, env=env)) == repr(expected)
    return True


@st.composite
def messages(draw: st.DrawFn) -> tuple[bytes, Type, Env]:
    """Draw a valid message with the type it was encoded at."""
    type_, env = draw(strategies.definitions())
    values = strategies.values(type_, env)
    assume(not values.is_empty)
    return Codec((type_,), env).encode((draw(values),)), type_, env


def varied(draw: Draw, type_: Type) -> Type:
    """Draw a type that differs from this one in some places, as after an upgrade."""
    if draw(st.integers(0, 5)) == 0:
        others: list[Type] = [Opt(type_), Prim.RESERVED, Prim.NULL, Prim.NAT, Vec(type_)]
        chosen: Type = draw(st.sampled_from(others))
        return chosen
    match type_:
        case Opt(inner):
            return Opt(varied(draw, inner))
        case Vec(inner):
            return Vec(varied(draw, inner))
        case Record(fields):
            return Record(varied_fields(draw, fields))
        case Variant(fields):
            return Variant(varied_fields(draw, fields))
        case Prim.NAT if draw(st.booleans()):
            return Prim.INT
    return type_


def varied_fields(draw: Draw, fields: tuple[Field, ...]) -> tuple[Field, ...]:
    kept = {
        field.id: Field(field.id, field.name, varied(draw, field.type))
        for field in fields
        if draw(st.integers(0, 5))
    }
    if draw(st.booleans()):
        extras: list[Type] = [Prim.NULL, Opt(Prim.NAT), Prim.TEXT]
        kept[99] = Field(99, None, draw(st.sampled_from(extras)))
    return tuple(field for _, field in sorted(kept.items()))


@pytest.mark.slow
@PATIENT
@given(messages())
def test_message_reads_at_its_own_type_as_the_oracle_reads_it(
    message: tuple[bytes, Type, Env],
) -> None:
    data, type_, env = message

    assert same_outcome(data, (type_,), env)


@pytest.mark.slow
@settings(PATIENT, max_examples=200)
@given(messages(), st.data())
def test_message_reads_at_a_changed_type_as_the_specification_says(
    message: tuple[bytes, Type, Env], drawn: st.DataObject
) -> None:
    data, type_, env = message
    changed_env = {name: varied(drawn.draw, meaning) for name, meaning in env.items()}
    changed = varied(drawn.draw, type_)

    accepted = same_outcome(data, (changed,), changed_env)

    if subtype(type_, env, changed, changed_env):
        assert accepted


@pytest.mark.slow
@PATIENT
@given(messages(), messages())
def test_message_reads_at_an_unrelated_type_as_the_specification_says(
    message: tuple[bytes, Type, Env], other: tuple[bytes, Type, Env]
) -> None:
    same_outcome(message[0], (Opt(other[1]), other[1]), other[2])


@pytest.mark.slow
@settings(PATIENT, max_examples=200)
@given(messages(), st.data())
def test_broken_message_is_refused_or_read_like_the_oracle_does(
    message: tuple[bytes, Type, Env], drawn: st.DataObject
) -> None:
    data, type_, env = bytearray(message[0]), message[1], message[2]
    for _ in range(drawn.draw(st.integers(1, 3))):
        place = drawn.draw(st.integers(4, len(data) - 1))
        how = drawn.draw(st.sampled_from(("set", "flip", "delete", "insert", "repeat")))
        if how == "set":
            data[place] = drawn.draw(st.sampled_from((0, 1, 2, 0x6C, 0x6E, 0x7F, 0x80, 0xFF)))
        elif how == "flip":
            data[place] ^= 1 << drawn.draw(st.integers(0, 7))
        elif how == "delete" and len(data) > 5:
            del data[place]
        elif how == "repeat":
            data[place:place] = data[place : place + 3]
        else:
            data.insert(place, drawn.draw(st.integers(0, 255)))

    same_outcome(bytes(data), (type_,), env)


@PATIENT
@given(st.binary(max_size=60))
def test_random_bytes_are_refused_or_read_like_the_oracle_does(tail: bytes) -> None:
    same_outcome(b"DIDL" + tail, (Prim.RESERVED,), {})


@pytest.mark.slow
@PATIENT
@given(messages())
def test_untyped_decode_accepts_what_typed_decode_accepts(
    message: tuple[bytes, Type, Env],
) -> None:
    assert len(candid.decode(message[0])) == 1
