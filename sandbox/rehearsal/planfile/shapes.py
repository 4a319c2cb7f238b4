"""What can stand in a plan: each shape reads a node, and says the same as JSON Schema.

One table of fields (``layout``) is made of these; the checks, the schema for editors and the
commented starting plan all come from it, so they cannot disagree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, Protocol

import yaml

from sandbox.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sandbox.rehearsal.planfile.nodes import Source

_STRING, _NULL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"
_UNITS: Final = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_COUNT: Final = re.compile(r"(\d[\d_,]*)\s*(KiB|MiB|GiB)?")
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")


class Wrong(Exception):
    """A node is not what it should be; carries why, for the shape above."""


class Shape(Protocol):
    """Reads one node into a value. Mistakes go to the source; the value is None then."""

    def read(self, node: yaml.Node, place: str, source: Source) -> Any:
        """Return the value."""
        ...

    def schema(self) -> dict[str, Any]:
        """Return the same as JSON Schema."""
        ...


@dataclass(frozen=True, slots=True)
class Scalar:
    """One word or number. parse: makes the value, or raises Wrong or UsageError."""

    parse: Callable[[str, Source], Any]
    described: dict[str, Any]
    is_text: bool = True

    def read(self, node: yaml.Node, place: str, source: Source) -> Any:
        """Return the value."""
        if not isinstance(node, yaml.ScalarNode) or node.tag == _NULL:
            source.wrong(node, place, f"here stands {_kind(node)}, it should be one value")
            return None
        if self.is_text and node.tag != _STRING:
            reason = f"{node.value} is a number or a word of YAML's; put it in quotes"
            source.wrong(node, place, reason)
            return None
        try:
            return self.parse(node.value, source)
        except (Wrong, UsageError) as error:
            source.wrong(node, place, str(error))
            return None

    def schema(self) -> dict[str, Any]:
        """Return the same as JSON Schema."""
        return dict(self.described)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one shape."""

    item: Shape

    def read(self, node: yaml.Node, place: str, source: Source) -> tuple[Any, ...]:
        """Return the values."""
        if not isinstance(node, yaml.SequenceNode):
            source.wrong(node, place, f"here stands {_kind(node)}, it should be a list")
            return ()
        values = []
        for number, child in enumerate(node.value):
            here = f"{place}[{number}]"
            source.note(child, here)
            values.append(self.item.read(child, here, source))
        return tuple(values)

    def schema(self) -> dict[str, Any]:
        """Return the same as JSON Schema."""
        return {"type": "array", "items": self.item.schema()}


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a record. doc: for people, in editors too. example: as YAML."""

    name: str
    shape: Shape
    doc: str
    example: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """Keys with a shape each. one_of: exactly one of these must be there; needs: all of these."""

    fields: tuple[Field, ...]
    one_of: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    def read(self, node: yaml.Node, place: str, source: Source) -> dict[str, Any]:
        """Return the values by key."""
        if not isinstance(node, yaml.MappingNode):
            names = ", ".join(it.name for it in self.fields)
            source.wrong(node, place, f"here stands {_kind(node)}, it should have keys: {names}")
            return {}
        known = {it.name: it.shape for it in self.fields}
        values: dict[str, Any] = {}
        for key, child in _pairs(node):
            here = f"{place}.{key.value}".removeprefix(".")
            source.note(key, here)
            if key.value not in known:
                source.wrong(key, here, unknown("key", key.value, known))
            elif key.value in values:
                source.wrong(key, here, "it is there twice")
            else:
                values[key.value] = known[key.value].read(child, here, source)
        self._check_keys(node, place, values, source)
        return values

    def _check_keys(
        self, node: yaml.Node, place: str, values: dict[str, Any], source: Source
    ) -> None:
        there = [name for name in self.one_of if name in values]
        if self.one_of and len(there) != 1:
            listed = ", ".join(self.one_of)
            found = f"it has {' and '.join(there)}" if there else "it has none"
            source.wrong(node, place, f"it needs exactly one of {listed}; {found}")
        for name in self.needs:
            if name not in values:
                source.wrong(node, place, f"the key {name} is missing")

    def schema(self) -> dict[str, Any]:
        """Return the same as JSON Schema."""
        properties = {it.name: it.shape.schema() | {"description": it.doc} for it in self.fields}
        found: dict[str, Any] = {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
        }
        if self.needs:
            found["required"] = list(self.needs)
        if self.one_of:
            found["oneOf"] = [{"required": [name]} for name in self.one_of]
        return found


@dataclass(frozen=True, slots=True)
class MapOf:
    """Names of the user's own choice, or of a given set, with one shape."""

    value: Shape
    names: tuple[str, ...] = ()

    def read(self, node: yaml.Node, place: str, source: Source) -> dict[str, Any]:
        """Return the values by name."""
        if not isinstance(node, yaml.MappingNode):
            source.wrong(node, place, f"here stands {_kind(node)}, it should have keys")
            return {}
        values: dict[str, Any] = {}
        for key, child in _pairs(node):
            here = f"{place}.{key.value}"
            source.note(key, here)
            if self.names and key.value not in self.names:
                source.wrong(key, here, unknown("key", key.value, self.names))
            elif key.value in values:
                source.wrong(key, here, "it is there twice")
            else:
                values[key.value] = self.value.read(child, here, source)
        return values

    def schema(self) -> dict[str, Any]:
        """Return the same as JSON Schema."""
        if self.names:
            properties = {name: self.value.schema() for name in self.names}
            return {"type": "object", "properties": properties, "additionalProperties": False}
        return {"type": "object", "additionalProperties": self.value.schema()}


