"""Several ``.did`` texts as one interface.

An import brings the types of the other file, and only with ``import service`` its
methods as well. A file reached on two ways is read once; a file that imports itself,
directly or through others, is refused, because an imported file may not name what the
importing one defines.
Source: Candid specification, "Imports".
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.candid.errors import CandidSyntaxError
from sandbox.candid.language.program import Import, Program, read_program
from sandbox.candid.language.scope import check_names
from sandbox.candid.syntax.cursor import Cursor
from sandbox.candid.types import Func, Ref, Service, unfold

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.candid.types import Type


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """One file with everything it imports.

    owners: for every type the path of the file that defines it ("" is the main text).
    methods: for every method of the service its type and the file it comes from.
    """

    env: dict[str, Type]
    owners: dict[str, str]
    service: Service | Ref | None
    init: tuple[Type, ...] | None
    methods: dict[str, tuple[Func | Ref, str]]


@dataclass(slots=True)
class Loader:
    """Reads files through ``resolve``, each once."""

    resolve: Callable[[str], str] | None
    _loaded: dict[str, LoadedFile] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def load(self, path: str, text: str) -> LoadedFile:
        """Read one text and what it imports.

        Raises: CandidSyntaxError.
        """
        cursor = Cursor(text)
        program = read_program(cursor)
        self._open.append(path)
        imported = [(each, self._follow(cursor, path, each)) for each in program.imports]
        self._open.pop()
        return _put_together(_Part(cursor, path, program, imported))

    def _follow(self, cursor: Cursor, path: str, wanted: Import) -> LoadedFile:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), wanted.path))
        if target in self._open:
            chain = " -> ".join(f'"{each}"' for each in (*self._open, target) if each)
            raise cursor.error(wanted.token, f"the import comes back to itself: {chain}")
        if target not in self._loaded:
            self._loaded[target] = self._read(cursor, target, wanted)
        return self._loaded[target]

    def _read(self, cursor: Cursor, target: str, wanted: Import) -> LoadedFile:
        if self.resolve is None:
            raise cursor.error(wanted.token, "imports cannot be followed from here")
        try:
            text = self.resolve(target)
        except (OSError, LookupError) as error:
            raise cursor.error(wanted.token, f'cannot import "{target}": {error}') from error
        try:
            return self.load(target, text)
        except CandidSyntaxError as error:
            reason = f'in "{target}": {error.reason}'
            raise CandidSyntaxError(error.line, error.column, reason) from error


@dataclass(frozen=True, slots=True)
class _Part:
    """One file and its imports, not yet put together."""

    cursor: Cursor
    path: str
    program: Program
    imported: list[tuple[Import, LoadedFile]]


def _put_together(part: _Part) -> LoadedFile:
    env, owners = _types(part)
    definitions = {name: token for name, (token, _) in part.program.definitions.items()}
    check_names(part.cursor, definitions, part.program.uses, env)
    methods = _methods(part, env)
    actor = part.program.actor
    service = actor.service if actor else None
    if any(wanted.has_service for wanted, _ in part.imported):
        service = Service(tuple(sorted((name, of) for name, (of, _) in methods.items())))
    return LoadedFile(env, owners, service, actor.init if actor else None, methods)


def _types(part: _Part) -> tuple[dict[str, Type], dict[str, str]]:
    env: dict[str, Type] = {}
    owners: dict[str, str] = {}
    for wanted, file in part.imported:
        for name, owner in file.owners.items():
            if owners.setdefault(name, owner) != owner:
                reason = f'`{name}` is defined in "{owners[name]}" and in "{owner}"'
                raise part.cursor.error(wanted.token, reason)
        env.update(file.env)
    for name, (token, of) in part.program.definitions.items():
        if name in owners:
            raise part.cursor.error(token, f'`{name}` is already defined in "{owners[name]}"')
        env[name], owners[name] = of, part.path
    return env, owners


def _methods(part: _Part, env: dict[str, Type]) -> dict[str, tuple[Func | Ref, str]]:
    methods: dict[str, tuple[Func | Ref, str]] = {}
    if part.program.actor:
        own = unfold(part.program.actor.service, env)
        assert isinstance(own, Service)  # check_names has seen to it
        methods = {name: (of, part.path) for name, of in own.methods}
    for wanted, file in part.imported:
        if wanted.has_service:
            _merge(part, methods, wanted, file)
    return methods


def _merge(
    part: _Part,
    methods: dict[str, tuple[Func | Ref, str]],
    wanted: Import,
    file: LoadedFile,
) -> None:
    if file.service is None:
        raise part.cursor.error(wanted.token, f'"{wanted.path}" has no service to import')
    if file.init is not None:
        reason = f'the service of "{wanted.path}" has init arguments and cannot be imported'
        raise part.cursor.error(wanted.token, reason)
    for name, (of, owner) in file.methods.items():
        if methods.setdefault(name, (of, owner))[1] != owner:
            raise part.cursor.error(wanted.token, f"a second method is named `{name}`")
