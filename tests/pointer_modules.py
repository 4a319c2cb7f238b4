"""Modules as ``ic_cdk::export_candid!`` makes them: a function returns the interface's address."""

from __future__ import annotations

from typing import Final

SERVICE: Final = "service : (nat16) -> { echo : (nat8) -> (nat8) query }"
AT: Final = 1_024
# For each way to go wrong: what the function does, what else the module has, what is told.
FAILURES: Final[dict[str, tuple[str, str, str]]] = {
    "traps": ("(unreachable)", "", "get_candid_pointer traps: unreachable"),
    "loops": (
        "(loop $l (br $l)) (i32.const 0)",
        "",
        "get_candid_pointer does not end within 500,000,000 instructions",
    ),
    "recurses": ("(call $pointer)", "", "get_candid_pointer traps: stack overflow"),
    "leaves the heap": (
        "(i32.const -1)",
        "",
        "points at 4294967295, behind the heap's 65536 bytes",
    ),
    "has no end": (
        "(i32.const 65535)",
        '(data (i32.const 65535) "s")',
        "there is no NUL within the heap",
    ),
    "is endless": (
        """(drop (memory.grow (i32.const 20)))
        (memory.fill (i32.const 0) (i32.const 32) (i32.const 1310720)) (i32.const 0)""",
        "",
        "there is no NUL within 1 MiB",
    ),
    "is not UTF-8": ("(i32.const 2048)", '(data (i32.const 2048) "s\\ff")', "not UTF-8 at byte 1"),
    "is not Candid": (
        "(i32.const 2048)",
        '(data (i32.const 2048) "hello")',
        "get_candid_pointer gives no Candid: line 1, column 1",
    ),
    "is empty": ("(i32.const 512)", "", "get_candid_pointer points at an empty text"),
}


def pointer_module(
    body: str = f"(i32.const {AT})", extra: str = "", *, service: str = SERVICE, heap: str = "1"
) -> bytes:
    """Return a module that echoes; body: of get_candid_pointer. extra: more fields."""
    return f"""(module
      (import "ic0" "msg_arg_data_size" (func $size (result i32)))
      (import "ic0" "msg_arg_data_copy" (func $copy (param i32 i32 i32)))
      (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
      (import "ic0" "msg_reply" (func $reply))
      {extra}
      (memory {heap})
      (data (i32.const {AT}) "{service}")
      (func (export "canister_init"))
      (func (export "canister_query echo")
        (call $copy (i32.const 0) (i32.const 0) (call $size))
        (call $append (i32.const 0) (call $size))
        (call $reply))
      (func $pointer (export "get_candid_pointer") (result i32) {body}))""".encode()


def pointer_module_64(body: str = f"(i64.const {AT})") -> bytes:
    """Return the same with a 64-bit heap, and nothing but the function."""
    return f"""(module (memory i64 1) (data (i64.const {AT}) "{SERVICE}")
      (func (export "get_candid_pointer") (result i64) {body}))""".encode()
