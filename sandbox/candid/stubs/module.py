"""Python types from an interface, so that editors and mypy know a canister's methods.

One module of text: a ``TypedDict`` for each record and each case of a variant, an
alias for every other named type, and a ``Protocol`` with one typed method per method
of the service. The shapes are those of ``values``: what is read has them, and what is
written may leave out the fields marked ``NotRequired``.

A record field or variant case whose name is unknown has a number for its key, which
no ``TypedDict`` can say; such records are plain dicts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sandbox.candid.stubs.expressions import TypeWriter, several
from sandbox.candid.stubs.methods import MethodWriter
from sandbox.candid.stubs.names import IMPORTS, Names, is_name
from sandbox.candid.types import Service, unfold

if TYPE_CHECKING:
    from sandbox.candid.types import Interface

_HEADER: Final = '''\
"""Types of ``{name}``, generated from its Candid interface."""

from __future__ import annotations

'''
_WORD: Final = re.compile(r"\w+")


def generate_stub(interface: Interface, *, name: str = "Canister") -> str:
    """Return the text of a Python module with the types of an interface.

    name: of the class whose methods are those of the service; the argument of its
        installation is called the same with ``Init`` behind it.
    """
    service = unfold(interface.service, interface.env) if interface.service else None
    methods = service.methods if isinstance(service, Service) else ()
    names = Names()
    class_name = names.claim(name)
    for method in filter(is_name, dict(methods)):
        names.reserve(method)
    writer = TypeWriter(interface.env, names)
    writer.define_all()
    if interface.init is not None:
        place = f"{class_name}Init"
        writer.alias(place, several([writer.expression(of, place) for of in interface.init]))
    if service is not None:
        protocol = MethodWriter(writer, frozenset(dict(methods)))
        writer.blocks.append(protocol.protocol(class_name, methods))
    body = "\n\n".join(writer.blocks)
    return _HEADER.format(name=class_name) + _imports(body) + body


def _imports(body: str) -> str:
    used = set(_WORD.findall(body))
    blocks = []
    for package in IMPORTS:
        lines = [
            f"from {module} import {', '.join(name for name in names if name in used)}\n"
            for module, names in package.items()
            if used.intersection(names)
        ]
        blocks.append("".join(lines))
    return "\n".join(block for block in blocks if block) + "\n\n"
