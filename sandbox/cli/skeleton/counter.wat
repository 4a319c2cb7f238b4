;; A counter with a Candid interface. Put your own canister in its place: a .wasm or .wasm.gz
;; that Motoko, Rust, Azle or C made is installed in the same way.
(module
  (@custom "icp:public candid:service"
    "service : (nat64) -> { get : () -> (nat64) query; inc : () -> (nat64); dec : () -> (nat64) }")
  (@custom "icp:public candid:args" "(nat64)")
  (import "ic0" "msg_arg_data_copy" (func $argument (param i32 i32 i32)))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "trap" (func $trap (param i32 i32)))
  (memory 1)
  ;; The answer as Candid: no types, one value, nat64; the count itself stands at byte 7.
  (data (i32.const 0) "DIDL\00\01\78")
  (data (i32.const 16) "the counter is at zero")
  (func $count (result i64) (i64.load (i32.const 7)))
  (func $answer (call $append (i32.const 0) (i32.const 15)) (call $reply))
  (func (export "canister_init") (call $argument (i32.const 7) (i32.const 7) (i32.const 8)))
  (func (export "canister_query get") (call $answer))
  (func (export "canister_update inc")
    (i64.store (i32.const 7) (i64.add (call $count) (i64.const 1)))
    (call $answer))
  (func (export "canister_update dec")
    (i64.store (i32.const 7) (i64.sub (call $count) (i64.const 1)))
    (if (i64.lt_s (call $count) (i64.const 0))
      (then (call $trap (i32.const 16) (i32.const 22))))
    (call $answer)))
