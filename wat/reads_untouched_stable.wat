;; Reads N MiB (the argument, 4 bytes) of stable memory that nobody has written; has 8 GiB of it.
(module
  (import "ic0" "msg_arg_data_copy" (func $arg (param i32 i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_read" (func $read (param i64 i64 i64)))
  (memory 17)
  (func (export "canister_init") (drop (call $grow (i64.const 131072))))
  (func (export "canister_query read")
    (local $at i64)
    (call $arg (i32.const 0) (i32.const 0) (i32.const 4))
    (loop $next
      (call $read (i64.const 65536) (i64.shl (local.get $at) (i64.const 20)) (i64.const 1048576))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br_if $next (i64.lt_u (local.get $at) (i64.load32_u (i32.const 0)))))
    (call $reply)))
