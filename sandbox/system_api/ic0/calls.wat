;; Outgoing calls: records one after the other in the mailbox, sent when the message commits.
;; At most one is under construction; it starts where the finished ones end.

(func $call_at (result i32)
  (i32.add (i32.const %calls_at) (i32.load $mail (i32.const %calls_len))))

;; the record under construction; `label` is the complaint when there is none
(func $open_call (param $label i32) (result i32)
  (if (i32.eqz (i32.load $mail (i32.const %call_open)))
    (then (call $toolchain (local.get $label))))
  (call $call_at))

;; drop the call under construction and take its cycles back
(func $discard_call
  (local $at i32)
  (if (i32.load $mail (i32.const %call_open))
    (then
      (local.set $at (call $call_at))
      (call $earn
        (i64.load $mail offset=%call_cycles_lo (local.get $at))
        (i64.load $mail offset=%call_cycles_hi (local.get $at)))
      (i32.store $mail (i32.const %call_open) (i32.const 0)))))

(func (export "call_new")
  (param $callee %I) (param $callee_size %I) (param $name %I) (param $name_size %I)
  (param $reply_fun %I) (param $reply_env %I) (param $reject_fun %I) (param $reject_env %I)
  (local $at i32)
  %gate(call_new)
  (call $discard_call)
  (if (i64.gt_u (%wide (local.get $name_size)) (i64.const %METHOD_NAME_MAX))
    (then (call $fail (i32.const %USER)
      (i32.const %label(Size of method_name {a} exceeds the allowed limit of {b}.))
      (%wide (local.get $name_size)) (i64.const %METHOD_NAME_MAX) (i64.const 0))))
  (call $in_heap (i32.const %label(ic0.call_new method_name))
    (%wide (local.get $name)) (%wide (local.get $name_size)))
  (call $in_heap (i32.const %label(ic0.call_new callee_src))
    (%wide (local.get $callee)) (%wide (local.get $callee_size)))
  (if (i64.gt_u (%wide (local.get $callee_size)) (i64.const 29))
    (then (call $fail (i32.const %BAD_PRINCIPAL) (i32.const 0)
      (i64.const 0) (i64.const 0) (i64.const 0))))
  (local.set $at (call $call_at))
  (if (i32.eqz (call $has_room (i64.const 65536)))
    (then (call $fail (i32.const %CALLS_FULL) (i32.const 0)
      (i64.const 0) (i64.const 0) (i64.const 0))))
  (call $charge
    (i64.add (%wide (local.get $callee_size)) (%wide (local.get $name_size))))
  (memory.fill $mail (local.get $at) (i32.const 0) (i32.const %call_header))
  (i32.store $mail offset=%call_callee_len (local.get $at) (%to32 (local.get $callee_size)))
  (i32.store $mail offset=%call_name_len (local.get $at) (%to32 (local.get $name_size)))
  (i64.store $mail offset=%call_reply_fun (local.get $at) (%wide (local.get $reply_fun)))
  (i64.store $mail offset=%call_reply_env (local.get $at) (%wide (local.get $reply_env)))
  (i64.store $mail offset=%call_reject_fun (local.get $at) (%wide (local.get $reject_fun)))
  (i64.store $mail offset=%call_reject_env (local.get $at) (%wide (local.get $reject_env)))
  (memory.copy $mail $heap
    (i32.add (local.get $at) (i32.const %call_callee))
    (local.get $callee) (%to32 (local.get $callee_size)))
  (memory.copy $mail $heap
    (i32.add (local.get $at) (i32.const %call_header))
    (local.get $name) (%to32 (local.get $name_size)))
  (i32.store $mail (i32.const %call_open) (i32.const 1)))

;; room for `more` bytes behind the finished calls
(func $has_room (param $more i64) (result i32)
  (i64.le_u
    (i64.add (i64.extend_i32_u (call $call_at)) (local.get $more))
    (i64.const %calls_end)))

(func (export "call_on_cleanup") (param $fun %I) (param $env %I)
  (local $at i32)
  %gate(call_on_cleanup)
  (local.set $at (call $open_call
    (i32.const %label(ic0.call_on_cleanup called when no call is under construction.))))
  (if (i32.load $mail offset=%call_has_cleanup (local.get $at)) (then (call $toolchain
    (i32.const %label(ic0.call_on_cleanup can be called at most once between `ic0.call_new` and `ic0.call_perform`)))))
  (i32.store $mail offset=%call_has_cleanup (local.get $at) (i32.const 1))
  (i64.store $mail offset=%call_cleanup_fun (local.get $at) (%wide (local.get $fun)))
  (i64.store $mail offset=%call_cleanup_env (local.get $at) (%wide (local.get $env))))

