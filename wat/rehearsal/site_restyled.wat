;; Another page, told in other headers; it certifies as before.
(module
  (@custom "icp:public candid:service" "type Header = record { text; text }; type Request = record { method : text; url : text; headers : vec Header; body : blob }; type Response = record { status_code : nat16; headers : vec Header; body : blob }; service : { http_request : (Request) -> (Response) query }")
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "certified_data_set" (func $certify (param i32 i32)))
  (import "ic0" "data_certificate_copy" (func $certificate (param i32 i32 i32)))
  (memory (export "memory") 1)
  ;; the root hash of the tree, and a response whose IC-Certificate header has the tree
  (data (i32.const 0) "\a3\89\66\ee\80\ed\bb\ce\76\b4\40\bb\b0\6e\86\8f\3e\25\59\a6\f7\cb\89\e7\80\56\8b\e3\d0\0f\36\c9")
  (data (i32.const 64) "\44\49\44\4c\04\6c\03\a2\f5\ed\88\04\01\c6\a4\a1\98\06\02\9a\a1\b2\f9\0c\7a\6d\7b\6d\03\6c\02\00\71\01\71\01\00\0b\68\65\6c\6c\6f\20\61\67\61\69\6e\01\0e\49\43\2d\43\65\72\74\69\66\69\63\61\74\65\27\63\65\72\74\69\66\69\63\61\74\65\3d\3a\41\41\3d\3d\3a\2c\20\74\72\65\65\3d\3a\32\64\6e\33\67\67\4e\44\62\32\35\6c\3a\c8\00")
  (func (export "canister_init")
    (call $certify (i32.const 0) (i32.const 32)))
  (func (export "canister_query http_request")
    (call $certificate (i32.const 4096) (i32.const 0) (i32.const 1)) ;; traps when there is none
    (call $append (i32.const 64) (i32.const 107))
    (call $reply)))
