;; The smallest canister worth having: a counter in the heap, counted up by an update, read by a query.
(module
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (memory (export "memory") 1)
  (func $answer
    (call $append (i32.const 8) (i32.const 4))
    (call $reply))
  (func (export "canister_update inc")
    (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
    (call $answer))
  (func (export "canister_query get")
    (call $answer)))
