"""Canisters in words: what a name stands for, and how a canister is shown."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from sandbox.errors import UsageError
from sandbox.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.execution.canister import CanisterRuntime
    from sandbox.sandbox import PrincipalLike

_SHOWN_METHODS: Final = 8


def id_or_name(text: PrincipalLike, names: Mapping[str, Principal]) -> Principal:
    """Return a principal; a text that is none was meant as a name. Raises: UsageError."""
    try:
        return Principal(text)
    except ValueError as error:
        near = get_close_matches(str(text), names, n=1)
        hint = f"; there are: {', '.join(sorted(names))}" if names else ""
        hint = f"; did you mean {near[0]!r}?" if near else hint
        raise UsageError(f"there is no canister named {text!r}{hint}") from error


def shown(runtime: CanisterRuntime | None, canister_id: Principal, name: str) -> str:
    """Return what ``repr`` says of a canister; None for one that is gone."""
    who = f"{name} {canister_id}".lstrip()
    if runtime is None:
        return f"<Canister {who}, deleted>"
    status = runtime.state.status.name.lower()
    if runtime.state.module is None:
        return f"<Canister {who}, empty, {status}>"
    return f"<Canister {who}, {status}: {first_few(list(runtime.state.module.methods))}>"


def first_few(names: list[str]) -> str:
    """Return the names of methods, of many the first only."""
    return ", ".join([*names[:_SHOWN_METHODS], *(["…"] if names[_SHOWN_METHODS:] else [])])
