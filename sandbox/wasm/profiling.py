"""Functions that tell who called whom, and what each used up of the instruction counter.

Each function's body moves to the end of the module; in its place comes a wrapper around it,
so that every way to the function (calls, tables, exports) leads through the wrapper:

    (func $f (param i64) (result i32)      (func $f (param i64) (result i32)
      …)                                     (call $enter (i32.const 7))   ;; f's index
                                             (call $moved_f (local.get 0))
                                             (call $leave))

``enter`` and ``leave`` keep a tree of calls in a memory of their own. They use no instructions
of the counter, so what is measured is exactly what is counted without them. No index changes.

Functions with tail calls stay where they are, and count for their callers: each turn of a loop
of tail calls would leave a wrapper on the stack.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.wasm.code import read_instructions
from sandbox.wasm.encode import encode_export, encode_i, encode_section, encode_u
from sandbox.wasm.module import ExternKind, SectionId
from sandbox.wasm.parse import parse_module
from sandbox.wasm.splice import old_entries, splice

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.wasm.module import Module

# A node of the tree: function, or for an entry a number below 0; parent, first child, next sibling
# (offsets, 0 for none); how often it was called; instructions of its own. The host adds entries.
NODE: Final = struct.Struct("<iiiiqq")
_PAGE_BYTES: Final = 65_536
_TREE_PAGES: Final = 256
# Half a million nodes. What a message calls beyond counts for the caller; the host empties the
# tree between messages when it is half full, and puts one node in for itself.
TREE_BYTES: Final = _TREE_PAGES * _PAGE_BYTES

_TAIL_CALLS: Final = frozenset((b"\x12", b"\x13"))  # return_call, return_call_indirect

_PREFIX: Final = "canister_sandbox profile "
_STATE: Final = ("node", "free", "over", "last", "sum")

_TEMPLATE: Final = """(module
  {memories}
  (memory $tree {pages} {pages})
  {globals}
  (global $node (mut i32) (i32.const 0))   ;; the function that runs
  (global $free (mut i32) (i32.const 32))  ;; where the next node goes
  (global $over (mut i32) (i32.const 0))   ;; how many calls deep beyond what the tree can hold
  (global $last (mut i64) (i64.const 0))   ;; the counter when the tree was last entered or left
  (global $sum (mut i64) (i64.const 0))    ;; what was added to nodes
  (func $enter (param $function i32) (local $at i32) (local $used i64)
    {account}
    (if (global.get $over) (then
      (global.set $over (i32.add (global.get $over) (i32.const 1))) (return)))
    (local.set $at (i32.load $tree offset=8 (global.get $node)))
    (block $known
      (loop $siblings
        (if (local.get $at) (then
          (br_if $known (i32.eq (i32.load $tree (local.get $at)) (local.get $function)))
          (local.set $at (i32.load $tree offset=12 (local.get $at)))
          (br $siblings))))
      (if (i32.ge_u (global.get $free) (i32.const {bytes})) (then
        (global.set $over (i32.const 1)) (return)))
      (local.set $at (global.get $free))
      (global.set $free (i32.add (local.get $at) (i32.const 32)))
      (i32.store $tree (local.get $at) (local.get $function))
      (i32.store $tree offset=4 (local.get $at) (global.get $node))
      (i32.store $tree offset=12 (local.get $at) (i32.load $tree offset=8 (global.get $node)))
      (i32.store $tree offset=8 (global.get $node) (local.get $at)))
    (i64.store $tree offset=16 (local.get $at)
      (i64.add (i64.load $tree offset=16 (local.get $at)) (i64.const 1)))
    (global.set $node (local.get $at)))
  (func $leave (local $used i64)
    {account}
    (if (global.get $over)
      (then (global.set $over (i32.sub (global.get $over) (i32.const 1))))
      (else (global.set $node (i32.load $tree offset=4 (global.get $node)))))))