@dataclass(frozen=True, slots=True)
class Either:
    """A short form in one word, or a record that says more."""

    short: Shape
    long: Record

    def read(self, node: yaml.Node, place: str, source: Source) -> Any:
        """Return the value of whichever it is; a record's is a dictionary."""
        shape = self.long if isinstance(node, yaml.MappingNode) else self.short
        return shape.read(node, place, source)

    def schema(self) -> dict[str, Any]:
        """Return the same as JSON Schema."""
        return {"anyOf": [self.short.schema(), self.long.schema()]}


def text(parse: Callable[[str], Any] = str, **described: Any) -> Scalar:
    """Return the shape of a text. parse: makes it a value."""
    return Scalar(lambda value, _: parse(value), {"type": "string"} | described)


def choice(*words: str) -> Scalar:
    """Return the shape of one of some words."""

    def parse(value: str, _: Source) -> str:
        if value not in words:
            raise Wrong(unknown("value", value, words))
        return value

    return Scalar(parse, {"enum": list(words)}, is_text=False)


def path(kind: str = "file") -> Scalar:
    """Return the shape of a file or directory that is there, relative to the plan."""

    def parse(value: str, source: Source) -> Path:
        found = source.file.parent / value
        is_there = found.is_dir() if kind == "directory" else found.is_file()
        if not is_there:
            raise Wrong(f"there is no {kind} {found}")
        return found

    return Scalar(parse, {"type": "string", "description": f"a {kind}, relative to the plan"})


TARGET: Final = Scalar(
    lambda value, source: source.file.parent / value,
    {"type": "string", "description": "a directory, relative to the plan; it may be missing"},
)


def _parse_count(value: str, _: Source) -> int:
    match = _COUNT.fullmatch(value)
    if match is None:
        raise Wrong(f"{value!r} is no count, like 5_000_000 or 64 MiB")
    digits = match[1].replace("_", "").replace(",", "")
    return int(digits) * _UNITS[match[2] or ""]


def _parse_duration(value: str, _: Source) -> float:
    match = _DURATION.fullmatch(value)
    if match is None or not float(match[1]):
        raise Wrong(f"{value!r} is no time, like 90s, 10m, 24h or 7d")
    return float(match[1]) * _SECONDS[match[2] or "s"]


def _parse_percent(value: str, _: Source) -> float:
    try:
        found = float(value.removesuffix("%"))
    except ValueError:
        raise Wrong(f"{value!r} is no percentage, like 2.5") from None
    if not 0 <= found <= 1_000:
        raise Wrong(f"{value!r} is no percentage between 0 and 1000")
    return found


def _parse_date(value: str, _: Source) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Wrong(f"{value!r} is no day, like 2027-01-31") from None


_NUMBER_OR_TEXT: Final = {"type": ["integer", "string"]}
COUNT: Final = Scalar(_parse_count, _NUMBER_OR_TEXT | {"minimum": 0}, is_text=False)
DURATION: Final = Scalar(_parse_duration, {"type": ["number", "string"]}, is_text=False)
PERCENT: Final = Scalar(_parse_percent, {"type": ["number", "string"]}, is_text=False)
DAY: Final = Scalar(_parse_date, {"type": "string", "format": "date"}, is_text=False)


def unknown(what: str, name: str, known: Sequence[str] | dict[str, Any]) -> str:
    """Say that a name is not known, and which may have been meant."""
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
    return f"there is no {what} {name!r}; {hint}"


def _pairs(node: yaml.MappingNode) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    """Return keys and values; a key that is no word is one that nobody knows."""
    return [
        (key if isinstance(key, yaml.ScalarNode) else _unreadable(key), child)
        for key, child in node.value
    ]


def _unreadable(key: yaml.Node) -> yaml.ScalarNode:
    return yaml.ScalarNode(_STRING, "?", key.start_mark, key.end_mark)


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if isinstance(node, yaml.MappingNode):
        return "a record"
    return "nothing" if node.tag == _NULL else f"{node.value!r}"
