;; Memory and table are imported from `env`, as some C toolchains have it.
(module
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (import "env" "memory" (memory 1 3))
  (import "env" "table" (table 2 4 funcref))
  (type $plain (func))
  (elem (i32.const 1) $store)
  (data (i32.const 8) "active")
  (func $store (i32.store8 (i32.const 14) (i32.const 33)))
  (func $answer
    (call $append (i32.const 8) (i32.const 7))
    (call $reply))
  (func (export "canister_update run")
    (call_indirect (type $plain) (i32.const 1))
    (call $answer))
  (func (export "canister_query read") (call $answer)))
