;; What the counter had is read from stable memory; what is added stays in the heap.
(module
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "stable64_read" (func $read (param i64 i64 i64)))
  (memory (export "memory") 1)
  (func (export "canister_query get")
    (call $read (i64.const 8) (i64.const 0) (i64.const 8))
    (i64.store (i32.const 8) (i64.add (i64.load (i32.const 8)) (i64.load (i32.const 0))))
    (call $append (i32.const 8) (i32.const 8))
    (call $reply))
  (func (export "canister_update inc")
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (call $reply)))
