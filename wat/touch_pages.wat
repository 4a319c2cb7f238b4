;; Writes one byte into each of N kernel pages (4,096 bytes) of a heap of 1 GiB; N is the argument, 4 bytes.
(module
  (import "ic0" "msg_arg_data_copy" (func $arg (param i32 i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (memory (export "memory") 16384)
  (func (export "canister_update touch")
    (local $left i32) (local $at i32)
    (call $arg (i32.const 0) (i32.const 0) (i32.const 4))
    (local.set $left (i32.load (i32.const 0)))
    (loop $next
      (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (i32.store8 (local.get $at) (i32.add (i32.load8_u (local.get $at)) (i32.const 1)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $next (local.get $left)))
    (call $reply)))
