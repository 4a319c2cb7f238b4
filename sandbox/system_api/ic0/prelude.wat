;; What every other file of this folder builds on: the memories, failing, bounds.
;;
;; The files are concatenated and assembled once per heap width. The assembler knows:
;;   %I               the heap's address type          %name       an offset of mailbox.py
;;   (%wide x)        I -> i64                         (%narrow x) i64 -> I
;;   (%ptr x)         i32 -> I                         (%to32 x)   I -> i32
;;   %gate(f)         charge for f, refuse it where it may not be called
;;   %label(t)        a number that stands for text t
;; A `;;32` at the end of a definition's first line keeps it out of the 64-bit module.

(import "host" "heap" (memory $heap %I 0))
(import "host" "stable" (memory $stable i64 0))
(import "host" "mail" (memory $mail 0))
;; instructions used by this message so far
(import "host" "instructions" (func $host_instructions (result i64)))
;; this write may exceed the budget: count the real pages, these included; -1 is too many
(import "host" "stable_budget" (func $host_stable_budget
  (param $at i64) (param $size i64) (result i64)))
;; the log area is full: take what is there
(import "host" "flush_log" (func $host_flush_log))
;; put the answer of cost function `f` at %cost_at; 0 ok, 1 unknown curve, 2 unknown key
(import "host" "cost" (func $host_cost (param $f i32) (param $a i64) (param $b i64) (result i32)))

;; Instructions are added up here, and taken off the canister's counter (metering.py) before they
;; are many: by a function of the canister that the host puts into the table.
(table $charge_table (export "%charge_table") 1 1 funcref)
(type $charge_type (func (param i64)))
(global $charged (export "%charged") (mut i64) (i64.const 0))
(func $charge (param $instructions i64)
  (global.set $charged (i64.add (global.get $charged) (local.get $instructions)))
  (if (i64.gt_u (global.get $charged) (i64.const 100000))
    (then
      (local.set $instructions (global.get $charged))
      (global.set $charged (i64.const 0))
      (call_indirect $charge_table (type $charge_type) (local.get $instructions) (i32.const 0)))))

;; Say why in the mailbox, then trap. The kinds are those of violations.py.
(func $fail (param $kind i32) (param $label i32) (param $a i64) (param $b i64) (param $c i64)
  (i32.store $mail (i32.const %error_kind) (local.get $kind))
  (i32.store $mail (i32.const %error_label) (local.get $label))
  (i64.store $mail (i32.const %error_a) (local.get $a))
  (i64.store $mail (i32.const %error_b) (local.get $b))
  (i64.store $mail (i32.const %error_c) (local.get $c))
  (unreachable))

(func $wrong_context (param $index i32)
  (call $fail (i32.const %WRONG_CONTEXT) (local.get $index)
    (i64.const 0) (i64.const 0) (i64.const 0)))

(func $toolchain (param $label i32)
  (call $fail (i32.const %TOOLCHAIN) (local.get $label) (i64.const 0) (i64.const 0) (i64.const 0)))

(func $heap_bytes (result i64)
  (i64.shl (%wide (memory.size $heap)) (i64.const 16)))

;; [at, at+len) must lie within `size`; the sum itself may overflow
(func $range (param $label i32) (param $at i64) (param $len i64) (param $size i64)
  (local $end i64)
  (local.set $end (i64.add (local.get $at) (local.get $len)))
  (if (i64.lt_u (local.get $end) (local.get $at))
    (then (call $fail (i32.const %BAD_ADDRESS) (local.get $label)
      (local.get $at) (local.get $len) (i64.const 0))))
  (if (i64.gt_u (local.get $end) (local.get $size))
    (then (call $fail (i32.const %BAD_SLICE) (local.get $label)
      (local.get $at) (local.get $len) (local.get $size)))))

(func $in_heap (param $label i32) (param $at i64) (param $len i64)
  (call $range (local.get $label) (local.get $at) (local.get $len) (call $heap_bytes)))