(func (export "call_data_append") (param $src %I) (param $size %I)
  (local $at i32) (local $used i64)
  %gate(call_data_append)
  (local.set $at (call $open_call
    (i32.const %label(ic0.call_data_append called when no call is under construction.))))
  (local.set $used (i64.add
    (i64.load32_u $mail offset=%call_name_len (local.get $at))
    (i64.load32_u $mail offset=%call_payload_len (local.get $at))))
  ;; the sum with a 64-bit size may wrap around; the name alone may exceed the limit
  (if (i32.or
        (i64.lt_u (i64.add (local.get $used) (%wide (local.get $size))) (local.get $used))
        (i64.gt_u (i64.add (local.get $used) (%wide (local.get $size)))
          (i64.load32_u $mail (i32.const %max_payload))))
    (then (call $fail (i32.const %CALL_PAYLOAD) (local.get $at)
      (i64.add (local.get $used) (%wide (local.get $size)))
      (i64.load32_u $mail (i32.const %max_payload)) (i64.const 0))))
  (if (i32.eqz (call $has_room (i64.add
        (i64.add (local.get $used) (%wide (local.get $size))) (i64.const 65536))))
    (then (call $fail (i32.const %CALLS_FULL) (i32.const 0)
      (i64.const 0) (i64.const 0) (i64.const 0))))
  (call $copy_in (i32.const %label(ic0.call_data_append))
    (%wide (local.get $src)) (%wide (local.get $size))
    (i32.add (i32.add (local.get $at) (i32.const %call_header)) (i32.wrap_i64 (local.get $used))))
  (i32.store $mail offset=%call_payload_len (local.get $at)
    (i32.add (i32.load $mail offset=%call_payload_len (local.get $at)) (%to32 (local.get $size)))))

(func (export "call_with_best_effort_response") (param $seconds i32)
  (local $at i32)
  %gate(call_with_best_effort_response)
  (local.set $at (call $open_call
    (i32.const %label(ic0.call_with_best_effort_response called when no call is under construction.))))
  (if (i32.load $mail offset=%call_has_timeout (local.get $at)) (then (call $toolchain
    (i32.const %label(ic0_call_with_best_effort_response failed because a timeout is already set.)))))
  (i32.store $mail offset=%call_has_timeout (local.get $at) (i32.const 1))
  (i32.store $mail offset=%call_timeout (local.get $at)
    (select (local.get $seconds) (i32.const %CALL_TIMEOUT_MAX)
      (i32.lt_u (local.get $seconds) (i32.const %CALL_TIMEOUT_MAX)))))

(func $add_cycles (param $label i32) (param $lo i64) (param $hi i64)
  (local $at i32)
  (local.set $at (call $open_call (local.get $label)))
  (if (i32.eqz (call $at_least (i32.const %liquid_lo) (local.get $lo) (local.get $hi)))
    (then (call $fail (i32.const %OUT_OF_CYCLES) (i32.const 0)
      (i64.const 0) (i64.const 0) (i64.const 0))))
  (call $spend (local.get $lo) (local.get $hi))
  (call $give (i32.add (local.get $at) (i32.const %call_cycles_lo))
    (local.get $lo) (local.get $hi)))

(func (export "call_cycles_add128") (param $hi i64) (param $lo i64)
  %gate(call_cycles_add128)
  (call $add_cycles
    (i32.const %label(ic0_call_cycles_add128 called when no call is under construction.))
    (local.get $lo) (local.get $hi)))

;;32 begin
(func (export "call_cycles_add") (param $amount i64)
  %gate(call_cycles_add)
  (call $add_cycles
    (i32.const %label(ic0_call_cycles_add called when no call is under construction.))
    (local.get $amount) (i64.const 0)))
;;32 end

;; while no queue can be full there is no need to ask the host
(func $queue_full (result i32)
  (if (i32.lt_u (i32.load $mail (i32.const %calls_count))
        (i32.load $mail (i32.const %max_calls)))
    (then (return (i32.const 0))))
  (call $host_cost (i32.const %index(call_perform)) (i64.const 0) (i64.const 0)))

;; 0, or 2 when the queue is full or the fee cannot be paid
(func (export "call_perform") (result i32)
  (local $at i32) (local $bytes i32) (local $lo i64) (local $hi i64)
  %gate(call_perform)
  (local.set $at (call $open_call
    (i32.const %label(ic0.call_perform called when no call is under construction.))))
  (local.set $bytes (i32.add
    (i32.load $mail offset=%call_name_len (local.get $at))
    (i32.load $mail offset=%call_payload_len (local.get $at))))
  ;; fee = fixed part + per-byte part; a per-byte fee times 10 MiB stays far below 2^64
  (local.set $lo (i64.add
    (i64.load $mail (i32.const %call_fee_lo))
    (i64.mul (i64.load $mail (i32.const %call_byte_fee))
      (i64.extend_i32_u (local.get $bytes)))))
  (local.set $hi (i64.add (i64.load $mail (i32.const %call_fee_hi))
    (i64.extend_i32_u (i64.lt_u (local.get $lo) (i64.load $mail (i32.const %call_fee_lo))))))
  (if (i32.or
        (call $queue_full)
        (i32.eqz (call $at_least (i32.const %liquid_lo) (local.get $lo) (local.get $hi))))
    (then (call $discard_call) (return (i32.const 2))))
  (call $spend (local.get $lo) (local.get $hi))
  ;; the next record starts 8-aligned behind this one
  (i32.store $mail (i32.const %calls_len)
    (i32.and
      (i32.add
        (i32.add (i32.load $mail (i32.const %calls_len)) (i32.const %call_header))
        (i32.add (local.get $bytes) (i32.const 7)))
      (i32.const -8)))
  (i32.store $mail (i32.const %calls_count)
    (i32.add (i32.load $mail (i32.const %calls_count)) (i32.const 1)))
  (i32.store $mail (i32.const %call_open) (i32.const 0))
  (i32.const 0))
