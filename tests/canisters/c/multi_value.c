// Multi-value: a function that returns two results without going through memory.
#include "ic0.h"

typedef struct {
  u64 quotient, remainder;
} Division;

__attribute__((noinline)) static Division divide(u64 dividend, u64 divisor) {
  return (Division){dividend / divisor, dividend % divisor};
}

// Argument: dividend and divisor; answers quotient and remainder, 8 bytes each.
EXPORT("canister_query divide") void query_divide(void) {
  u64 numbers[2];
  ic0_msg_arg_data_copy((word)numbers, 0, sizeof numbers);
  Division result = divide(numbers[0], numbers[1]);
  reply(&result, sizeof result);
}
