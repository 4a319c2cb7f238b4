"""What old clients notice when an interface changes: findings with paths, not a yes or no.

The walk follows the subtype rules in both directions: results are written by the new
service and read by old clients, arguments the other way round. Where the rules hold
only because ``opt`` forgives everything, the old reader sees null instead of a value;
the specification asks to warn of that, so it is a finding of its own severity.
Source: Candid specification, "Upgrading and Subtyping".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from sandbox.candid.errors import CandidError
from sandbox.candid.graph.describe import describe
from sandbox.candid.graph.nodes import OMISSIBLE, Con, Graph, Node, build
from sandbox.candid.graph.shape import endless_opts
from sandbox.candid.subtyping import ACROSS_KINDS, MAX_PAIRS
from sandbox.candid.types import Interface, Mode, Prim, Service

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.candid.types import Env, Type
    from sandbox.candid.values import Label


class Severity(Enum):
    """What a finding means for clients that know the old interface only."""

    BREAKING = "breaking"
    READS_NULL = "reads null"


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where two interfaces do not agree.

    path: from the method to the place, for example ``("get_user", "result 0")``.
    """

    path: tuple[str, ...]
    message: str
    severity: Severity

    def __str__(self) -> str:
        return ": ".join([", ".join(self.path), self.message]).removeprefix(": ")


def compare(new: Interface, old: Interface) -> tuple[Finding, ...]:
    """Return what clients of ``old`` notice when ``new`` takes its place.

    No finding is breaking exactly when the new service is a subtype of the old one.

    Raises: CandidTypeError; CandidError when the types are too entangled to compare.
    """
    empty = Service(())
    return differences(new.service or empty, new.env, old.service or empty, old.env)


def differences(new: Type, new_env: Env, old: Type, old_env: Env) -> tuple[Finding, ...]:
    """Return what readers of type ``old`` notice when values of type ``new`` come.

    Raises: CandidTypeError; CandidError when the types are too entangled to compare.
    """
    graphs = build((new,), new_env), build((old,), old_env)
    walk = _Walk(graphs)
    walk.visit(_Place(_NEW, graphs[_NEW].roots[0], graphs[_OLD].roots[0], (), forgiven=False))
    return tuple(walk.findings)


# Who writes the value; the other side reads it.
_NEW: Final = 0
_OLD: Final = 1
_CONSEQUENCES: Final = {
    (_NEW, False): "old clients cannot read it",
    (_NEW, True): "old clients read null",
    (_OLD, False): "the new service cannot read what old clients send",
    (_OLD, True): "the new service reads null from old clients",
}
_MODE_WORDS: Final = {
    Mode.QUERY: "a query",
    Mode.COMPOSITE_QUERY: "a composite query",
    Mode.ONEWAY: "oneway",
}


@dataclass(frozen=True, slots=True)
class _Place:
    """A pair of types to look at: what the writer gives and what the reader wants.

    forgiven: an ``opt`` around it makes null of whatever does not fit.
    """

    writer: int
    given: int
    wanted: int
    path: tuple[str, ...]
    forgiven: bool

    def inside(self, label: str, given: int, wanted: int) -> _Place:
        return _Place(self.writer, given, wanted, (*self.path, label), self.forgiven)

    def turned(self, label: str, given: int, wanted: int) -> _Place:
        """Return a place where the other side writes, as for a function's arguments."""
        return _Place(1 - self.writer, given, wanted, (*self.path, label), self.forgiven)

    def under_opt(self, given: int, wanted: int) -> _Place:
        return _Place(self.writer, given, wanted, self.path, forgiven=True)


