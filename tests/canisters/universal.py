"""Scripts for the universal canister (``c/universal.c``): what a message shall do, said in Python.

A `Script` is bytes: the argument of the canister's ``update``, ``query``, ``composite_query``,
of its install and its upgrade. Scripts are joined with ``+``. Where a script needs a number it
takes an ``int`` or a `Number`, where it needs bytes it takes ``bytes`` or a `Blob`; those two are
computed by the canister when the script runs::

    stable_grow = do("stable64_grow", 1)
    script = stable_grow + stable_write(0, b"abc") + reply(stable_read(0, 3), caller())

The numbers of instructions and imports come from ``ops.inc`` and ``imports.inc``, which the C
side includes: neither is written twice.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

_C_SOURCES: Final = Path(__file__).parent / "c"


def _rows(file: str, pattern: str) -> list[str]:
    text = (_C_SOURCES / file).read_text(encoding="utf-8")
    return re.findall(pattern, text, flags=re.MULTILINE)


def _numbered(names: list[str]) -> Mapping[str, int]:
    return {name: number for number, name in enumerate(names)}


_OPS: Final = _numbered(_rows("ops.inc", r"^OP\((\w+)\)"))
IMPORTS: Final = _numbered(_rows("imports.inc", r"^(?:V\d\(|R\d\(\w+, )(\w+)"))
_WITH_RESULT: Final = frozenset(_rows("imports.inc", r"^R\d\(\w+, (\w+)"))


class Hook(enum.IntEnum):
    """What runs a script given to it earlier, by ``on``; numbered as in ``universal.c``."""

    PRE_UPGRADE = 0
    HEARTBEAT = 1
    GLOBAL_TIMER = 2
    INSPECT_MESSAGE = 3
    ON_LOW_WASM_MEMORY = 4
    TRANSFORM = 5


@dataclass(frozen=True, slots=True)
class Number:
    """Code that leaves one 64-bit number on the stack."""

    code: bytes

    def __add__(self, other: int | Number) -> Number:
        return Number(self.code + _number(other) + _op("add"))

    def __sub__(self, other: int | Number) -> Number:
        return Number(self.code + _number(other) + _op("sub"))


@dataclass(frozen=True, slots=True)
class Blob:
    """Code that leaves an address and a size on the stack."""

    code: bytes


Script: TypeAlias = bytes
AnyNumber: TypeAlias = int | Number
AnyBlob: TypeAlias = bytes | Blob

# The imports


def do(name: str, *arguments: AnyNumber | AnyBlob) -> Script:
    """Call an import and forget its result. A blob stands for two arguments."""
    return _arguments(arguments) + _api(name) + (_op("drop") if name in _WITH_RESULT else b"")


def get(name: str, *arguments: AnyNumber | AnyBlob) -> Number:
    """Call an import for its result."""
    return Number(_arguments(arguments) + _api(name))


def fetch(name: str) -> Blob:
    """Return all that a pair of imports, ``<name>_size`` and ``<name>_copy``, gives."""
    return Blob(_op("fetch") + bytes((IMPORTS[f"{name}_size"], IMPORTS[f"{name}_copy"])))


def amount(name: str, *arguments: AnyNumber | AnyBlob) -> Blob:
    """Return the 16 bytes that an import writes to the address it takes last."""
    return Blob(_arguments(arguments) + _op("amount") + bytes((IMPORTS[name],)))


# What a message answers


def append(*parts: AnyBlob | Number) -> Script:
    """Append to the reply; a number is appended as 8 bytes, little-endian."""
    return b"".join(do("msg_reply_data_append", _as_blob(part)) for part in parts)


def reply(*parts: AnyBlob | Number) -> Script:
    """Append the parts and reply."""
    return append(*parts) + do("msg_reply")


def reject(message: AnyBlob) -> Script:
    """Reject the call."""
    return do("msg_reject", message)


def trap(message: AnyBlob) -> Script:
    """Trap with a message; nothing after it runs."""
    return do("trap", message)


def debug_print(message: AnyBlob) -> Script:
    """Write to the canister's log."""
    return do("debug_print", message)


def argument() -> Blob:
    """Return the message's argument: the script itself, or in a callback the reply."""
    return fetch("msg_arg_data")


def caller() -> Blob:
    """Return the caller's principal."""
    return fetch("msg_caller")


# What a message changes


def heap_write(address: AnyNumber, data: AnyBlob) -> Script:
    """Write to the heap; ``scratch()`` is a good address."""
    return _number(address) + _blob(data) + _op("copy")


def heap_read(address: AnyNumber, size: AnyNumber) -> Blob:
    """Return a piece of the heap."""
    return Blob(_number(address) + _number(size))


def heap_fill(address: AnyNumber, byte: AnyNumber, size: AnyNumber) -> Script:
    """Write the same byte many times, one at a time."""
    return _number(address) + _number(byte) + _number(size) + _op("fill")


def heap_grow(pages: AnyNumber) -> Number:
    """Grow the heap; the result is the size before, in Wasm pages, or 2^64 - 1."""
    return Number(_number(pages) + _op("memory_grow"))


def heap_size() -> Number:
    """Return the heap's size in Wasm pages."""
    return Number(_op("memory_size"))


def scratch(offset: int = 0) -> Number:
    """Return an address among the 64 KiB of heap that only scripts use."""
    return Number(_op("scratch")) + offset


def set_global(value: AnyNumber) -> Script:
    """Set a mutable global of Wasm, which is not exported."""
    return _number(value) + _op("global_set")


