// A counter in the heap that moves through stable memory when the canister is upgraded.
// Arguments and replies are numbers of 8 bytes, little-endian.
#include "ic0.h"

static u64 counter;

EXPORT("canister_init") void init(void) { counter = argument_u64(); }

EXPORT("canister_pre_upgrade") void pre_upgrade(void) {
  if (ic0_stable64_size() == 0) ic0_stable64_grow(1);
  ic0_stable64_write(0, (word)&counter, sizeof counter);
}

EXPORT("canister_post_upgrade") void post_upgrade(void) {
  ic0_stable64_read((word)&counter, 0, sizeof counter);
}

EXPORT("canister_update inc") void inc(void) { reply_u64(++counter); }

EXPORT("canister_update add_then_trap") void add_then_trap(void) {
  counter += argument_u64();
  static const char message[] = "after the addition";
  ic0_trap((word)message, sizeof message - 1);
}

EXPORT("canister_query get") void get(void) { reply_u64(counter); }
