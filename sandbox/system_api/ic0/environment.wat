;; Who and when: the canister itself, its subnet, settings, time, timer, counters, log.

(func (export "canister_self_size") (result %I)
  %gate(canister_self_size)
  (%ptr (i32.load $mail (i32.const %self_len))))

(func (export "canister_self_copy") (param $dst %I) (param $off %I) (param $size %I)
  %gate(canister_self_copy)
  (call $copy_out
    (i32.const %label(ic0.canister_self_copy heap)) (i32.const %label(ic0.canister_self_copy id))
    (%wide (local.get $dst)) (%wide (local.get $off)) (%wide (local.get $size))
    (i32.const %self_at) (i64.load32_u $mail (i32.const %self_len))))

(func (export "canister_status") (result i32)
  %gate(canister_status)
  (i32.load $mail (i32.const %status)))

(func (export "canister_version") (result i64)
  %gate(canister_version)
  (i64.load $mail (i32.const %version)))

(func (export "subnet_self_size") (result %I)
  %gate(subnet_self_size)
  (%ptr (i32.load $mail (i32.const %subnet_len))))

(func (export "subnet_self_copy") (param $dst %I) (param $off %I) (param $size %I)
  %gate(subnet_self_copy)
  (call $copy_out
    (i32.const %label(ic0.subnet_self_copy heap)) (i32.const %label(ic0.subnet_self_copy id))
    (%wide (local.get $dst)) (%wide (local.get $off)) (%wide (local.get $size))
    (i32.const %subnet_at) (i64.load32_u $mail (i32.const %subnet_len))))

(func (export "in_replicated_execution") (result i32)
  %gate(in_replicated_execution)
  (i32.load $mail (i32.const %replicated)))

