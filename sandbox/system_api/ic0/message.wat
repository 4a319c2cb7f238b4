;; The message: argument, caller, reject, deadline; reply, reject, inspection.

(func (export "msg_arg_data_size") (result %I)
  %gate(msg_arg_data_size)
  (%narrow (i64.load $mail (i32.const %arg_len))))

(func (export "msg_arg_data_copy") (param $dst %I) (param $off %I) (param $size %I)
  %gate(msg_arg_data_copy)
  (call $copy_out
    (i32.const %label(ic0.msg_arg_data_copy heap)) (i32.const %label(ic0.msg_arg_data_copy payload))
    (%wide (local.get $dst)) (%wide (local.get $off)) (%wide (local.get $size))
    (i32.const %arg_at) (i64.load $mail (i32.const %arg_len))))

(func (export "msg_caller_size") (result %I)
  %gate(msg_caller_size)
  (%ptr (i32.load $mail (i32.const %caller_len))))

(func (export "msg_caller_copy") (param $dst %I) (param $off %I) (param $size %I)
  %gate(msg_caller_copy)
  (call $copy_out
    (i32.const %label(ic0.msg_caller_copy heap)) (i32.const %label(ic0.msg_caller_copy id))
    (%wide (local.get $dst)) (%wide (local.get $off)) (%wide (local.get $size))
    (i32.const %caller_at) (i64.load32_u $mail (i32.const %caller_len))))

(func (export "msg_caller_info_data_size") (result %I)
  %gate(msg_caller_info_data_size)
  (%ptr (i32.load $mail (i32.const %info_len))))

(func (export "msg_caller_info_data_copy") (param $dst %I) (param $off %I) (param $size %I)
  %gate(msg_caller_info_data_copy)
  (call $copy_out
    (i32.const %label(ic0.msg_caller_info_data_copy heap))
    (i32.const %label(ic0.msg_caller_info_data_copy data))
    (%wide (local.get $dst)) (%wide (local.get $off)) (%wide (local.get $size))
    (i32.const %info_at) (i64.load32_u $mail (i32.const %info_len))))

(func (export "msg_caller_info_signer_size") (result %I)
  %gate(msg_caller_info_signer_size)
  (%ptr (i32.load $mail (i32.const %signer_len))))

(func (export "msg_caller_info_signer_copy") (param $dst %I) (param $off %I) (param $size %I)
  %gate(msg_caller_info_signer_copy)
  (call $copy_out
    (i32.const %label(ic0.msg_caller_info_signer_copy heap))
    (i32.const %label(ic0.msg_caller_info_signer_copy id))
    (%wide (local.get $dst)) (%wide (local.get $off)) (%wide (local.get $size))
    (i32.const %signer_at) (i64.load32_u $mail (i32.const %signer_len))))

(func (export "msg_reject_code") (result i32)
  %gate(msg_reject_code)
  (i32.load $mail (i32.const %reject_code)))

(func (export "msg_reject_msg_size") (result %I)
  %gate(msg_reject_msg_size)
  (%ptr (i32.load $mail (i32.const %reject_len))))

(func (export "msg_reject_msg_copy") (param $dst %I) (param $off %I) (param $size %I)
  %gate(msg_reject_msg_copy)
  (call $copy_out
    (i32.const %label(ic0.msg_reject_msg_copy heap)) (i32.const %label(ic0.msg_reject_msg_copy msg))
    (%wide (local.get $dst)) (%wide (local.get $off)) (%wide (local.get $size))
    (i32.const %arg_at) (i64.load32_u $mail (i32.const %reject_len))))

(func (export "msg_deadline") (result i64)
  %gate(msg_deadline)
  (i64.load $mail (i32.const %deadline)))

;; 1 when this call context was answered before or in this message
(func $is_answered (result i32)
  (i32.or (i32.load $mail (i32.const %answered)) (i32.load $mail (i32.const %reply_state))))

(func (export "msg_reply_data_append") (param $src %I) (param $size %I)
  (local $total i64)
  %gate(msg_reply_data_append)
  (if (call $is_answered) (then (call $toolchain
    (i32.const %label(ic0.msg_reply_data_append: the call is already replied.)))))
  (local.set $total
    (i64.add (i64.load32_u $mail (i32.const %reply_len)) (%wide (local.get $size))))
  ;; the sum of a 64-bit size may wrap around
  (if (i32.or
        (i64.lt_u (local.get $total) (%wide (local.get $size)))
        (i64.gt_u (local.get $total) (i64.load32_u $mail (i32.const %max_reply))))
    (then (call $fail (i32.const %USER)
      (i32.const %label(ic0.msg_reply_data_append: application payload size ({a}) cannot be larger than {b}.))
      (local.get $total) (i64.load32_u $mail (i32.const %max_reply)) (i64.const 0))))
  (call $copy_in (i32.const %label(msg.reply))
    (%wide (local.get $src)) (%wide (local.get $size))
    (i32.add (i32.const %reply_at) (i32.load $mail (i32.const %reply_len))))
  (i32.store $mail (i32.const %reply_len) (i32.wrap_i64 (local.get $total))))

(func (export "msg_reply")
  %gate(msg_reply)
  (if (call $is_answered) (then (call $toolchain
    (i32.const %label(ic0.msg_reply: the call is already replied)))))
  (i32.store $mail (i32.const %reply_state) (i32.const 1)))

(func (export "msg_reject") (param $src %I) (param $size %I)
  %gate(msg_reject)
  (if (call $is_answered) (then (call $toolchain
    (i32.const %label(ic0.msg_reject: the call is already replied)))))
  (if (i64.gt_u (%wide (local.get $size)) (i64.load32_u $mail (i32.const %max_reply)))
    (then (call $fail (i32.const %USER)
      (i32.const %label(ic0.msg_reject: application payload size ({a}) cannot be larger than {b}.))
      (%wide (local.get $size)) (i64.load32_u $mail (i32.const %max_reply)) (i64.const 0))))
  (call $copy_in (i32.const %label(ic0.msg_reject))
    (%wide (local.get $src)) (%wide (local.get $size)) (i32.const %reply_at))
  (if (i32.eqz (call $is_utf8 (i32.const %reply_at) (%to32 (local.get $size))))
    (then (call $toolchain (i32.const %label(ic0.msg_reject: invalid UTF-8 string provided)))))
  (i32.store $mail (i32.const %reply_len) (%to32 (local.get $size)))
  (i32.store $mail (i32.const %reply_state) (i32.const 2)))

(func (export "msg_method_name_size") (result %I)
  %gate(msg_method_name_size)
  (%ptr (i32.load $mail (i32.const %method_len))))

(func (export "msg_method_name_copy") (param $dst %I) (param $off %I) (param $size %I)
  %gate(msg_method_name_copy)
  (call $copy_out
    (i32.const %label(ic0.msg_method_name_copy heap))
    (i32.const %label(ic0.msg_method_name_copy payload))
    (%wide (local.get $dst)) (%wide (local.get $off)) (%wide (local.get $size))
    (i32.const %method_at) (i64.load32_u $mail (i32.const %method_len))))

(func (export "accept_message")
  %gate(accept_message)
  (if (i32.load $mail (i32.const %accepted)) (then (call $toolchain
    (i32.const %label(ic0.accept_message: the function was already called.)))))
  (i32.store $mail (i32.const %accepted) (i32.const 1)))
