;; A callback that keeps the environment it is given, whole: 64 bits on a 64-bit heap.
(module
  (memory i64 1)
  (table 2 funcref)
  (elem (i32.const 1) $callback)
  (global $env (export "env") (mut i64) (i64.const 0))
  (func $callback (param i64) (global.set $env (local.get 0))))
