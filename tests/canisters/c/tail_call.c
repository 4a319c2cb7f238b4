// Tail calls: two functions that call each other a million times in constant stack.
#include "ic0.h"

static u64 is_even(u64 number);

__attribute__((noinline)) static u64 is_odd(u64 number) {
  if (number == 0) return 0;
  __attribute__((musttail)) return is_even(number - 1);
}

__attribute__((noinline)) static u64 is_even(u64 number) {
  if (number == 0) return 1;
  __attribute__((musttail)) return is_odd(number - 1);
}

// Argument: a number; answers 1 if it is even.
EXPORT("canister_query is_even") void query_is_even(void) { reply_u64(is_even(argument_u64())); }
