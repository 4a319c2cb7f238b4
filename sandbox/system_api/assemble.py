"""From ``ic0/*.wat`` to WAT text for one heap width.

The files use a few macros (explained in ``ic0/prelude.wat``) so that one source serves
wasm32 and wasm64, and so that no offset, mask or error number is written twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sandbox.system_api import mailbox
from sandbox.system_api.table import IMPORT_INDEX, IMPORTS
from sandbox.system_api.violations import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Exports that no canister imports: a table of one, the canister's function that charges
# instructions; and a global with those that it has not been told of yet.
CHARGE_TABLE: Final = "canister_sandbox charge"
CHARGED: Final = "canister_sandbox charged"
_FILES: Final = ("prelude", "message", "environment", "stable", "cycles", "calls")
# Per heap width: what the four conversions between I, i32 and i64 are.
# A block is WAT's way to write "nothing": it costs no instruction after compilation.
_CONVERSIONS: Final[Mapping[bool, Mapping[str, str]]] = MappingProxyType(
    {
        False: {
            "wide": "i64.extend_i32_u",
            "narrow": "i32.wrap_i64",
            "ptr": "block (result i32)",
            "to32": "block (result i32)",
        },
        True: {
            "wide": "block (result i64)",
            "narrow": "block (result i64)",
            "ptr": "i64.extend_i32_u",
            "to32": "i32.wrap_i64",
        },
    }
)
_CONSTANTS: Final[Mapping[str, int]] = MappingProxyType(
    {
        **mailbox.OFFSETS,
        **{kind.name: kind.value for kind in Kind},
        "ENV_NAME_MAX": 128,  # spec; the replica of October 2025 still has 100
        "METHOD_NAME_MAX": 20_000,
        "SCRATCH_BYTES": mailbox.SCRATCH_BYTES,
        "CALL_TIMEOUT_MAX": 300,  # seconds, MAX_CALL_TIMEOUT_SECONDS
    }
)


@dataclass(frozen=True, slots=True)
class SystemApiSource:
    """WAT of the system API module, and the texts its label numbers stand for."""

    wat: str
    labels: tuple[str, ...]


@cache
def system_api_source(*, is_64: bool) -> SystemApiSource:
    """Return the module for a heap of this width."""
    labels: list[str] = []
    body = "\n".join(_read(name) for name in _FILES)
    if is_64:
        body = re.sub(r";;32 begin.*?;;32 end", "", body, flags=re.DOTALL)
    body = _expand(body, "label", lambda text: str(_intern(labels, text)))
    body = _expand(body, "gate", _gate)
    body = body.replace("%charge_table", CHARGE_TABLE).replace("%charged", CHARGED)
    body = _expand(body, "index", lambda name: str(IMPORT_INDEX[name]))
    for macro, code in _CONVERSIONS[is_64].items():
        body = body.replace(f"(%{macro} ", f"({code} ")
    body = re.sub(r"%I\b", "i64" if is_64 else "i32", body)
    body = re.sub(r"%([A-Za-z_]\w*)", lambda match: str(_CONSTANTS[match[1]]), body)
    return SystemApiSource(f"(module $ic0\n{body}\n)", tuple(labels))


def _read(name: str) -> str:
    text = (resources.files("sandbox.system_api") / "ic0" / f"{name}.wat").read_text("utf-8")
    return re.sub(r"(?m)^(\s*);;(?!32).*$", "", text)


def _gate(name: str) -> str:
    index = IMPORT_INDEX[name]
    mask = int(IMPORTS[index].contexts)
    return (
        f"(call $charge (i64.const {IMPORTS[index].instructions}))"
        f"(if (i32.eqz (i32.and (i32.load $mail (i32.const %ctx)) (i32.const {mask})))"
        f" (then (call $wrong_context (i32.const {index}))))"
    )


def _intern(labels: list[str], text: str) -> int:
    if text not in labels:
        labels.append(text)
    return labels.index(text)


def _expand(body: str, macro: str, replace: Callable[[str], str]) -> str:
    """Replace every ``%macro(text)``; the text may hold balanced parentheses."""
    start = f"%{macro}("
    pieces = body.split(start)
    result = [pieces[0]]
    for piece in pieces[1:]:
        end = _closing(piece)
        result += (replace(piece[:end]), piece[end + 1 :])
    return "".join(result)


def _closing(text: str) -> int:
    depth = 1
    for position, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if not depth:
            return position
    raise AssertionError(f"a macro is not closed: {text[:60]!r}")
