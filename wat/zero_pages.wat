;; A memory of no pages, which messages let grow.
(module
  (import "ic0" "msg_reply" (func $reply))
  (memory 0 4)
  (func $grow_and_write
    (drop (memory.grow (i32.const 1)))
    (i32.store8
      (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1))
      (memory.size)))
  (func (export "canister_update grow") (call $grow_and_write) (call $reply))
  (func (export "canister_update grow_and_trap") (call $grow_and_write) (unreachable))
  (func (export "canister_query nothing") (call $reply)))
