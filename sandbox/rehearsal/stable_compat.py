"""Whether a Motoko version can take over the stable variables of the one before.

As ``moc --stable-compatible`` since 0.14.6, and where this module does not know a type,
stricter: two texts that are not the same are reported. Nothing is reported of variables
that are new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.stable_types import Node

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox.rehearsal.stable_types import Signature

    Aliases = Mapping[str, tuple[tuple[str, ...], Node]]

# A value of the first is one of the second.
_WIDENS: Final = {("Nat", "Int")}
_MOST_PAIRS: Final = 20_000


def incompatibilities(old: Signature, new: Signature) -> Iterator[Fact]:
    """Yield each stable variable that the new version loses or cannot read."""
    for name, variable in old.post.items():
        wanted = new.pre.get(name)
        if wanted is None:
            yield Fact(f"stable variable {name}", written(variable.type), "dropped")
            continue
        walk = _Walk(old.aliases, new.aliases)
        for path, before, after in walk.compare(variable.type, wanted.type, name):
            yield Fact(path, before, after)
    for name, variable in new.pre.items():
        if variable.is_required and name not in old.post:
            yield Fact(f"stable variable {name}", "absent", "the migration takes it")


class _Walk:
    """Compares two types; recursive ones once."""

    def __init__(self, old: Aliases, new: Aliases) -> None:
        self._old = old
        self._new = new
        self._seen: set[tuple[Node, Node, bool]] = set()

    def compare(
        self, old: Node, new: Node, path: str, *, is_exact: bool = False
    ) -> Iterator[tuple[str, str, str]]:
        """Yield (path, was, is) where a value of ``old`` is none of ``new``."""
        key = (old, new, is_exact)
        if key in self._seen or len(self._seen) > _MOST_PAIRS:
            return
        self._seen.add(key)
        before, after = _unfolded(old, self._old), _unfolded(new, self._new)
        if before.kind != after.kind or before.kind in ("name", "text"):
            if not _fits(before, after, is_exact=is_exact):
                yield path, written(before), written(after)
            return
        match before.kind:
            case "record":
                yield from self._record(before, after, path, is_exact=is_exact)
            case "variant":
                yield from self._variant(before, after, path, is_exact=is_exact)
            case "tuple" if len(before.parts) != len(after.parts):
                yield path, written(before), written(after)
            case kind:
                exact = is_exact or kind == "var array"
                for number, pair in enumerate(zip(before.parts, after.parts, strict=True)):
                    step = f"{path}.{number}" if kind == "tuple" else path + _STEPS[kind]
                    yield from self.compare(*pair, step, is_exact=exact)

    def _record(
        self, old: Node, new: Node, path: str, *, is_exact: bool
    ) -> Iterator[tuple[str, str, str]]:
        after = {name: (is_mutable, type_) for name, is_mutable, type_ in new.fields}
        for name, was_mutable, type_ in old.fields:
            here = f"{path}.{name}"
            if name not in after:
                yield here, written(type_), "dropped"
                continue
            is_mutable, now = after.pop(name)
            if is_mutable != was_mutable:
                words = {True: "var", False: "not var"}
                yield here, words[was_mutable], words[is_mutable]
            yield from self.compare(type_, now, here, is_exact=is_exact or is_mutable)
        for name, (_, type_) in after.items():
            yield f"{path}.{name}", "absent", f"{written(type_)}, which old values do not have"

    def _variant(
        self, old: Node, new: Node, path: str, *, is_exact: bool
    ) -> Iterator[tuple[str, str, str]]:
        after = {name: type_ for name, _, type_ in new.fields}
        for name, _, type_ in old.fields:
            here = f"{path}#{name}"
            if name not in after:
                yield here, "a case", "gone"
                continue
            yield from self.compare(type_, after.pop(name), here, is_exact=is_exact)
        if is_exact:
            for name in after:
                yield f"{path}#{name}", "absent", "a case, in a place that can be written"


_STEPS: Final = {"opt": "?", "array": "[]", "var array": "[]"}


def _fits(old: Node, new: Node, *, is_exact: bool) -> bool:
    if old.kind == new.kind and old.label == new.label and old.parts == new.parts:
        return True
    if is_exact or old.kind != "name":
        return False
    is_null = old.label == "Null" and new.kind == "opt"
    return is_null or old.label == "None" or (old.label, new.label) in _WIDENS


def _unfolded(node: Node, aliases: Aliases) -> Node:
    """Put the meaning in the place of a name, as often as it takes."""
    for _ in range(len(aliases) + 1):
        if node.kind != "name" or node.label not in aliases:
            break
        parameters, body = aliases[node.label]
        node = _substituted(body, dict(zip(parameters, node.parts, strict=False)))
    return node


def _substituted(node: Node, values: Mapping[str, Node]) -> Node:
    if not values:
        return node
    if node.kind == "name" and not node.parts and node.label in values:
        return values[node.label]
    return Node(
        node.kind,
        node.label,
        tuple(_substituted(part, values) for part in node.parts),
        tuple((name, is_var, _substituted(type_, values)) for name, is_var, type_ in node.fields),
    )


def written(node: Node) -> str:
    """Return a type as Motoko writes it, without the numbers of its names."""
    parts = [written(part) for part in node.parts]
    match node.kind:
        case "opt":
            return f"?{parts[0]}"
        case "array":
            return f"[{parts[0]}]"
        case "var array":
            return f"[var {parts[0]}]"
        case "tuple":
            return f"({', '.join(parts)})"
        case "record":
            fields = (
                f"{'var ' * is_var}{name} : {written(it)}" for name, is_var, it in node.fields
            )
            return "{" + "; ".join(fields) + "}"
        case "variant":
            return "{" + "; ".join(f"#{name}" for name, _, _ in node.fields) + "}"
        case _:
            label = node.label.partition("__")[0]
            return f"{label}<{', '.join(parts)}>" if parts else label
