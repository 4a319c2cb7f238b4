"""What to do about an import the IC does not have.

The replica only says that it does not export the function. These sentences follow its text:
each import seen in the wild points to one toolchain mistake. The first row that matches
speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

_LEGACY = (
    "this call was part of the system API before 2021; rebuild the canister with a current CDK"
)


@dataclass(frozen=True, slots=True)
class _Hint:
    """Patterns (shell style) for module and function name, and the advice."""

    module: str
    name: str
    advice: str
    wasm64_only: bool = False


_WASI = "this is a WASI import; build for wasm32-unknown-unknown or run wasi2ic on the module"
_WASM_BINDGEN = (
    "this is an import for JavaScript; a dependency brings in wasm-bindgen "
    "(often getrandom, uuid or chrono with their 'js' features)"
)
_WASM64 = "64-bit modules have no {name}; use {other} instead"

_HINTS = (
    _Hint("wasi*", "*", _WASI),
    _Hint("__wbindgen*", "*", _WASM_BINDGEN),
    _Hint("wbg", "*", _WASM_BINDGEN),
    _Hint("__", "*", "module '__' is reserved for the replica's own instrumentation"),
    _Hint("ic", "*", _LEGACY),
    _Hint("ic1", "*", _LEGACY),
    _Hint("msg", "*", _LEGACY),
    _Hint("ic0", "call_simple", _LEGACY),
    _Hint("ic0", "msg_funds_*", _LEGACY),
    _Hint("ic0", "call_funds_add", _LEGACY),
    _Hint("ic0", "canister_balance", _LEGACY),
    _Hint("ic0", "msg_return*", _LEGACY),
    _Hint("ic0", "mint_cycles", "it was removed in favour of mint_cycles128"),
    _Hint("ic0", "stable_size", _WASM64.format(name="stable_*", other="stable64_*"), True),
    _Hint("ic0", "stable_grow", _WASM64.format(name="stable_*", other="stable64_*"), True),
    _Hint("ic0", "stable_read", _WASM64.format(name="stable_*", other="stable64_*"), True),
    _Hint("ic0", "stable_write", _WASM64.format(name="stable_*", other="stable64_*"), True),
    _Hint(
        "ic0",
        "*cycle*",
        _WASM64.format(name="64-bit cycles calls", other="the call of the same name with 128"),
        True,
    ),
    _Hint(
        "env",
        "abort",
        "AssemblyScript imports it unless compiled with --use abort= or an own abort function",
    ),
    _Hint("env", "*", "the linker left this symbol unresolved; link in what defines it"),
)


def hint_for_import(module: str, name: str, *, is_64: bool) -> str:
    """Return " (…)" with advice for an unknown import, or nothing."""
    for hint in _HINTS:
        if (
            fnmatchcase(module, hint.module)
            and fnmatchcase(name, hint.name)
            and (is_64 or not hint.wasm64_only)
        ):
            return f" ({hint.advice})"
    return ""
