;; A canister without a memory: its state is one global, its answers are empty.
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (global $runs (export "runs") (mut i64) (i64.const 0))
  (func $count (global.set $runs (i64.add (global.get $runs) (i64.const 1))))
  (func (export "canister_update run") (call $count) (call $reply))
  (func (export "canister_update trap")
    (call $count) (drop (call $grow (i64.const 1))) (unreachable)))
