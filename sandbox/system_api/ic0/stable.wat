;; Stable memory: a 64-bit memory of its own, whose size is a counter in the mailbox.

(func $stable_trap (param $label i32)
  (call $fail (i32.const %TRAP) (local.get $label) (i64.const 0) (i64.const 0) (i64.const 0)))

(func $in_stable (param $at i64) (param $len i64)
  (local $end i64)
  (local.set $end (i64.add (local.get $at) (local.get $len)))
  (if (i32.or
        (i64.lt_u (local.get $end) (local.get $at))
        (i64.gt_u (local.get $end)
          (i64.shl (i64.load $mail (i32.const %stable_pages)) (i64.const 16))))
    (then (call $stable_trap (i32.const %label(stable memory out of bounds))))))

(func $in_heap_or_trap (param $at i64) (param $len i64)
  (if (i32.eqz (call $is_in_heap (local.get $at) (local.get $len)))
    (then (call $stable_trap (i32.const %label(heap out of bounds))))))

;; Reading untouched stable memory costs the host memory too, so reads use up the same budget;
;; the host counts what they have really cost when it runs out.
(func $read (param $dst i64) (param $off i64) (param $size i64)
  (local $budget i64)
  (if (i64.eqz (local.get $size)) (then (return)))
  (call $in_stable (local.get $off) (local.get $size))
  (call $in_heap_or_trap (local.get $dst) (local.get $size))
  (local.set $budget
    (i64.sub (i64.load $mail (i32.const %stable_budget)) (local.get $size)))
  (if (i64.lt_s (local.get $budget) (i64.const 0))
    (then
      (local.set $budget (call $host_stable_budget (local.get $off) (i64.const 0)))
      (if (i64.lt_s (local.get $budget) (i64.const 0))
        (then (call $fail (i32.const %STABLE_LIMIT) (i32.const 0)
          (i64.const 0) (i64.const 0) (i64.const 0))))))
  (i64.store $mail (i32.const %stable_budget) (local.get $budget))
  (call $charge (local.get $size))
  (memory.copy $heap $stable
    (%narrow (local.get $dst)) (local.get $off) (%narrow (local.get $size))))

(func $write (param $off i64) (param $src i64) (param $size i64)
  (local $end i64) (local $budget i64)
  (if (i64.eqz (local.get $size)) (then (return)))
  (call $in_stable (local.get $off) (local.get $size))
  (call $in_heap_or_trap (local.get $src) (local.get $size))
  ;; what [lo, hi) this message has written: the portable memory compares only that
  (local.set $end (i64.add (local.get $off) (local.get $size)))
  (if (i64.eqz (i64.load $mail (i32.const %window_hi)))
    (then (i64.store $mail (i32.const %window_lo) (local.get $off))))
  (if (i64.lt_u (local.get $off) (i64.load $mail (i32.const %window_lo)))
    (then (i64.store $mail (i32.const %window_lo) (local.get $off))))
  (if (i64.gt_u (local.get $end) (i64.load $mail (i32.const %window_hi)))
    (then (i64.store $mail (i32.const %window_hi) (local.get $end))))
  ;; two OS pages may be touched only in part; the host counts exactly when this runs out
  (local.set $budget (i64.sub (i64.load $mail (i32.const %stable_budget))
    (i64.add (local.get $size) (i64.const 8192))))
  (if (i64.lt_s (local.get $budget) (i64.const 0))
    (then
      (local.set $budget (call $host_stable_budget (local.get $off) (local.get $size)))
      (if (i64.lt_s (local.get $budget) (i64.const 0))
        (then (call $fail (i32.const %STABLE_LIMIT) (i32.const 0)
          (i64.const 0) (i64.const 0) (i64.const 0))))))
  (i64.store $mail (i32.const %stable_budget) (local.get $budget))
  (call $charge (local.get $size))
  (memory.copy $stable $heap
    (local.get $off) (%narrow (local.get $src)) (%narrow (local.get $size))))

;; the pages before, or -1; `limit` in pages
(func $grow (param $more i64) (param $limit i64) (result i64)
  (local $before i64) (local $after i64)
  (local.set $before (i64.load $mail (i32.const %stable_pages)))
  (local.set $after (i64.add (local.get $before) (local.get $more)))
  (if (i32.or
        (i64.lt_u (local.get $after) (local.get $before))
        (i64.gt_u (local.get $after) (local.get $limit)))
    (then (return (i64.const -1))))
  (if (i64.gt_u (local.get $after) (i64.load $mail (i32.const %stable_capacity)))
    (then (call $fail (i32.const %STABLE_CAPACITY) (i32.const 0)
      (i64.const 0) (i64.const 0) (i64.const 0))))
  (i64.store $mail (i32.const %stable_pages) (local.get $after))
  (i64.store $mail (i32.const %stable_grown)
    (i64.add (i64.load $mail (i32.const %stable_grown)) (local.get $more)))
  (local.get $before))

(func (export "stable64_size") (result i64)
  %gate(stable64_size)
  (i64.load $mail (i32.const %stable_pages)))

(func (export "stable64_grow") (param $more i64) (result i64)
  %gate(stable64_grow)
  (call $grow (local.get $more) (i64.load $mail (i32.const %stable_max))))

(func (export "stable64_read") (param $dst i64) (param $off i64) (param $size i64)
  %gate(stable64_read)
  (call $read (local.get $dst) (local.get $off) (local.get $size)))

(func (export "stable64_write") (param $off i64) (param $src i64) (param $size i64)
  %gate(stable64_write)
  (call $write (local.get $off) (local.get $src) (local.get $size)))

;;32 begin
(func $fits_32
  (if (i64.gt_u (i64.load $mail (i32.const %stable_pages)) (i64.const 65536))
    (then (call $stable_trap
      (i32.const %label(32 bit stable memory api used on a memory larger than 4GB))))))

(func (export "stable_size") (result i32)
  %gate(stable_size)
  (call $fits_32)
  (i32.wrap_i64 (i64.load $mail (i32.const %stable_pages))))

(func (export "stable_grow") (param $more i32) (result i32)
  (local $limit i64)
  %gate(stable_grow)
  (call $fits_32)
  (local.set $limit (i64.load $mail (i32.const %stable_max)))
  (if (i64.gt_u (local.get $limit) (i64.const 65536)) (then (local.set $limit (i64.const 65536))))
  (i32.wrap_i64 (call $grow (i64.extend_i32_u (local.get $more)) (local.get $limit))))

(func (export "stable_read") (param $dst i32) (param $off i32) (param $size i32)
  %gate(stable_read)
  (call $fits_32)
  (call $read (i64.extend_i32_u (local.get $dst)) (i64.extend_i32_u (local.get $off))
    (i64.extend_i32_u (local.get $size))))

(func (export "stable_write") (param $off i32) (param $src i32) (param $size i32)
  %gate(stable_write)
  (call $fits_32)
  (call $write (i64.extend_i32_u (local.get $off)) (i64.extend_i32_u (local.get $src))
    (i64.extend_i32_u (local.get $size))))
;;32 end
