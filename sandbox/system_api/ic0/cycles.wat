;; Cycles: 128-bit amounts that live in the mailbox as two 64-bit halves.

;; mail[at] >= (lo, hi)
(func $at_least (param $at i32) (param $lo i64) (param $hi i64) (result i32)
  (local $have i64)
  (local.set $have (i64.load $mail offset=8 (local.get $at)))
  (if (i64.ne (local.get $have) (local.get $hi))
    (then (return (i64.gt_u (local.get $have) (local.get $hi)))))
  (i64.ge_u (i64.load $mail (local.get $at)) (local.get $lo)))

(func $take (param $at i32) (param $lo i64) (param $hi i64)
  (local $have i64)
  (local.set $have (i64.load $mail (local.get $at)))
  (i64.store $mail (local.get $at) (i64.sub (local.get $have) (local.get $lo)))
  (i64.store $mail offset=8 (local.get $at)
    (i64.sub
      (i64.sub (i64.load $mail offset=8 (local.get $at)) (local.get $hi))
      (i64.extend_i32_u (i64.lt_u (local.get $have) (local.get $lo))))))

(func $give (param $at i32) (param $lo i64) (param $hi i64)
  (local $sum i64)
  (local.set $sum (i64.add (i64.load $mail (local.get $at)) (local.get $lo)))
  (i64.store $mail (local.get $at) (local.get $sum))
  (i64.store $mail offset=8 (local.get $at)
    (i64.add
      (i64.add (i64.load $mail offset=8 (local.get $at)) (local.get $hi))
      (i64.extend_i32_u (i64.lt_u (local.get $sum) (local.get $lo))))))

;; the balance and what of it may be spent move together
(func $spend (param $lo i64) (param $hi i64)
  (call $take (i32.const %balance_lo) (local.get $lo) (local.get $hi))
  (call $take (i32.const %liquid_lo) (local.get $lo) (local.get $hi)))

(func $earn (param $lo i64) (param $hi i64)
  (call $give (i32.const %balance_lo) (local.get $lo) (local.get $hi))
  (call $give (i32.const %liquid_lo) (local.get $lo) (local.get $hi)))

(func $show128 (param $label i32) (param $dst i64) (param $at i32)
  (call $put128 (local.get $label) (local.get $dst)
    (i64.load $mail (local.get $at)) (i64.load $mail offset=8 (local.get $at))))

(func (export "canister_cycle_balance128") (param $dst %I)
  %gate(canister_cycle_balance128)
  (call $show128 (i32.const %label(ic0_canister_cycle_balance128))
    (%wide (local.get $dst)) (i32.const %balance_lo)))

(func (export "canister_liquid_cycle_balance128") (param $dst %I)
  %gate(canister_liquid_cycle_balance128)
  (call $show128 (i32.const %label(ic0_canister_liquid_cycle_balance128))
    (%wide (local.get $dst)) (i32.const %liquid_lo)))

(func (export "msg_cycles_available128") (param $dst %I)
  %gate(msg_cycles_available128)
  (call $show128 (i32.const %label(ic0_msg_cycles_available128))
    (%wide (local.get $dst)) (i32.const %available_lo)))

(func (export "msg_cycles_refunded128") (param $dst %I)
  %gate(msg_cycles_refunded128)
  (call $show128 (i32.const %label(ic0_msg_cycles_refunded128))
    (%wide (local.get $dst)) (i32.const %refunded_lo)))

;; accept what there is, at most (lo, hi)
(func $accept (param $lo i64) (param $hi i64) (result i64 i64)
  (if (i32.eqz (call $at_least (i32.const %available_lo) (local.get $lo) (local.get $hi)))
    (then
      (local.set $lo (i64.load $mail (i32.const %available_lo)))
      (local.set $hi (i64.load $mail (i32.const %available_hi)))))
  (call $take (i32.const %available_lo) (local.get $lo) (local.get $hi))
  (call $give (i32.const %accepted_lo) (local.get $lo) (local.get $hi))
  (call $earn (local.get $lo) (local.get $hi))
  (local.get $lo)
  (local.get $hi))

(func (export "msg_cycles_accept128") (param $hi i64) (param $lo i64) (param $dst %I)
  %gate(msg_cycles_accept128)
  (call $accept (local.get $lo) (local.get $hi))
  (local.set $hi)
  (local.set $lo)
  (call $put128 (i32.const %label(ic0_msg_cycles_accept128))
    (%wide (local.get $dst)) (local.get $lo) (local.get $hi)))

(func (export "cycles_burn128") (param $hi i64) (param $lo i64) (param $dst %I)
  %gate(cycles_burn128)
  (if (i32.eqz (call $at_least (i32.const %liquid_lo) (local.get $lo) (local.get $hi)))
    (then
      (local.set $lo (i64.load $mail (i32.const %liquid_lo)))
      (local.set $hi (i64.load $mail (i32.const %liquid_hi)))))
  (call $spend (local.get $lo) (local.get $hi))
  (call $give (i32.const %burned_lo) (local.get $lo) (local.get $hi))
  (call $put128 (i32.const %label(ic0_cycles_burn128))
    (%wide (local.get $dst)) (local.get $lo) (local.get $hi)))

