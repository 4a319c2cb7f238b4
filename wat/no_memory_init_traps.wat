;; A canister without a memory whose first message fails.
(module
  (global $runs (mut i64) (i64.const 0))
  (func (export "canister_init")
    (global.set $runs (i64.const 1))
    (unreachable)))
