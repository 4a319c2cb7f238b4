"""What names mean: every type name is defined, productive and of the right kind.

``type_parser`` reads what is written; this module says whether it makes sense. A cycle
of definitions must pass through a real type (``type A = opt A``), never only through
names (``type A = B; type B = A``), and a method's or service's type given by name
must be a function or service.
Source: Candid specification, "Type Definitions".
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from sandbox.candid.language.type_parser import Role
from sandbox.candid.types import Func, Ref, Service, unfold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sandbox.candid.language.type_parser import Use
    from sandbox.candid.syntax.cursor import Cursor
    from sandbox.candid.syntax.lexer import Token
    from sandbox.candid.types import Env

_NEEDED: Final = {Role.METHOD: Func, Role.SERVICE: Service}


def check_names(
    cursor: Cursor, definitions: Mapping[str, Token], uses: Iterable[Use], env: Env
) -> None:
    """Check what one text defines and uses.

    definitions: the text's own names, with the place of each.
    env: everything the text may name, its own definitions included.

    Raises: CandidSyntaxError at the name that is wrong.
    """
    uses = tuple(uses)
    for use in uses:
        if use.name not in env:
            raise cursor.error(use.token, _unknown(use.name, env))
    for name, token in definitions.items():
        if unfold(Ref(name), env) is None:
            raise cursor.error(token, f"`{name}` is defined by itself only: it has no meaning")
    for use in uses:
        needed = _NEEDED.get(use.role)
        if needed is not None and not isinstance(unfold(Ref(use.name), env), needed):
            raise cursor.error(use.token, f"expected {use.role.value}, `{use.name}` is none")


def _unknown(name: str, env: Env) -> str:
    near = get_close_matches(name, env, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    return f"no type is named `{name}`{hint}"