(func (export "is_controller") (param $src %I) (param $size %I) (result i32)
  (local $at i32) (local $left i32) (local $len i32)
  %gate(is_controller)
  (call $in_heap (i32.const %label(ic0.is_controller))
    (%wide (local.get $src)) (%wide (local.get $size)))
  (if (i64.gt_u (%wide (local.get $size)) (i64.const 29))
    (then (call $fail (i32.const %BAD_PRINCIPAL) (i32.const 0)
      (i64.const 0) (i64.const 0) (i64.const 0))))
  (local.set $len (%to32 (local.get $size)))
  (call $charge (%wide (local.get $size)))
  (memory.copy $mail $heap (i32.const %scratch_at) (local.get $src) (local.get $len))
  (local.set $at (i32.const %controllers_at))
  (local.set $left (i32.load $mail (i32.const %controllers_count)))
  (block $none
    (loop $next
      (br_if $none (i32.eqz (local.get $left)))
      (if (i32.eq (i32.load8_u $mail (local.get $at)) (local.get $len))
        (then (if (call $equal (i32.add (local.get $at) (i32.const 1))
                    (i32.const %scratch_at) (local.get $len))
          (then (return (i32.const 1))))))
      (local.set $at (i32.add (local.get $at) (i32.const 32)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br $next)))
  (i32.const 0))

(func $equal (param $a i32) (param $b i32) (param $len i32) (result i32)
  (loop $next
    (if (i32.eqz (local.get $len)) (then (return (i32.const 1))))
    (local.set $len (i32.sub (local.get $len) (i32.const 1)))
    (br_if $next (i32.eq
      (i32.load8_u $mail (i32.add (local.get $a) (local.get $len)))
      (i32.load8_u $mail (i32.add (local.get $b) (local.get $len))))))
  (i32.const 0))

;; --- environment variables: a table of (name, length, value, length), sorted by name

(func (export "env_var_count") (result %I)
  %gate(env_var_count)
  (%ptr (i32.load $mail (i32.const %env_count))))

(func $env_row (param $index i64) (result i32)
  (if (i64.ge_u (local.get $index) (i64.load32_u $mail (i32.const %env_count)))
    (then (call $fail (i32.const %ENV_INDEX) (i32.const 0)
      (local.get $index) (i64.load32_u $mail (i32.const %env_count)) (i64.const 0))))
  (i32.add (i32.const %env_at) (i32.shl (i32.wrap_i64 (local.get $index)) (i32.const 4))))

(func (export "env_var_name_size") (param $index %I) (result %I)
  %gate(env_var_name_size)
  (%ptr (i32.load $mail offset=4 (call $env_row (%wide (local.get $index))))))

(func (export "env_var_name_copy") (param $index %I) (param $dst %I) (param $off %I) (param $size %I)
  (local $row i32)
  %gate(env_var_name_copy)
  (local.set $row (call $env_row (%wide (local.get $index))))
  (call $copy_out
    (i32.const %label(ic0.env_var_name_copy heap)) (i32.const %label(ic0.env_var_name_copy name))
    (%wide (local.get $dst)) (%wide (local.get $off)) (%wide (local.get $size))
    (i32.load $mail (local.get $row)) (i64.load32_u $mail offset=4 (local.get $row))))

;; the name in the heap -> its row, 0 when there is none
(func $env_find (param $too_large i32) (param $heap_label i32) (param $not_utf8 i32)
  (param $src i64) (param $size i64) (result i32)
  (local $row i32) (local $left i32) (local $len i32)
  (if (i64.gt_u (local.get $size) (i64.const %ENV_NAME_MAX))
    (then (call $fail (i32.const %USER) (local.get $too_large)
      (i64.const 0) (i64.const 0) (i64.const 0))))
  (call $copy_in (local.get $heap_label)
    (local.get $src) (local.get $size) (i32.const %scratch_at))
  (local.set $len (i32.wrap_i64 (local.get $size)))
  (if (i32.eqz (call $is_utf8 (i32.const %scratch_at) (local.get $len)))
    (then (call $fail (i32.const %USER) (local.get $not_utf8)
      (i64.const 0) (i64.const 0) (i64.const 0))))
  (local.set $row (i32.const %env_at))
  (local.set $left (i32.load $mail (i32.const %env_count)))
  (block $none
    (loop $next
      (br_if $none (i32.eqz (local.get $left)))
      (if (i32.eq (i32.load $mail offset=4 (local.get $row)) (local.get $len))
        (then (if (call $equal (i32.load $mail (local.get $row))
                    (i32.const %scratch_at) (local.get $len))
          (then (return (local.get $row))))))
      (local.set $row (i32.add (local.get $row) (i32.const 16)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br $next)))
  (i32.const 0))

;; the missing name stays in the scratch area for the error text
(func $env_missing (param $row i32) (param $size i64)
  (if (i32.eqz (local.get $row))
    (then (call $fail (i32.const %ENV_MISSING) (i32.const 0)
      (local.get $size) (i64.const 0) (i64.const 0)))))

(func (export "env_var_name_exists") (param $src %I) (param $size %I) (result i32)
  %gate(env_var_name_exists)
  (i32.ne (i32.const 0) (call $env_find
    (i32.const %label(ic0.env_var_name_exists: Variable name is too large.))
    (i32.const %label(ic0.env_var_name_exists heap))
    (i32.const %label(ic0.env_var_name_exists: Variable name is not a valid UTF-8 string.))
    (%wide (local.get $src)) (%wide (local.get $size)))))

(func (export "env_var_value_size") (param $src %I) (param $size %I) (result %I)
  (local $row i32)
  %gate(env_var_value_size)
  (local.set $row (call $env_find
    (i32.const %label(ic0.env_var_value_size: Variable name is too large.))
    (i32.const %label(ic0.env_var_value_size heap))
    (i32.const %label(ic0.env_var_value_size: Variable name is not a valid UTF-8 string.))
    (%wide (local.get $src)) (%wide (local.get $size))))
  (call $env_missing (local.get $row) (%wide (local.get $size)))
  (%ptr (i32.load $mail offset=12 (local.get $row))))

(func (export "env_var_value_copy")
  (param $src %I) (param $name_size %I) (param $dst %I) (param $off %I) (param $size %I)
  (local $row i32)
  %gate(env_var_value_copy)
  (local.set $row (call $env_find
    (i32.const %label(ic0.env_var_value_copy: Variable name is too large.))
    (i32.const %label(ic0.env_var_value_copy name))
    (i32.const %label(ic0.env_var_value_copy: Variable name is not a valid UTF-8 string.))
    (%wide (local.get $src)) (%wide (local.get $name_size))))
  (call $env_missing (local.get $row) (%wide (local.get $name_size)))
  (call $copy_out
    (i32.const %label(ic0.env_var_value_copy heap)) (i32.const %label(ic0.env_var_value_copy value))
    (%wide (local.get $dst)) (%wide (local.get $off)) (%wide (local.get $size))
    (i32.load $mail offset=8 (local.get $row)) (i64.load32_u $mail offset=12 (local.get $row))))

;; --- time, timer, counters

(func (export "time") (result i64)
  %gate(time)
  (i64.load $mail (i32.const %time)))

(func (export "global_timer_set") (param $time i64) (result i64)
  (local $previous i64)
  %gate(global_timer_set)
  (local.set $previous (i64.load $mail (i32.const %timer)))
  (i64.store $mail (i32.const %timer) (local.get $time))
  (i32.store $mail (i32.const %timer_set) (i32.const 1))
  (local.get $previous))

(func (export "performance_counter") (param $type i32) (result i64)
  %gate(performance_counter)
  (if (i32.gt_u (local.get $type) (i32.const 1))
    (then (call $fail (i32.const %USER)
      (i32.const %label(Error getting performance counter type {a}))
      (i64.extend_i32_u (local.get $type)) (i64.const 0) (i64.const 0))))
  (i64.add (call $host_instructions)
    (if (result i64) (local.get $type)
      (then (i64.load $mail (i32.const %counter_base))) (else (i64.const 0)))))

;; --- certification

(func (export "root_key_size") (result %I)
  %gate(root_key_size)
  (%ptr (i32.load $mail (i32.const %root_key_len))))

(func (export "root_key_copy") (param $dst %I) (param $off %I) (param $size %I)
  %gate(root_key_copy)
  (call $copy_out
    (i32.const %label(ic0.root_key_copy heap)) (i32.const %label(ic0.root_key_copy bytes))
    (%wide (local.get $dst)) (%wide (local.get $off)) (%wide (local.get $size))
    (i32.const %root_key_at) (i64.load32_u $mail (i32.const %root_key_len))))

(func (export "certified_data_set") (param $src %I) (param $size %I)
  (local $end i64)
  %gate(certified_data_set)
  (if (i64.gt_u (%wide (local.get $size)) (i64.const 32))
    (then (call $fail (i32.const %USER)
      (i32.const %label(ic0_certified_data_set failed because the passed data must be no larger than 32 bytes. Found {a} bytes.))
      (%wide (local.get $size)) (i64.const 0) (i64.const 0))))
  (local.set $end (i64.add (%wide (local.get $src)) (%wide (local.get $size))))
  (if (i32.or
        (i64.lt_u (local.get $end) (%wide (local.get $src)))
        (i64.gt_u (local.get $end) (call $heap_bytes)))
    (then (call $fail (i32.const %TOOLCHAIN)
      (i32.const %label(ic0_certified_data_set failed because src + size is out of bounds. Found src = {a} and size = {b} while src + size must be <= {c}))
      (%wide (local.get $src)) (%wide (local.get $size)) (call $heap_bytes))))
  (memory.copy $mail $heap
    (i32.const %certified_at) (local.get $src) (%to32 (local.get $size)))
  (i32.store $mail (i32.const %certified_len) (%to32 (local.get $size)))
  (i32.store $mail (i32.const %certified_set) (i32.const 1)))

(func (export "data_certificate_present") (result i32)
  %gate(data_certificate_present)
  (i32.ne (i32.load $mail (i32.const %certificate_len)) (i32.const 0)))

(func (export "data_certificate_size") (result %I)
  %gate(data_certificate_size)
  (if (i32.eqz (i32.load $mail (i32.const %certificate_len)))
    (then (call $wrong_context (i32.const %index(data_certificate_size)))))
  (%ptr (i32.load $mail (i32.const %certificate_len))))

(func (export "data_certificate_copy") (param $dst %I) (param $off %I) (param $size %I)
  %gate(data_certificate_copy)
  (if (i32.eqz (i32.load $mail (i32.const %certificate_len)))
    (then (call $wrong_context (i32.const %index(data_certificate_copy)))))
  (call $copy_out
    (i32.const %label(ic0.data_certificate_copy heap))
    (i32.const %label(ic0.data_certificate_copy certificate))
    (%wide (local.get $dst)) (%wide (local.get $off)) (%wide (local.get $size))
    (i32.const %certificate_at) (i64.load32_u $mail (i32.const %certificate_len))))

;; --- log and trap

;; A record is its length (4 bytes) and its text; a bad range logs a remark instead.
(func (export "debug_print") (param $src %I) (param $size %I)
  (local $len i64) (local $at i32)
  %gate(debug_print)
  (local.set $len (%wide (local.get $size)))
  (if (i64.gt_u (local.get $len) (i64.const 32768)) (then (local.set $len (i64.const 32768))))
  (call $charge (local.get $len))
  (if (i32.gt_u
        (i32.add (i32.load $mail (i32.const %log_len)) (i32.const 32776))
        (i32.sub (i32.const %log_end) (i32.const %log_at)))
    (then (call $host_flush_log)))
  (local.set $at (i32.add (i32.const %log_at) (i32.load $mail (i32.const %log_len))))
  (if (call $is_in_heap (%wide (local.get $src)) (local.get $len))
    (then
      (memory.copy $mail $heap (i32.add (local.get $at) (i32.const 4))
        (local.get $src) (i32.wrap_i64 (local.get $len))))
    (else
      (local.set $len (i64.const 42))
      (memory.init $mail $bad_print
        (i32.add (local.get $at) (i32.const 4)) (i32.const 0) (i32.const 42))))
  (i32.store $mail (local.get $at) (i32.wrap_i64 (local.get $len)))
  (i32.store $mail (i32.const %log_len)
    (i32.add (i32.load $mail (i32.const %log_len))
      (i32.add (i32.wrap_i64 (local.get $len)) (i32.const 4)))))

(data $bad_print "(debug_print message out of memory bounds)")

(func $is_in_heap (param $at i64) (param $len i64) (result i32)
  (i32.and
    (i64.ge_u (i64.add (local.get $at) (local.get $len)) (local.get $at))
    (i64.le_u (i64.add (local.get $at) (local.get $len)) (call $heap_bytes))))

;; the text goes where a reply would; the rollback makes that harmless
(func (export "trap") (param $src %I) (param $size %I)
  (local $len i64)
  %gate(trap)
  (local.set $len (%wide (local.get $size)))
  (if (i64.gt_u (local.get $len) (i64.const 32768)) (then (local.set $len (i64.const 32768))))
  (call $charge (local.get $len))
  (if (call $is_in_heap (%wide (local.get $src)) (local.get $len))
    (then
      (memory.copy $mail $heap
        (i32.const %reply_at) (local.get $src) (i32.wrap_i64 (local.get $len))))
    (else
      (local.set $len (i64.const 35))
      (memory.init $mail $bad_trap (i32.const %reply_at) (i32.const 0) (i32.const 35))))
  (call $fail (i32.const %CALLED_TRAP) (i32.const 0)
    (local.get $len) (i64.const 0) (i64.const 0)))

(data $bad_trap "(trap message out of memory bounds)")
