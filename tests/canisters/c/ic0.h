// The system API for C, at either pointer width: `ic0.msg_reply` is `ic0_msg_reply`, and
// EXPORT("canister_query get") names the method that the next function is.
// A module imports only what it uses.
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef __UINTPTR_TYPE__ word;

#define EXPORT(name) __attribute__((export_name(name)))
#define IMPORT(result, name, parameters)                              \
  __attribute__((import_module("ic0"), import_name(#name))) result    \
      ic0_##name parameters;

#define R0(r, f) IMPORT(r, f, (void))
#define R1(r, f, a) IMPORT(r, f, (a))
#define R2(r, f, a, b) IMPORT(r, f, (a, b))
#define R4(r, f, a, b, c, d) IMPORT(r, f, (a, b, c, d))
#define V0(f) IMPORT(void, f, (void))
#define V1(f, a) IMPORT(void, f, (a))
#define V2(f, a, b) IMPORT(void, f, (a, b))
#define V3(f, a, b, c) IMPORT(void, f, (a, b, c))
#define V4(f, a, b, c, d) IMPORT(void, f, (a, b, c, d))
#define V5(f, a, b, c, d, e) IMPORT(void, f, (a, b, c, d, e))
#define V8(f, a, b, c, d, e, g, h, i) IMPORT(void, f, (a, b, c, d, e, g, h, i))
#include "imports.inc"

static inline void reply(const void *data, word size) {
  ic0_msg_reply_data_append((word)data, size);
  ic0_msg_reply();
}

static inline void reply_u64(u64 value) { reply(&value, sizeof value); }

static inline u64 argument_u64(void) {
  u64 value = 0;
  word size = ic0_msg_arg_data_size();
  ic0_msg_arg_data_copy((word)&value, 0, size < sizeof value ? size : sizeof value);
  return value;
}