;; only the cycles minting canister may; it does not run here
(func (export "mint_cycles128") (param $hi i64) (param $lo i64) (param $dst %I)
  %gate(mint_cycles128)
  (call $fail (i32.const %NO_MINTING) (i32.const 0) (i64.const 0) (i64.const 0) (i64.const 0)))

;;32 begin
(func $only64 (param $at i32) (result i64)
  (if (i64.ne (i64.load $mail offset=8 (local.get $at)) (i64.const 0))
    (then (call $fail (i32.const %TRAP)
      (i32.const %label(cycles amount exceeds 64-bit representation))
      (i64.const 0) (i64.const 0) (i64.const 0))))
  (i64.load $mail (local.get $at)))

(func (export "canister_cycle_balance") (result i64)
  %gate(canister_cycle_balance)
  (call $only64 (i32.const %balance_lo)))

(func (export "msg_cycles_available") (result i64)
  %gate(msg_cycles_available)
  (call $only64 (i32.const %available_lo)))

(func (export "msg_cycles_refunded") (result i64)
  %gate(msg_cycles_refunded)
  (call $only64 (i32.const %refunded_lo)))

(func (export "msg_cycles_accept") (param $most i64) (result i64)
  %gate(msg_cycles_accept)
  (call $accept (local.get $most) (i64.const 0))
  (drop))
;;32 end

;; --- what things would cost: the host's table, handed over through %cost_at

(func $put_cost (param $label i32) (param $dst i64)
  (call $show128 (local.get $label) (local.get $dst) (i32.const %cost_at)))

(func (export "cost_call") (param $name i64) (param $payload i64) (param $dst %I)
  %gate(cost_call)
  (drop (call $host_cost
    (i32.const %index(cost_call)) (local.get $name) (local.get $payload)))
  (call $put_cost (i32.const %label(ic0_cost_call)) (%wide (local.get $dst))))

(func (export "cost_create_canister") (param $dst %I)
  %gate(cost_create_canister)
  (drop (call $host_cost (i32.const %index(cost_create_canister)) (i64.const 0) (i64.const 0)))
  (call $put_cost (i32.const %label(ic0_cost_create_canister)) (%wide (local.get $dst))))

(func (export "cost_http_request") (param $request i64) (param $response i64) (param $dst %I)
  %gate(cost_http_request)
  (drop (call $host_cost
    (i32.const %index(cost_http_request)) (local.get $request) (local.get $response)))
  (call $put_cost (i32.const %label(ic0_cost_http_request)) (%wide (local.get $dst))))

;; the key name goes to the scratch area; one that does not fit is cut: no key has that name
(func $cost_of_key (param $f i32) (param $heap_label i32) (param $dst_label i32)
  (param $src i64) (param $size i64) (param $curve i32) (param $dst i64) (result i32)
  (local $status i32)
  (call $in_heap (local.get $heap_label) (local.get $src) (local.get $size))
  (if (i64.gt_u (local.get $size) (i64.const %SCRATCH_BYTES))
    (then (local.set $size (i64.const %SCRATCH_BYTES))))
  (call $copy_in (local.get $heap_label)
    (local.get $src) (local.get $size) (i32.const %scratch_at))
  (if (i32.eqz (call $is_utf8 (i32.const %scratch_at) (i32.wrap_i64 (local.get $size))))
    (then (call $fail (i32.const %BAD_KEY_NAME) (i32.const 0)
      (local.get $size) (i64.const 0) (i64.const 0))))
  (local.set $status (call $host_cost
    (local.get $f) (i64.extend_i32_u (local.get $curve)) (local.get $size)))
  (if (i32.eqz (local.get $status))
    (then (call $put_cost (local.get $dst_label) (local.get $dst))))
  (local.get $status))

(func (export "cost_sign_with_ecdsa")
  (param $src %I) (param $size %I) (param $curve i32) (param $dst %I) (result i32)
  %gate(cost_sign_with_ecdsa)
  (call $cost_of_key (i32.const %index(cost_sign_with_ecdsa))
    (i32.const %label(ic0.cost_sign_with_ecdsa heap)) (i32.const %label(ic0_cost_sign_with_ecdsa))
    (%wide (local.get $src)) (%wide (local.get $size))
    (local.get $curve) (%wide (local.get $dst))))

(func (export "cost_sign_with_schnorr")
  (param $src %I) (param $size %I) (param $algorithm i32) (param $dst %I) (result i32)
  %gate(cost_sign_with_schnorr)
  (call $cost_of_key (i32.const %index(cost_sign_with_schnorr))
    (i32.const %label(ic0.cost_sign_with_schnorr heap))
    (i32.const %label(ic0_cost_sign_with_schnorr))
    (%wide (local.get $src)) (%wide (local.get $size))
    (local.get $algorithm) (%wide (local.get $dst))))

(func (export "cost_vetkd_derive_key")
  (param $src %I) (param $size %I) (param $curve i32) (param $dst %I) (result i32)
  %gate(cost_vetkd_derive_key)
  (call $cost_of_key (i32.const %index(cost_vetkd_derive_key))
    (i32.const %label(ic0.cost_vetkd_derive_key heap))
    (i32.const %label(ic0_cost_vetkd_derive_key))
    (%wide (local.get $src)) (%wide (local.get $size))
    (local.get $curve) (%wide (local.get $dst))))