;; mail[src+off ..] -> heap[dst ..], `len` being how much there is at src
(func $copy_out (param $heap_label i32) (param $data_label i32)
  (param $dst i64) (param $off i64) (param $size i64) (param $src i32) (param $len i64)
  (call $in_heap (local.get $heap_label) (local.get $dst) (local.get $size))
  (call $range (local.get $data_label) (local.get $off) (local.get $size) (local.get $len))
  (call $charge (local.get $size))
  (memory.copy $heap $mail
    (%narrow (local.get $dst))
    (i32.add (local.get $src) (i32.wrap_i64 (local.get $off)))
    (i32.wrap_i64 (local.get $size))))

;; heap[src ..] -> mail[dst ..]; the caller has made sure that it fits there
(func $copy_in (param $label i32) (param $src i64) (param $size i64) (param $dst i32)
  (call $in_heap (local.get $label) (local.get $src) (local.get $size))
  (call $charge (local.get $size))
  (memory.copy $mail $heap
    (local.get $dst) (%narrow (local.get $src)) (i32.wrap_i64 (local.get $size))))

;; 16 bytes, little-endian, to the heap
(func $put128 (param $label i32) (param $dst i64) (param $lo i64) (param $hi i64)
  (if (i32.or
        (i64.gt_u (local.get $dst) (i64.const -17))
        (i64.gt_u (i64.add (local.get $dst) (i64.const 16)) (call $heap_bytes)))
    (then (call $fail (i32.const %BAD_CYCLES_SLICE) (local.get $label)
      (local.get $dst) (i64.const 16) (call $heap_bytes))))
  (i64.store $heap (%narrow (local.get $dst)) (local.get $lo))
  (i64.store $heap offset=8 (%narrow (local.get $dst)) (local.get $hi)))

;; 1 when mail[at .. at+len) is well-formed UTF-8 (RFC 3629)
(func $is_utf8 (param $at i32) (param $len i32) (result i32)
  (local $end i32) (local $byte i32) (local $more i32) (local $low i32) (local $high i32)
  (local.set $end (i32.add (local.get $at) (local.get $len)))
  (block $bad
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (i32.const 1))))
      (local.set $byte (i32.load8_u $mail (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $byte) (i32.const 0x80)))
      (local.set $low (i32.const 0x80))
      (local.set $high (i32.const 0xBF))
      (br_if $bad (i32.lt_u (local.get $byte) (i32.const 0xC2)))
      (br_if $bad (i32.gt_u (local.get $byte) (i32.const 0xF4)))
      (local.set $more (i32.const 1))
      (if (i32.ge_u (local.get $byte) (i32.const 0xE0)) (then (local.set $more (i32.const 2))))
      (if (i32.ge_u (local.get $byte) (i32.const 0xF0)) (then (local.set $more (i32.const 3))))
      ;; overlong forms, surrogates, beyond U+10FFFF: the second byte tells
      (if (i32.eq (local.get $byte) (i32.const 0xE0)) (then (local.set $low (i32.const 0xA0))))
      (if (i32.eq (local.get $byte) (i32.const 0xED)) (then (local.set $high (i32.const 0x9F))))
      (if (i32.eq (local.get $byte) (i32.const 0xF0)) (then (local.set $low (i32.const 0x90))))
      (if (i32.eq (local.get $byte) (i32.const 0xF4)) (then (local.set $high (i32.const 0x8F))))
      (br_if $bad (i32.gt_u (i32.add (local.get $at) (local.get $more)) (local.get $end)))
      (loop $tail
        (local.set $byte (i32.load8_u $mail (local.get $at)))
        (br_if $bad (i32.lt_u (local.get $byte) (local.get $low)))
        (br_if $bad (i32.gt_u (local.get $byte) (local.get $high)))
        (local.set $low (i32.const 0x80))
        (local.set $high (i32.const 0xBF))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $more (i32.sub (local.get $more) (i32.const 1)))
        (br_if $tail (local.get $more)))
      (br $next)))
  (i32.const 0))