def get_global() -> Number:
    """Return the value of that global."""
    return Number(_op("global_get"))


def stable_write(offset: AnyNumber, data: AnyBlob) -> Script:
    """Write to stable memory."""
    return do("stable64_write", offset, data)


def stable_read(offset: AnyNumber, size: int) -> Blob:
    """Return a piece of stable memory."""
    buffer = _push(size) + _op("allocate")
    into = buffer + _op("dup") + _number(offset) + _push(size) + _api("stable64_read")
    return Blob(into + _push(size))


# What happens later


def on(hook: Hook, script: Script) -> Script:
    """Set the script that a hook runs from now on (an upgrade forgets it)."""
    return _blob(script) + _op("hook") + bytes((hook,))


def call(
    callee: AnyBlob,
    method: str,
    payload: AnyBlob = b"",
    *,
    on_reply: Script = b"",
    on_reject: Script = b"",
    on_cleanup: Script | None = None,
    cycles: int = 0,
    timeout_s: int | None = None,
) -> Number:
    """Call another canister; the result is what ``call_perform`` returns.

    A callback finds the reply in ``argument()``, or the reject in ``get("msg_reject_code")``
    and ``fetch("msg_reject_msg")``.
    """
    code = do("call_new", callee, method.encode(), *_callback(on_reply), *_callback(on_reject))
    code += do("call_data_append", payload)
    if on_cleanup is not None:
        code += do("call_on_cleanup", *_callback(on_cleanup))
    if cycles:
        code += do("call_cycles_add128", cycles >> 64, cycles & _U64)
    if timeout_s is not None:
        code += do("call_with_best_effort_response", timeout_s)
    return Number(code + _api("call_perform"))


def perform(call_result: Number) -> Script:
    """Make a call and trap unless it was taken: the usual way to use ``call``."""
    return if_(call_result, trap(b"universal: call_perform failed"))


# Control, and ways to fail


def evaluate(number: Number) -> Script:
    """Compute a number for what that does, and forget it."""
    return number.code + _op("drop")


def equal(left: AnyNumber, right: AnyNumber) -> Number:
    """Return 1 or 0."""
    return Number(_number(left) + _number(right) + _op("equal"))


def less(left: AnyNumber, right: AnyNumber) -> Number:
    """Return 1 or 0, comparing without signs."""
    return Number(_number(left) + _number(right) + _op("less"))


def load(address: AnyNumber) -> Number:
    """Return the 8 bytes at a heap address as a number."""
    return Number(_number(address) + _op("load"))


def store(address: AnyNumber, value: AnyNumber) -> Script:
    """Write a number to the heap as 8 bytes."""
    return _number(address) + _number(value) + _op("store")


def if_(condition: AnyNumber, then: Script, otherwise: Script = b"") -> Script:
    """Run one of two scripts."""
    body = then + _jump("jump", len(otherwise))
    return _number(condition) + _jump("jump_if_zero", len(body)) + body + otherwise


def repeat(times: AnyNumber, body: Script) -> Script:
    """Run a script many times."""
    step = body + _push(1) + _op("sub")
    forward = _op("dup") + _jump("jump_if_zero", len(step) + _JUMP_SIZE)
    back = _jump("jump", -(len(forward) + len(step) + _JUMP_SIZE))
    return _number(times) + forward + step + back + _op("drop")


def loop_forever() -> Script:
    """Never end."""
    return _jump("jump", -_JUMP_SIZE)


def unreachable() -> Script:
    """Trap on Wasm's ``unreachable``."""
    return _op("unreachable")


def divide(left: AnyNumber, right: AnyNumber) -> Number:
    """Divide with signs: by 0 it traps, and so does -2^63 by -1."""
    return Number(_number(left) + _number(right) + _op("divide"))


def truncate_not_a_number() -> Script:
    """Trap on a conversion that has no result."""
    return _op("truncate") + _op("drop")


def recurse_forever() -> Script:
    """Overflow the call stack."""
    return _op("recurse") + _op("drop")


def call_table(index: AnyNumber, argument_: AnyNumber = 0) -> Script:
    """Call a table entry as if it were a callback; index 0 is null."""
    return _number(argument_) + _number(index) + _op("call_table")


# Code

_U64: Final = 2**64 - 1
_JUMP_SIZE: Final = 5


def _op(name: str) -> bytes:
    return bytes((_OPS[name],))


def _api(name: str) -> bytes:
    return _op("api") + bytes((IMPORTS[name],))


def _push(value: int) -> bytes:
    return _op("push") + (value & _U64).to_bytes(8, "little")


def _jump(name: str, distance: int) -> bytes:
    return _op(name) + distance.to_bytes(4, "little", signed=True)


def _number(value: AnyNumber) -> bytes:
    return value.code if isinstance(value, Number) else _push(value)


def _blob(data: AnyBlob) -> bytes:
    if isinstance(data, Blob):
        return data.code
    return _op("blob") + len(data).to_bytes(4, "little") + data


def _as_blob(part: AnyBlob | Number) -> AnyBlob:
    return Blob(part.code + _op("number")) if isinstance(part, Number) else part


def _arguments(arguments: tuple[AnyNumber | AnyBlob, ...]) -> bytes:
    return b"".join(
        _number(item) if isinstance(item, int | Number) else _blob(item) for item in arguments
    )


def _callback(script: Script) -> tuple[Number, Number]:
    return Number(_op("callback")), Number(_blob(script) + _op("keep"))
