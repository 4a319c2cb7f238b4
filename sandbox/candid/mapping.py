"""Where the Python form of a value depends on more than its own type.

The table in ``values`` has two such rows: a record may be a tuple, an opt may need
``Some``. The language side asks here; the binary side asks its graph the same questions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.candid.types import Opt, Prim, unfold

if TYPE_CHECKING:
    from sandbox.candid.types import Env, Field, Type
    from sandbox.candid.values import Label


def is_tuple(fields: tuple[Field, ...]) -> bool:
    """Say whether a record with these fields is a tuple: they are just 0, 1, 2 and so on."""
    return bool(fields) and all(
        field.name is None and field.id == index for index, field in enumerate(fields)
    )


def is_omissible(of: Type, env: Env) -> bool:
    """Say whether null is a value of this type: an opt, null or reserved.

    Such a field may be left out; inside an opt such a value needs ``Some``.
    """
    meaning = unfold(of, env)
    return isinstance(meaning, Opt) or meaning in (Prim.NULL, Prim.RESERVED)


def key(field: Field) -> Label:
    """Return what Python calls a field: its name where known, else its id."""
    return field.id if field.name is None else field.name