class _Walk:
    """Visits every pair of types once per direction and collects findings in order."""

    def __init__(self, graphs: tuple[Graph, Graph]) -> None:
        self.findings: list[Finding] = []
        self._graphs = graphs
        self._endless = tuple(endless_opts(graph) for graph in graphs)
        self._seen: set[tuple[tuple[str, ...], int, int, int, bool]] = set()
        self._waiting: list[_Place] = []

    def visit(self, start: _Place) -> None:
        self._waiting.append(start)
        while self._waiting:
            place = self._waiting.pop()
            # Each method is walked for itself: one broken type may break many of them.
            key = (place.path[:1], place.writer, place.given, place.wanted, place.forgiven)
            if key in self._seen:
                continue
            self._seen.add(key)
            if len(self._seen) > MAX_PAIRS:
                raise CandidError("the types are too entangled to compare")
            parts = list(self._parts(place))
            self._waiting.extend(reversed(parts))

    def _parts(self, place: _Place) -> Iterable[_Place]:
        """Report what is wrong at a place itself; return the places inside it."""
        given = self._graphs[place.writer].nodes[place.given]
        wanted = self._graphs[1 - place.writer].nodes[place.wanted]
        parts: Iterable[_Place] = ()
        if wanted.kind is Con.OPT:
            parts = self._opt(place, given, wanted)
        elif wanted.kind is Prim.RESERVED or given.kind is Prim.EMPTY:
            pass
        elif given.kind is not wanted.kind:
            if (given.kind, wanted.kind) not in ACROSS_KINDS:
                self._report_change(place)
        elif wanted.kind is Con.VEC:
            parts = (place.inside("an element", given.targets[0], wanted.targets[0]),)
        elif wanted.kind is Con.RECORD:
            parts = self._fields(place, given, wanted)
        elif wanted.kind is Con.VARIANT:
            parts = self._cases(place, given, wanted)
        elif wanted.kind is Con.SERVICE:
            parts = self._methods(place, given, wanted)
        elif wanted.kind is Con.FUNC:
            parts = self._function(place, given, wanted)
        return parts

    def _opt(self, place: _Place, given: Node, wanted: Node) -> Iterable[_Place]:
        if given.kind in {Prim.NULL, Prim.RESERVED, Prim.EMPTY}:
            return ()
        if given.kind is Con.OPT:
            return (place.under_opt(given.targets[0], wanted.targets[0]),)
        if place.wanted in self._endless[1 - place.writer]:
            self._report_change(place)
            return ()
        return (place.under_opt(place.given, wanted.targets[0]),)

    def _fields(self, place: _Place, given: Node, wanted: Node) -> Iterable[_Place]:
        known = dict(zip(given.ids, given.targets, strict=True))
        for field_id, key, target in zip(wanted.ids, wanted.keys, wanted.targets, strict=True):
            if field_id in known:
                yield place.inside(f"field {key}", known[field_id], target)
            else:
                self._report_absent(place.inside(f"field {key}", 0, target))

    def _cases(self, place: _Place, given: Node, wanted: Node) -> Iterable[_Place]:
        known = dict(zip(wanted.ids, wanted.targets, strict=True))
        for case_id, key, target in zip(given.ids, given.keys, given.targets, strict=True):
            if case_id in known:
                yield place.inside(f"case {key}", target, known[case_id])
            elif place.writer == _NEW:
                self._report(place, f"new case `{key}`")
            else:
                self._report(place, f"case `{key}` is gone")

    def _methods(self, place: _Place, given: Node, wanted: Node) -> Iterable[_Place]:
        known = dict(zip(given.keys, given.targets, strict=True))
        for name, target in zip(wanted.keys, wanted.targets, strict=True):
            if name in known:
                yield place.inside(str(name), known[name], target)
            else:
                self._report_method(place, name)

    def _function(self, place: _Place, given: Node, wanted: Node) -> Iterable[_Place]:
        if given.modes != wanted.modes:
            new, old = (given, wanted) if place.writer == _NEW else (wanted, given)
            self._report(place, f"was {_mode_text(old)}, is {_mode_text(new)}", consequence=False)
        for number, target in enumerate(given.parameters):
            label = f"argument {number}"
            if number < wanted.arity:
                yield place.turned(label, wanted.parameters[number], target)
            else:
                self._report_absent(place.turned(label, 0, target))
        for number, target in enumerate(wanted.results):
            label = f"result {number}"
            if number < len(given.results):
                yield place.inside(label, given.results[number], target)
            else:
                self._report_absent(place.inside(label, 0, target))

    def _report_absent(self, place: _Place) -> None:
        """Report a field, argument or result that the reader wants and the writer has not."""
        reader = self._graphs[1 - place.writer]
        if reader.nodes[place.wanted].kind in OMISSIBLE:
            return
        change = "is gone" if place.writer == _NEW else "is new and required"
        self._report(place, f"{_name(reader, place.wanted)} {change}")

    def _report_change(self, place: _Place) -> None:
        given = _name(self._graphs[place.writer], place.given)
        wanted = _name(self._graphs[1 - place.writer], place.wanted)
        new, old = (given, wanted) if place.writer == _NEW else (wanted, given)
        self._report(place, f"was {old}, is {new}")

    def _report_method(self, place: _Place, name: Label) -> None:
        if not place.path and not place.forgiven:
            finding = Finding((str(name),), "the method is gone", Severity.BREAKING)
            self.findings.append(finding)
        else:
            self._report(place, f"method `{name}` is {'gone' if place.writer == _NEW else 'new'}")

    def _report(self, place: _Place, message: str, *, consequence: bool = True) -> None:
        if consequence or place.forgiven or len(place.path) > 1:
            message += f": {_CONSEQUENCES[place.writer, place.forgiven]}"
        severity = Severity.READS_NULL if place.forgiven else Severity.BREAKING
        self.findings.append(Finding(place.path, message, severity))


def _name(graph: Graph, index: int) -> str:
    return graph.names.get(index) or describe(graph, index)


def _mode_text(node: Node) -> str:
    words = {
        Mode.QUERY: "a query",
        Mode.COMPOSITE_QUERY: "a composite query",
        Mode.ONEWAY: "oneway",
    }
    return " and ".join(words[mode] for mode in Mode if mode in node.modes) or "an update"
