;; Every hook prints its name, so that the log shows which ones ran and in which order.
(module
  (import "ic0" "debug_print" (func $print (param i32 i32)))
  (memory 1)
  (data (i32.const 0) "startinitprepost")
  (func $start (call $print (i32.const 0) (i32.const 5)))
  (func (export "canister_init") (call $print (i32.const 5) (i32.const 4)))
  (func (export "canister_pre_upgrade") (call $print (i32.const 9) (i32.const 3)))
  (func (export "canister_post_upgrade") (call $print (i32.const 12) (i32.const 4)))
  (start $start))