"""
_ACCOUNT: Final = """
    (local.set $used (i64.sub (global.get $last) (global.get $counter)))
    (global.set $last (global.get $counter))
    (global.set $sum (i64.add (global.get $sum) (local.get $used)))
    (i64.store $tree offset=24 (global.get $node)
      (i64.add (i64.load $tree offset=24 (global.get $node)) (local.get $used)))"""


@dataclass(frozen=True, slots=True)
class ProfileNames:
    """The names under which a profiled module exports its tree.

    tree: a memory. node, free, over: i32 globals; last, sum: i64. first_moved: the functions from
        this index on have no names of their own.
    """

    tree: str
    node: str
    free: str
    over: str
    last: str
    sum: str
    first_moved: int


def profiled(
    module: Module, counter: str, functions: int, assemble: Callable[[str], bytes]
) -> tuple[bytes, ProfileNames]:
    """Return a metered module with a tree of its calls.

    counter: what the meter's counter is exported as. functions: how many functions, imports
        included, the module had before metering. assemble: WebAssembly text to bytes.
    """
    taken = {export.name for export in module.exports}
    names = [_free(_PREFIX + what, taken) for what in ("tree", *_STATE)]
    first = len(module.functions)
    enter, leave, first_moved = first, first + 1, first + 2
    imported = len(module.imported(ExternKind.FUNCTION))
    meter = next(export.index for export in module.exports if export.name == counter)
    template = parse_module(assemble(_text(module, meter)))
    code = [module.wasm[start:end] for start, end in module.bodies]
    moved: list[bytes] = []
    indices: list[int] = []
    for index in range(imported, functions):
        body = code[index - imported]
        if not _has_tail_calls(body):
            parameters = len(module.function_type(index).params)
            calls = (enter, first_moved + len(moved), leave)
            code[index - imported] = _wrapper(index, parameters, calls)
            moved.append(body)
            indices.append(index)
    added = [template.wasm[start:end] for start, end in template.bodies]
    first_type, first_global = len(module.types), len(module.globals)
    new = {
        SectionId.TYPE: [b"\x60\x01\x7f\x00", b"\x60\x00\x00"],
        SectionId.FUNCTION: [
            *map(encode_u, (first_type, first_type + 1)),
            *(encode_u(module.functions[index]) for index in indices),
        ],
        SectionId.MEMORY: [b"\x01" + encode_u(_TREE_PAGES) * 2],
        SectionId.GLOBAL: [b"\x7f\x01\x41\x00\x0b"] * 3 + [b"\x7e\x01\x42\x00\x0b"] * 2,
        SectionId.EXPORT: [
            encode_export(names[0], ExternKind.MEMORY, len(module.memories)),
            *(
                encode_export(name, ExternKind.GLOBAL, first_global + number)
                for number, name in enumerate(names[1:])
            ),
        ],
    }
    replaced = {}
    for section_id, entries in new.items():
        old, count = old_entries(module, section_id)
        replaced[section_id] = encode_section(section_id, [old, *entries], count + len(entries))
    sized = [encode_u(len(body)) + body for body in (*code, *added, *moved)]
    replaced[SectionId.CODE] = encode_section(SectionId.CODE, sized, len(sized))
    tree, node, free, over, last, sum_ = names
    found = ProfileNames(tree, node, free, over, last, sum_, first_moved)
    return splice(module, replaced), found


def _has_tail_calls(body: bytes) -> bool:
    if not any(key in body for key in _TAIL_CALLS):
        return False  # most bodies, and no instruction had to be read
    return any(key in _TAIL_CALLS for key, _, _ in read_instructions(body, 0, len(body)))


def _wrapper(function: int, parameters: int, calls: tuple[int, int, int]) -> bytes:
    enter, moved, leave = (b"\x10" + encode_u(index) for index in calls)
    arguments = b"".join(b"\x20" + encode_u(number) for number in range(parameters))
    return b"\x00\x41" + encode_i(function) + enter + arguments + moved + leave + b"\x0b"


def _text(module: Module, counter: int) -> str:
    """Return the two functions in a module whose memories and globals have the same indices."""
    kinds = ["(mut i64) (i64.const 0)" if at == counter else "i32 (i32.const 0)"
             for at in range(len(module.globals))]  # fmt: skip
    globals_ = [
        f"(global {'$counter ' if at == counter else ''}{kind})" for at, kind in enumerate(kinds)
    ]
    return _TEMPLATE.format(
        memories="(memory 0)" * len(module.memories),
        globals="\n  ".join(globals_),
        account=_ACCOUNT,
        pages=_TREE_PAGES,
        bytes=TREE_BYTES,
    )


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "'"
    taken.add(name)
    return name
